"""A release whose pods are Ready for a moment between two crashes, so that the rollout never fails by the clock."""

from byteport.kubernetes.port import PODS
from byteport.sandbox.controlplane import FAULT_ANNOTATION, Fault
from byteport.sandbox.simulated.clocks import stamp
from tests.scenarios.ground import Ground
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Row, Scenario
from tests.scenarios.steps import released, step

TIMES = 3
READY_FOR_LONG = {"spec": {"minReadySeconds": 10}}
"""A second of readiness is progress, and is not being available: the old revision stays."""


async def flaps(ground: Ground) -> None:
    """A pod of the new revision passes its readiness probe whenever it is up, and crashes a second later."""
    for _ in range(TIMES):
        await ground.until("a pod of the new revision to be up", lambda: _becomes_ready(ground))


async def _becomes_ready(ground: Ground) -> bool:
    """True once one is, and when the agent has been quicker: then there are no such pods any more."""
    bad = [pod for pod in await ground.pods() if FAULT_ANNOTATION in (pod["metadata"].get("annotations") or {})]
    for pod in bad:
        statuses = pod["status"].get("containerStatuses") or []
        if not statuses or "running" not in statuses[0]["state"] or statuses[0].get("ready"):
            continue
        at = stamp(ground.place.clock())
        ready = [{"type": kind, "status": "True", "lastTransitionTime": at} for kind in ("Ready", "ContainersReady")]
        status = {"conditions": ready, "containerStatuses": [{**statuses[0], "ready": True}]}
        await ground.set_status(PODS, pod["metadata"]["name"], status)
        return True
    template = (await ground.deployment())["spec"]["template"]
    return FAULT_ANNOTATION not in (template["metadata"].get("annotations") or {})


SCENARIOS = (
    Scenario(
        name="release-that-flaps",
        row=Row.FLAPS,
        says="The new revision's pods are Ready for a second between crashes; the progress deadline never fires.",
        before=(released(1, deployment=READY_FOR_LONG),),
        broken=(
            released(2, fault=Fault.CRASH, deployment=READY_FOR_LONG),
            step("its pods are Ready between two crashes", flaps),
        ),
        right=Fixed(PATCHES_DEPLOYMENT),
        deadline_seconds=600,
        seconds=180,
    ),
)
