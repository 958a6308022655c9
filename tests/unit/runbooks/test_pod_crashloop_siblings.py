"""One pod among its siblings, on its node, beside its neighbours: when it alone is in trouble, and when it is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from byteport.domain.plans import Refused
from byteport.domain.policy import VerdictKind
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import SignalType
from tests.builders.asking import AUTO, ask, deployment
from tests.builders.objects import (
    NOW,
    container,
    event,
    node,
    owner,
    pod,
    stamp,
    status,
    terminated,
    uid_of,
    waiting,
)
from tests.builders.workload import Workload


def crashing() -> Workload:
    shop = Workload()
    shop.crash(0, code=139, log="segfault at 0 ip 00007f\nSegmentation fault (core dumped)")
    return shop


def wedged() -> Workload:
    shop = Workload()
    shop.unready(0)
    return shop


def test_a_pod_that_turned_ready_between_two_looks_is_left_alone() -> None:
    shop = crashing()
    found = shop.pods[0]
    found["status"]["containerStatuses"][0] |= {"ready": True, "state": {"running": {"startedAt": stamp(1)}}}
    for condition in found["status"]["conditions"]:
        condition |= {"status": "True", "lastTransitionTime": stamp(1)}
    answer = ask(shop.world())
    assert isinstance(answer.plan, Refused)
    assert Reason.POD_IS_READY in answer.reasons


def test_standby_replicas_that_were_never_ready_are_meant_to_be_so() -> None:
    shop = Workload(replicas=3, nodes=3)
    for index in (1, 2):
        shop.unready(index, since=6 * 24 * 60)
    answer = ask(shop.world(), kind=SignalType.POD_WEDGED)
    assert answer.verdict.kind is VerdictKind.SKIP
    assert answer.diagnosis.silent


def test_one_replica_of_five_that_never_became_ready_is_no_standby() -> None:
    shop = Workload()
    shop.unready(0, since=6 * 24 * 60)
    assert ask(shop.world(), kind=SignalType.POD_WEDGED).escalates


def test_a_leader_that_handed_over_to_its_only_standby_is_not_deleted() -> None:
    shop = Workload(replicas=2, nodes=2)
    shop.unready(0, since=48)
    for condition in shop.pods[1]["status"]["conditions"]:
        condition["lastTransitionTime"] = stamp(48)
    assert ask(shop.world(), kind=SignalType.POD_WEDGED).escalates


def test_several_unready_replicas_are_not_one_wedged_one() -> None:
    shop = Workload()
    shop.unready(0)
    shop.unready(1)
    answer = ask(shop.world(), kind=SignalType.POD_WEDGED)
    assert answer.escalates
    assert answer.reasons == (Reason.NO_HEALTHY_SIBLING,)


def test_a_replica_that_fell_out_two_minutes_ago_is_looked_at_again() -> None:
    shop = Workload()
    shop.unready(0, since=2)
    answer = ask(shop.world(), kind=SignalType.POD_WEDGED)
    assert isinstance(answer.plan, Refused)
    assert answer.diagnosis.look_again_seconds == 180


def test_a_wedged_replica_beside_a_newer_healthy_one_is_not_touched() -> None:
    shop = wedged()
    shop.pods[3]["metadata"]["creationTimestamp"] = stamp(30)
    answer = ask(shop.world(), kind=SignalType.POD_WEDGED)
    assert answer.escalates
    assert answer.cause is Cause.NOT_READY


def test_the_only_replica_is_not_deleted() -> None:
    shop = Workload(replicas=1)
    shop.crash(0)
    answer = ask(shop.world())
    assert answer.escalates
    assert answer.reasons == (Reason.NO_HEALTHY_SIBLING,)


def test_when_all_replicas_crash_none_is_deleted() -> None:
    shop = Workload(replicas=3, nodes=3)
    for index in range(3):
        shop.crash(index)
    answer = ask(shop.world())
    assert answer.escalates
    assert answer.cause is Cause.CRASHING


def test_when_more_crash_than_are_well_none_is_deleted() -> None:
    shop = Workload()
    for index in range(3):
        shop.crash(index)
    assert ask(shop.world()).reasons == (Reason.NO_HEALTHY_SIBLING,)


def test_a_new_pod_that_never_was_ready_beside_older_ones_points_to_configuration_that_changed() -> None:
    shop = Workload()
    shop.crash(0, since=40)
    shop.pods[0]["metadata"]["creationTimestamp"] = stamp(40)
    shop.pods[0]["status"]["startTime"] = stamp(40)
    reads = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "keys"}}]
    shop.pods[0]["spec"]["containers"][0]["envFrom"] = reads
    answer = ask(shop.world())
    assert answer.cause is Cause.CONFIG_UNSEEN
    assert answer.diagnosis.culprit == "ConfigMap/settings or Secret/keys"
    assert answer.escalates


def test_a_sibling_that_flaps_is_no_healthy_sibling() -> None:
    shop = Workload(replicas=2, nodes=2)
    shop.crash(0)
    shop.pods[1]["status"]["containerStatuses"][0] |= {"restartCount": 6, "lastState": terminated(1)}
    assert ask(shop.world()).escalates


def test_six_targets_failing_on_one_node_are_one_suspect_node_and_no_delete() -> None:
    shop = crashing()
    others = []
    for number in range(5):
        other = Workload(f"other{number}")
        other.crash(0)
        others += [item for item in other.objects() if item["kind"] not in ("Node", "Namespace")]
    answer = ask(shop.world(*others))
    assert answer.cause is Cause.NODE_SUSPECT
    assert answer.diagnosis.culprit == "Node/node-1"
    assert answer.reasons == (Reason.COMMON_CAUSE,)


def test_two_replicas_failing_on_one_node_while_those_elsewhere_are_well_suspect_the_node() -> None:
    shop = Workload(replicas=6, nodes=3)
    shop.crash(0)
    shop.crash(3)  # both on node-1
    assert ask(shop.world()).cause is Cause.NODE_SUSPECT


def test_neighbours_that_exceed_their_own_memory_limit_do_not_make_a_node_suspect() -> None:
    shop = crashing()
    others = []
    for number in range(5):
        other = Workload(f"other{number}")
        other.crash(0, code=137, reason="OOMKilled")
        others += [item for item in other.objects() if item["kind"] not in ("Node", "Namespace")]
    assert ask(shop.world(*others)).acts


@pytest.mark.parametrize(
    ("sick", "cause"),
    [
        (node("node-1", ready="False"), Cause.NODE_NOT_READY),
        (node("node-1", ready="Unknown"), Cause.NODE_NOT_READY),
        (node("node-1", pressure="DiskPressure"), Cause.NODE_PRESSURE),
        (node("node-1", pressure="MemoryPressure"), Cause.NODE_PRESSURE),
    ],
    ids=["not ready", "unknown", "disk", "memory"],
)
def test_no_pod_is_deleted_on_a_node_that_is_not_well(sick: dict[str, object], cause: Cause) -> None:
    shop = crashing()
    shop.nodes[0] = sick
    answer = ask(shop.world())
    assert answer.escalates
    assert answer.cause is cause


def test_no_pod_is_deleted_when_its_node_is_gone() -> None:
    shop = crashing()
    del shop.nodes[0]
    assert ask(shop.world()).cause is Cause.NODE_NOT_READY


def test_a_node_that_ran_out_of_memory_as_a_whole_is_suspect_though_its_conditions_are_green() -> None:
    shop = crashing()
    shop.events.append(event(shop.nodes[0], "SystemOOM", "System OOM encountered", last=20))
    assert ask(shop.world()).cause is Cause.NODE_SUSPECT


def test_for_ten_minutes_after_a_node_restart_nothing_is_said() -> None:
    shop = crashing()
    shop.nodes[0] = node("node-1", since=4)
    answer = ask(shop.world())
    assert answer.cause is Cause.NODE_RESTART
    assert answer.diagnosis.look_again_seconds == 360
    assert isinstance(answer.plan, Refused)


def test_eleven_minutes_after_a_node_restart_the_pod_is_treated_like_any_other() -> None:
    shop = crashing()
    shop.nodes[0] = node("node-1", since=11)
    assert ask(shop.world()).acts


@pytest.mark.parametrize(
    "spoil",
    [
        lambda shop: shop.namespace["metadata"].update(deletionTimestamp=stamp(1)),
        lambda shop: shop.namespace["status"].update(phase="Terminating"),
        lambda shop: shop.deployment["metadata"].update(deletionTimestamp=stamp(1)),
        lambda shop: shop.pods[0]["metadata"].update(deletionTimestamp=stamp(1)),
        lambda shop: shop.deployment["spec"].update(replicas=0),
    ],
    ids=["namespace", "namespace phase", "deployment", "pod", "scaled to zero"],
)
def test_nothing_is_said_about_what_is_being_terminated(spoil: Callable[[Workload], None]) -> None:
    shop = crashing()
    spoil(shop)
    answer = ask(shop.world())
    assert answer.verdict.kind is VerdictKind.SKIP


def test_a_target_that_is_gone_is_silence() -> None:
    shop = crashing()
    world = shop.world()
    world = type(world)(now=NOW, objects=tuple(item for item in world.objects if item["kind"] != "Deployment"))
    assert ask(world).verdict.reasons == (Reason.TARGET_GONE,)


def test_a_replica_set_that_is_being_deleted_will_not_recreate_the_pod() -> None:
    shop = crashing()
    shop.current["metadata"]["deletionTimestamp"] = stamp(1)
    answer = ask(shop.world())
    assert Reason.BEING_DELETED in answer.reasons
    assert not answer.acts


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_pods_of_other_workloads_are_a_persons(kind: str) -> None:
    shop = crashing()
    found = shop.pods[0]
    found["metadata"]["ownerReferences"] = [owner(kind, "web", uid_of("x"))]
    target = {"kind": kind, "uid": uid_of("x")}
    answer = ask(shop.world(), deployment().model_copy(update=target))
    assert Reason.NOT_A_DEPLOYMENT in answer.reasons
    assert isinstance(answer.plan, Refused)


def test_a_bare_pod_is_never_deleted() -> None:
    lone = pod(
        "lone",
        statuses=[status(state=waiting("CrashLoopBackOff"), last=terminated(1), restarts=9, ready=False)],
        ready=False,
        changed=30,
    )
    shop = Workload()
    target = deployment().model_copy(update={"kind": "Pod", "name": "lone", "uid": lone["metadata"]["uid"]})
    answer = ask(shop.world(lone), target)
    assert Reason.NO_CONTROLLER in answer.reasons
    assert isinstance(answer.plan, Refused)


def test_a_replica_set_of_an_argo_rollout_is_none_of_ours() -> None:
    shop = crashing()
    shop.current["metadata"]["ownerReferences"] = [owner("Rollout", "web", api="argoproj.io/v1alpha1")]
    answer = ask(shop.world(), deployment().model_copy(update={"kind": "Rollout"}))
    assert Reason.OWNED_BY_CONTROLLER in answer.reasons
    assert isinstance(answer.plan, Refused)


def test_a_container_that_was_killed_once_and_runs_again_is_silence() -> None:
    shop = Workload()
    shop.pods[0]["status"]["containerStatuses"][0] |= {"restartCount": 1, "lastState": terminated(137)}
    assert ask(shop.world()).verdict.kind is VerdictKind.SKIP


def test_crash_loop_back_off_now_is_enough_at_the_back_off_cap() -> None:
    shop = Workload()
    shop.crash(0, restarts=2)
    assert ask(shop.world()).acts


def test_a_pod_between_two_crashes_is_looked_at_again() -> None:
    shop = crashing()
    shop.pods[0]["status"]["containerStatuses"][0]["state"] = {"running": {"startedAt": stamp(0.2)}}
    answer = ask(shop.world())
    assert answer.diagnosis.look_again_seconds == 60
    assert isinstance(answer.plan, Refused)


def test_a_live_image_that_its_template_does_not_name_was_set_by_another_hand() -> None:
    shop = crashing()
    shop.pods[0]["spec"]["containers"][0]["image"] = "mirror.example.internal/shop/web:7"
    answer = ask(shop.world())
    assert answer.cause is Cause.MUTATOR
    assert answer.escalates


def test_a_sidecar_that_a_webhook_added_is_no_mutation_of_the_container_that_fails() -> None:
    shop = crashing()
    shop.pods[0]["spec"]["containers"].append(container("mesh", "mesh/proxy:1"))
    assert ask(shop.world()).acts


def test_the_situation_of_a_thousand_replicas_fits_into_one_payload() -> None:
    shop = Workload(replicas=1000, nodes=20)
    shop.crash(0)
    answer = ask(shop.world())
    assert answer.acts
    assert len(answer.situation.model_dump_json()) < 1_500_000


def test_a_clock_that_is_behind_the_objects_never_makes_a_pod_old() -> None:
    shop = Workload()
    shop.unready(0, since=-10)
    answer = ask(shop.world(now=NOW - timedelta(minutes=1)), config=AUTO)
    assert not answer.acts
