"""Nothing is wrong, however it may look for a moment."""

from byteport.sandbox.controlplane import Fault
from tests.scenarios.ground import Ground
from tests.scenarios.model import Row, Scenario, Silent
from tests.scenarios.steps import (
    a_pod_is_deleted,
    applied,
    crashed,
    one_pod,
    recovers,
    released,
    scaled,
    serves,
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
        broken=(one_pod(Fault.TRANSIENT), crashed(1), recovers(), serves(), time_passes(900)),
        right=Silent(),
    ),
)
