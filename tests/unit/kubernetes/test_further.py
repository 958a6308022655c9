"""Which second reads are made: enough to tell the cause, never a thousand of them."""

from collections.abc import Sequence
from typing import Any

from byteport.domain.targets import Target
from byteport.kubernetes import further
from byteport.kubernetes.world import JSON, LogKey, World
from tests.builders.objects import NOW

WEB = Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web", uid="d1")


def owned(kind: str, uid: str) -> list[JSON]:
    return [{"kind": kind, "name": "x", "uid": uid, "controller": True, "apiVersion": "apps/v1"}]


def replica_set(uid: str, deployment: str) -> JSON:
    return {"metadata": {"name": uid, "uid": uid, "ownerReferences": owned("Deployment", deployment)}}


def pod(name: str, owner: str = "rs1", *, ready: bool = False, node: str = "n1", **status: Any) -> JSON:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": owned("ReplicaSet", owner)},
        "spec": {"nodeName": node},
        "status": {"phase": "Running", "conditions": conditions, **status},
    }


def crashed(name: str = "app", restarts: int = 3) -> JSON:
    return {
        "name": name,
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1}},
    }


def _world(pods: list[JSON], sets: Sequence[JSON] = ()) -> World:
    of_kinds = (("Pod", pods), ("ReplicaSet", sets))
    return World(now=NOW, objects=tuple({"kind": kind} | item for kind, items in of_kinds for item in items))


def test_the_pods_of_a_deployment_are_those_of_its_own_replica_sets() -> None:
    sets = [replica_set("rs1", "d1"), replica_set("rs2", "another")]
    pods = [pod("a", "rs1"), pod("b", "rs2"), {"metadata": {"name": "bare"}}]
    assert [p["metadata"]["name"] for p in further.pods_of(WEB, "d1", _world(pods, sets))] == ["a"]


def test_a_target_whose_uid_is_not_known_has_no_pods() -> None:
    orphan: JSON = {"metadata": {"name": "orphan", "ownerReferences": owned("ReplicaSet", "")}}
    assert further.pods_of(WEB, "", _world([orphan, pod("a")], [replica_set("rs1", "d1")])) == []


def test_a_pod_as_target_is_its_own_pod() -> None:
    target = WEB.model_copy(update={"kind": "Pod", "name": "a", "uid": "a"})
    assert [p["metadata"]["name"] for p in further.pods_of(target, "a", _world([pod("a"), pod("b")]))] == ["a"]


def test_logs_are_read_of_every_failing_container_init_and_sidecar_included() -> None:
    failing = pod("a", initContainerStatuses=[crashed("migrate")], containerStatuses=[crashed("app"), crashed("proxy")])
    keys = [read.key for read in further.log_reads([failing])]
    assert keys == [LogKey("shop", "a", "migrate"), LogKey("shop", "a", "app"), LogKey("shop", "a", "proxy")]


def test_a_container_that_never_started_or_is_well_leaves_no_log_to_read() -> None:
    statuses = [
        {"name": "new", "state": {"waiting": {"reason": "ContainerCreating"}}},
        {"name": "well", "ready": True, "state": {"running": {}}},
        {"name": "done", "state": {"terminated": {"exitCode": 0}}},
    ]
    assert further.log_reads([pod("a", containerStatuses=statuses)]) == []


def test_a_former_instance_is_asked_for_only_where_there_was_one() -> None:
    unready = {"name": "app", "ready": False, "state": {"running": {}}}
    reads = further.log_reads([pod("a", containerStatuses=[unready]), pod("b", containerStatuses=[crashed()])])
    assert {read.key.pod: read.previous for read in reads} == {"a": False, "b": True}


def test_a_healthy_pod_is_not_read_closer() -> None:
    healthy = pod("a", ready=True, containerStatuses=[crashed()])
    assert further.log_reads([healthy]) == []
    assert further.budget_questions([healthy]) == []
    assert further.suspects([healthy]) == []


def test_of_a_thousand_failing_pods_the_few_with_most_restarts_are_read() -> None:
    pods = [pod(f"p{i}", node=f"n{i}", containerStatuses=[crashed(restarts=i)]) for i in range(1000)]
    reads = further.log_reads(pods)
    assert len(reads) == further.MOST_LOG_PODS
    assert reads[0].key.pod == "p999"
    assert len(further.budget_questions(pods)) == further.MOST_BUDGET_QUESTIONS
    assert len(further.nodes_worth_reading(pods, pods)) == further.MOST_NODES
    assert len(further.suspects(pods)) == further.MOST_SUSPECTS


def test_nodes_of_unwell_pods_come_first_and_each_once() -> None:
    own = [pod("a", ready=True, node="calm"), pod("b", node="bad"), pod("c", node="bad"), pod("d", node="")]
    assert further.nodes_worth_reading(own, [pod("e", node="other")]) == ["bad", "calm", "other"]


def test_a_pod_that_is_being_deleted_or_has_finished_is_not_unwell() -> None:
    going = pod("a")
    going["metadata"]["deletionTimestamp"] = "2026-03-10T09:00:00Z"
    assert not further.unwell(going)
    assert not further.unwell(pod("b", phase="Succeeded"))
    assert further.unwell(pod("c"))


def test_mutilated_pods_are_read_over() -> None:
    odd: list[JSON] = [{}, {"metadata": None}, {"status": []}, {"metadata": {"name": "a"}, "status": {"phase": 3}}]
    assert further.log_reads(odd) == []
    assert further.nodes_worth_reading(odd, odd) == []
    assert further.pods_of(WEB, "d1", _world(odd, odd)) == []
