"""A crash loop for want of memory: whose runbook tells it, and that the answer stays one escalation."""

from __future__ import annotations

import pytest

from byteport.domain.failures import Failure
from byteport.domain.policy import Mode
from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import Target
from byteport.kubernetes.world import World
from byteport.runbooks.explain import assumed_policy, explain
from tests.builders.asking import CLUSTER, ask
from tests.builders.memory import LIMIT, Measured
from tests.builders.objects import owner, terminated, waiting
from tests.builders.workload import Workload


def killed(shop: Workload | None = None) -> Workload:
    made = shop or Workload()
    made.crash(0, code=137, reason="OOMKilled", restarts=9)
    return made


def test_a_deployments_kill_for_memory_is_handed_over_with_its_class() -> None:
    answer = ask(killed().world())
    assert (answer.cause, answer.diagnosis.hand_over) == (Cause.OOM_KILLED, Failure.MEMORY)
    assert (answer.reasons, answer.acts) == ((Reason.CAUSE_NEEDS_A_PERSON,), False)


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_of_other_kinds_the_crash_loops_runbook_tells_it_itself(kind: str) -> None:
    shop = killed()
    for pod in shop.pods:
        pod["metadata"]["ownerReferences"] = [owner(kind, "db", "u-1")]
    answer = ask(shop.world(), Target(cluster_uid=CLUSTER, namespace="shop", kind=kind, name="db", uid="u-1"))
    assert (answer.cause, answer.diagnosis.hand_over, answer.escalates) == (Cause.OOM_KILLED, None, True)


def test_a_bare_pods_kill_is_told_by_the_crash_loops_runbook() -> None:
    shop = killed()
    shop.pods[0]["metadata"]["ownerReferences"] = []
    target = Target(cluster_uid=CLUSTER, namespace="shop", kind="Pod", name=shop.name_of(0))
    answer = ask(shop.world(), target)
    assert (answer.cause, answer.diagnosis.hand_over, answer.escalates) == (Cause.OOM_KILLED, None, True)


def test_a_container_that_was_killed_once_is_nobodys_trouble() -> None:
    shop = Workload()
    shop.pods[0]["status"]["containerStatuses"][0] |= {
        "restartCount": 1,
        "lastState": terminated(137, "OOMKilled", started=90, finished=20),
    }
    assert ask(shop.world()).diagnosis.silent


def test_a_kill_by_a_probe_is_not_memorys() -> None:
    shop = Workload()
    shop.crash(0, code=137, reason="Error")
    assert ask(shop.world()).diagnosis.hand_over is None


def test_a_release_that_is_killed_for_memory_stays_the_rollbacks() -> None:
    shop = Workload()
    new = shop.release("registry.example.internal/shop/web:8", number=5, created=20, replicas=1, promote=True)
    shop.add_pod(new, index=9, created=20)
    shop.crash(len(shop.pods) - 1, code=137, reason="OOMKilled")
    shop.deployment["status"]["conditions"] = shop.conditions("ReplicaSetUpdated", since=20)
    assert ask(shop.world()).diagnosis.hand_over is Failure.BAD_ROLLOUT


def test_explaining_it_gives_one_escalation_with_limit_trend_and_replicas() -> None:
    world = killed(Measured(replicas=5)).world(complete=False)
    said = explain(world, assumed_policy(world), Mode.AUTO)
    (incident,) = said.incidents
    assert (incident.signal, incident.cause, incident.act) == ("memory_pressure", Cause.OOM_KILLED, None)
    assert said.escalate
    told = {fact.name: fact.value for fact in incident.facts}
    assert (told["killed_limit_bytes"], told["trend"], told["replicas"]) == (LIMIT, "ceiling", 5)


def test_a_pod_waiting_for_its_first_image_hands_nothing_over() -> None:
    shop = Workload()
    shop.pods[0]["status"]["containerStatuses"][0] |= {"state": waiting("ContainerCreating"), "ready": False}
    world = World(now=shop.world().now, objects=tuple(shop.objects()))
    assert ask(world).diagnosis.hand_over is None
