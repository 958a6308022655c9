"""Between the template and the pod somebody rewrites what was released."""

from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.port import PODS
from byteport.sandbox.controlplane import FAULT_ANNOTATION, Fault
from tests.scenarios.ground import Ground
from tests.scenarios.model import SIMULATED_ONLY, Escalated, Row, Scenario
from tests.scenarios.steps import every_pod, released, step


async def image_is_rewritten(ground: Ground) -> None:
    """As a webhook does that puts a mirror before every image; new pods of the release come out with another one."""

    async def look() -> bool:
        return any(FAULT_ANNOTATION in (pod["metadata"].get("annotations") or {}) for pod in await ground.pods())

    await ground.until("a pod of the new revision", look)
    for pod in await ground.pods():
        if FAULT_ANNOTATION in (pod["metadata"].get("annotations") or {}):
            image = f"mirror.{ground.namespace}.example/web:2"
            patch = {"spec": {"containers": [{"name": "web", "image": image}]}}
            await ground.merge(PODS, pod["metadata"]["name"], patch, manager="image-policy")


async def limits_are_rewritten(ground: Ground) -> None:
    """As a webhook does that knows better what a container needs."""
    for pod in await ground.pods():
        patch = {"spec": {"containers": [{"name": "web", "resources": {"limits": {"memory": "64Mi"}}}]}}
        await ground.merge(PODS, pod["metadata"]["name"], patch, manager="right-sizer")


LIMITED = {"containers": [{"name": "web", "resources": {"limits": {"memory": "512Mi"}}}]}

SCENARIOS = (
    Scenario(
        name="webhook-rewrites-the-image",
        row=Row.WEBHOOK_REWRITES,
        says="A webhook names another image than the release did, and that one is not there.",
        broken=(released(2, fault=Fault.IMAGE), step("the image of the new pods is rewritten", image_is_rewritten)),
        right=Escalated(
            frozenset({Cause.MUTATOR}), names=("mutated",), reasons=frozenset({Reason.OWNED_BY_CONTROLLER})
        ),
    ),
    Scenario(
        name="webhook-rewrites-the-limits",
        row=Row.WEBHOOK_REWRITES,
        says="A webhook gives the pods an eighth of the memory that the template says, and they are killed for it.",
        before=(released(1, spec=LIMITED),),
        broken=(step("the limits of the pods are rewritten", limits_are_rewritten), every_pod(Fault.OOM)),
        right=Escalated(frozenset({Cause.MUTATOR, Cause.MEMORY_RESQUEEZED})),
        shown_on=SIMULATED_ONLY,
        why_not="a real API server lets nobody lower the memory of a running container",
    ),
)
