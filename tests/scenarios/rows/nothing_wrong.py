"""Nothing is wrong, however it may look for a moment."""

from byteport.kubernetes.port import PODS
from byteport.sandbox.simulated.clocks import stamp
from tests.scenarios.ground import Ground
from tests.scenarios.model import Row, Scenario, Silent
from tests.scenarios.steps import (
    a_pod_is_deleted,
    applied,
    released,
    scaled,
    serves,
    step,
    time_passes,
)


def autoscaler(ground: Ground) -> dict[str, object]:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": ground.namespace},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 3,
            "maxReplicas": 6,
        },
    }


async def killed_once(ground: Ground) -> None:
    """As a kubelet writes it: the first restart comes at once, without a back-off."""
    pod = (await ground.pods())[0]
    at = stamp(ground.place.clock())
    before = pod["status"]["containerStatuses"][0]
    ended = {"exitCode": 137, "reason": "Error", "startedAt": before["state"]["running"]["startedAt"], "finishedAt": at}
    down = {**before, "ready": False, "started": False, "state": {"terminated": ended}}
    up = {
        **before,
        "ready": True,
        "started": True,
        "restartCount": 1,
        "state": {"running": {"startedAt": at}},
        "lastState": {"terminated": ended},
    }
    for status, ready in ((down, "False"), (up, "True")):
        conditions = [
            {"type": kind, "status": ready, "lastTransitionTime": at} for kind in ("Ready", "ContainersReady")
        ]
        await ground.set_status(
            PODS, pod["metadata"]["name"], {"conditions": conditions, "containerStatuses": [status]}
        )


SIZED = {"containers": [{"name": "web", "resources": {"requests": {"cpu": "500m"}}}]}

SCENARIOS = (
    Scenario(
        name="nothing-wrong",
        row=Row.NOTHING,
        says="Everything runs.",
        broken=(time_passes(900),),
        right=Silent(),
        quiet_seconds=10,
    ),
    Scenario(
        name="nothing-wrong-and-somebody-scales",
        row=Row.NOTHING,
        says="Somebody scales it up, and down again.",
        broken=(scaled(5), serves(), scaled(3), serves(), time_passes(900)),
        right=Silent(),
    ),
    Scenario(
        name="nothing-wrong-and-an-autoscaler-is-added",
        row=Row.NOTHING,
        says="An autoscaler is put on it, and has nothing to do.",
        before=(released(1, spec=SIZED),),
        broken=(applied("an autoscaler is added", autoscaler), time_passes(900)),
        right=Silent(),
    ),
    Scenario(
        name="healthy-rollout",
        row=Row.NOTHING,
        says="A new version is rolled out, and serves.",
        broken=(released(2), serves(), time_passes(900)),
        right=Silent(),
    ),
    Scenario(
        name="pod-deleted-by-hand",
        row=Row.NOTHING,
        says="Somebody deletes a pod; its controller makes another.",
        broken=(a_pod_is_deleted(), time_passes(900)),
        right=Silent(),
    ),
    Scenario(
        name="container-killed-once",
        row=Row.NOTHING,
        says="A container is killed once, is started again, and runs.",
        broken=(step("a container is killed and started again", killed_once), serves(), time_passes(900)),
        right=Silent(),
    ),
)
