"""A StatefulSet whose newest revision cannot start: its controller waits for the broken pod for ever."""

from typing import Any

from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.port import STATEFUL_SETS
from byteport.sandbox.controlplane import BACKOFF_ANNOTATION, FAULT_ANNOTATION, Fault
from tests.scenarios.ground import Ground
from tests.scenarios.model import CONTROL_PLANE_ONLY, Escalated, Row, Scenario, Step
from tests.scenarios.steps import step

WHY = "the simulated cluster keeps StatefulSets and lets nobody act on them"
PULLS = frozenset({Cause.IMAGE_BAD_REFERENCE, Cause.IMAGE_PULL, Cause.BAD_IMAGE})
NOT_OURS = frozenset({Reason.NOT_A_DEPLOYMENT})


def stateful_set(ground: Ground, version: int, fault: str | None = None) -> dict[str, Any]:
    annotations = {FAULT_ANNOTATION: fault, BACKOFF_ANNOTATION: "1"} if fault else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": ground.namespace, "labels": {"app": "db"}},
        "spec": {
            "replicas": 2,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}},
            "template": {
                "metadata": {"labels": {"app": "db"}, "annotations": annotations},
                "spec": {
                    "nodeSelector": ground.selector,
                    "containers": [{"name": "db", "image": f"{ground.registry}/db:{version}"}],
                },
            },
        },
    }


def put(version: int, fault: str | None = None) -> Step:
    said = f", which has the fault {fault}" if fault else ""
    return step(
        f"version {version} of db is applied{said}", lambda ground: ground.put(stateful_set(ground, version, fault))
    )


def runs(*, broken: bool) -> Step:
    """Wait until both pods are Ready, or one of them cannot pull its image."""

    async def do(ground: Ground) -> None:
        async def look() -> bool:
            if not broken:
                return ((await ground.get(STATEFUL_SETS, "db")).get("status") or {}).get("readyReplicas") == 2
            statuses = [one for pod in await ground.pods("db") for one in pod["status"].get("containerStatuses") or []]
            return any("Pull" in ((one["state"].get("waiting") or {}).get("reason") or "") for one in statuses)

        await ground.until("the StatefulSet", look)

    return step("db does not start" if broken else "db runs", do)


SCENARIOS = (
    Scenario(
        name="stateful-set-bad-image",
        row=Row.STATEFUL_SET,
        says="A StatefulSet's new revision names an image that is not there; rolling it back is a person's.",
        before=(put(1), runs(broken=False)),
        broken=(put(2, Fault.IMAGE), runs(broken=True)),
        right=Escalated(PULLS, reasons=NOT_OURS),
        shown_on=CONTROL_PLANE_ONLY,
        why_not=WHY,
        seconds=240,
    ),
    Scenario(
        name="stateful-set-template-put-back",
        row=Row.STATEFUL_SET,
        says="Somebody puts the template back; the broken pod stays as it is, and nobody may call that repaired.",
        before=(put(1), runs(broken=False)),
        broken=(put(2, Fault.IMAGE), runs(broken=True), put(1)),
        right=Escalated(PULLS, reasons=NOT_OURS),
        shown_on=CONTROL_PLANE_ONLY,
        why_not=WHY,
        seconds=240,
    ),
)
