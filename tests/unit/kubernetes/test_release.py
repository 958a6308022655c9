"""Whether the newest release has failed: which pods count, how many are enough, and what only looks like it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from byteport.domain.reasons import Cause
from byteport.kubernetes.release import Finding, Trial, has_served, try_release
from byteport.kubernetes.revisions import known_good_revision
from tests.builders.rollouts import NOW, Shop, ago, crashing, event, not_found, pod, shop, template, waiting

SETTLE = timedelta(seconds=60)


def tried(made: Shop, **more: Any) -> Trial:
    situation = made.situation()
    assert situation.rollout is not None
    good = known_good_revision(situation.rollout, situation.pods)
    unread = situation.surroundings.loose_log if situation.partial else None
    return try_release(situation.rollout, situation.pods, good, NOW, unread=unread, **more)


def served(made: Shop, settle: timedelta = SETTLE) -> bool:
    situation = made.situation()
    assert situation.rollout is not None
    return has_served(situation.rollout, situation.pods, NOW, settle)


def test_all_pods_that_fail_alike_are_enough_though_there_is_only_one() -> None:
    made = shop()
    made.fails(crashing(), nodes=("node-a",))
    trial = tried(made)
    assert (trial.finding, trial.cause) == (Finding.FAILS, Cause.RELEASE_CRASHES)
    assert (trial.failing, trial.seen, trial.nodes, trial.attempts, trial.exit_code) == (1, 1, 1, 6, 1)


@pytest.mark.parametrize(
    ("nodes", "others", "finding"),
    [
        (("a", "b"), 2, Finding.FAILS),
        (("a", "b"), 3, Finding.TOO_FEW),
        (("a", "a"), 2, Finding.TOO_FEW),
        (("a",), 1, Finding.TOO_FEW),
        (("a", "b", "c"), 3, Finding.FAILS),
    ],
)
def test_at_least_two_on_two_nodes_and_half_of_them(nodes: tuple[str, ...], others: int, finding: Finding) -> None:
    made = shop()
    made.fails(crashing(), nodes=[f"node-{name}" for name in nodes])
    made.pods += [pod(made.new, f"starts{n}", node=f"node-{n}") for n in range(others)]
    made.counts(new_pods=len(nodes) + others)
    assert tried(made).finding is finding


def test_pods_that_were_not_read_stand_for_nothing_when_they_are_ready() -> None:
    made = shop()
    made.fails(crashing(), nodes=("node-a",))
    made.counts(new_pods=2, new_ready=1, new_available=0)
    assert tried(made).finding is Finding.TOO_FEW
    made.counts(new_pods=2, new_ready=0)
    assert tried(made).finding is Finding.FAILS
    made.counts(new_pods=3, new_ready=0)
    assert tried(made).finding is Finding.TOO_FEW


def test_terminating_and_finished_pods_are_no_witnesses() -> None:
    made = shop()
    leaving, ended = made.fails(crashing())
    leaving["metadata"]["deletionTimestamp"] = ago(seconds=2)
    ended["status"].update(phase="Failed", reason="Evicted")
    assert tried(made).finding is Finding.NOTHING


def test_failures_of_two_kinds_are_counted_by_the_commoner_one() -> None:
    probe = {"livenessProbe": {"httpGet": {"port": 1}}}
    made = shop(new=template("registry.example/web:2", container=probe))
    pods = made.fails(crashing(), nodes=("node-a", "node-b", "node-c"))
    killed = "Container web failed liveness probe, will be restarted"
    pods[2]["status"]["containerStatuses"] = [crashing(code=137)]
    made.events = [event(pods[2], "Killing", killed)]
    trial = tried(made)
    assert (trial.finding, trial.cause, trial.failing) == (Finding.FAILS, Cause.RELEASE_CRASHES, 2)


def test_one_pod_that_fails_for_a_foreign_cause_spoils_the_evidence() -> None:
    made = shop()
    pods = made.fails(crashing(), nodes=("node-a", "node-b", "node-c"))
    pods[2]["status"]["containerStatuses"] = [crashing(code=137, reason="OOMKilled")]
    trial = tried(made)
    assert (trial.finding, trial.cause) == (Finding.FAILS_OTHERWISE, Cause.OOM_KILLED)


@pytest.mark.parametrize("sick", [{"node-a"}, {"node-a", "node-x"}])
def test_a_sick_node_that_all_failing_pods_share_is_the_finding(sick: set[str]) -> None:
    made = shop()
    made.fails(crashing(), nodes=("node-a",))
    assert tried(made, sick_nodes=frozenset(sick)).finding is Finding.NODE
    assert tried(made, sick_nodes=frozenset(sick)).node == "node-a"


def test_pods_on_a_well_node_too_acquit_the_sick_one() -> None:
    made = shop()
    made.fails(crashing())
    assert tried(made, sick_nodes=frozenset({"node-a"})).finding is Finding.FAILS
    assert tried(made, sick_nodes=frozenset({"node-a", "node-b"})).finding is Finding.NODE


def test_a_readiness_probe_that_fails_needs_the_kubelets_own_word() -> None:
    running = {
        "name": "web",
        "ready": False,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": ago(minutes=19)}},
    }
    made = shop()
    pods = made.fails(running, since=ago(minutes=19, seconds=5))
    assert tried(made).finding is Finding.FAILS_OTHERWISE
    made.events = [
        event(item, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500") for item in pods
    ]
    assert (tried(made).finding, tried(made).cause) == (Finding.FAILS, Cause.RELEASE_PROBE)
    made.events = [event(item, "Unhealthy", "Readiness probe failed: 500", last=ago(hours=1)) for item in pods]
    assert tried(made).finding is Finding.FAILS_OTHERWISE


def test_only_the_ground_that_the_release_changed_makes_an_unschedulable_pod_its_own() -> None:
    for said, expected in (
        ("2 Insufficient cpu", Finding.FAILS_OTHERWISE),
        ("2 node(s) didn't match Pod's node affinity", Finding.FAILS),
    ):
        made = shop(new=template("registry.example/web:1", nodeSelector={"disk": "gold"}))
        (late,) = made.fails(nodes=("",), phase="Pending", conditions=[{"type": "PodScheduled", "status": "False"}])
        late["spec"].pop("nodeName")
        late["status"]["containerStatuses"] = []
        made.events = [event(late, "FailedScheduling", f"0/2 nodes are available: {said}.")]
        assert tried(made).finding is expected, said


def test_the_schedulers_word_is_taken_from_the_pods_condition_when_its_event_has_expired() -> None:
    made = shop(new=template("registry.example/web:1", nodeSelector={"disk": "gold"}))
    (late,) = made.fails(nodes=("",), phase="Pending")
    late["spec"].pop("nodeName")
    late["status"]["containerStatuses"] = []
    said = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
    late["status"]["conditions"][1].update(status="False", reason="Unschedulable", message=said)
    assert (tried(made).finding, tried(made).cause) == (Finding.FAILS, Cause.RELEASE_UNSCHEDULABLE)


# --- counters and events in place of pods -------------------------------------------------------------------------


def unread(reason: str = "BackOff", message: str = "Back-off restarting failed container", **more: Any) -> Shop:
    made = shop(old_pods=False)
    made.partial = True
    made.events = [event(pod(made.new, "q1w2e"), reason, message, **more)]
    return made


def test_counters_and_recent_events_stand_for_pods_that_a_saved_bundle_lacks() -> None:
    trial = tried(unread())
    assert (trial.finding, trial.cause, trial.by_events) == (Finding.FAILS, Cause.RELEASE_CRASHES, True)
    missing = 'Failed to pull image "x": not found'
    assert (tried(unread("Failed", missing)).finding, tried(unread("Failed", missing)).cause) == (
        Finding.FAILS,
        Cause.BAD_IMAGE,
    )


def test_in_a_live_reading_pods_that_are_not_there_are_not_there() -> None:
    made = unread()
    made.partial = False
    assert tried(made).finding is Finding.NOTHING


@pytest.mark.parametrize("spoil", ["ready", "early", "old event", "few", "no event", "dependency", "oom", "same image"])
def test_they_do_not_when_anything_about_it_is_less_than_plain(spoil: str) -> None:
    made = unread()
    if spoil == "ready":
        made.counts(new_pods=1, new_ready=1)
    elif spoil == "early":
        made.released(minutes=4)
    elif spoil == "old event":
        made.events[0]["lastTimestamp"] = ago(minutes=40)
    elif spoil == "few":
        made.events[0]["count"] = 2
    elif spoil == "no event":
        made.events = []
    elif spoil == "dependency":
        made.log_tail = "dial tcp 10.0.0.3:5432: connect: connection refused"
    elif spoil == "oom":
        made.events.append(event(pod(made.new, "q1w2e"), "FailedMount", "timed out"))
    else:
        made = unread("Failed", 'Failed to pull image "x": not found')
        same = template("registry.example/web:1", container={"env": [{"name": "A", "value": "1"}]})
        made.deployment["spec"]["template"] = same
        made.new["spec"]["template"]["spec"] = same["spec"]
    assert tried(made).finding is not Finding.FAILS


# --- has it served? -------------------------------------------------------------------------------------------------


def test_a_release_that_took_over_has_served() -> None:
    made = shop()
    assert not served(made)
    made.progress("NewReplicaSetAvailable")
    assert served(made)


@pytest.mark.parametrize(("seconds", "has"), [(59, False), (60, True), (3600, True)])
def test_a_pod_that_is_ready_for_the_settle_time_has_served(seconds: int, has: bool) -> None:
    made = shop()
    made.pods.append(pod(made.new, "n", ready=True, since=ago(seconds=seconds)))
    made.counts(new_pods=1, new_ready=1)
    assert served(made) is has


def test_min_ready_seconds_lengthen_the_settle_time() -> None:
    made = shop()
    made.deployment["spec"]["minReadySeconds"] = 300
    made.pods.append(pod(made.new, "n", ready=True, since=ago(seconds=200)))
    made.counts(new_pods=1, new_ready=1, new_available=0)
    assert not served(made)


def test_an_available_pod_that_was_not_read_has_served() -> None:
    made = shop()
    made.counts(new_pods=2, new_ready=1)
    assert served(made)


def lost(since_start: float, *, restarts: int = 0, lasted: float = 1) -> Shop:
    """A pod of the new revision that is not Ready since eight minutes ago, its containers having run before."""
    made = shop()
    status: dict[str, Any] = {"name": "web", "ready": False, "started": True, "restartCount": restarts}
    status["state"] = {"running": {"startedAt": ago(minutes=8, seconds=since_start)}}
    if restarts:
        status["lastState"] = crashing(lasted=lasted)["lastState"]
    made.pods.append(pod(made.new, "n", since=ago(minutes=8), created=ago(minutes=19), statuses=[status]))
    return made


def test_a_pod_that_ran_well_and_then_lost_its_readiness_has_served() -> None:
    assert served(lost(400))
    assert not served(lost(20))


def test_a_long_run_before_the_crash_was_service_and_a_short_one_was_not() -> None:
    assert served(lost(400, restarts=4, lasted=600))
    assert not served(lost(400, restarts=4, lasted=50))


def test_a_container_that_a_probe_kills_after_minutes_was_never_ready_in_them() -> None:
    made = lost(400, restarts=4, lasted=600)
    made.pods[-1]["status"]["conditions"][0]["lastTransitionTime"] = ago(minutes=19)
    assert not served(made)


def test_a_readiness_that_was_lost_before_the_release_began_is_not_the_releases() -> None:
    made = lost(400)
    made.released(minutes=5)
    assert not served(made)


def test_a_pod_between_two_kills_by_memory_is_a_witness_though_it_is_ready_now() -> None:
    made = shop()
    flapping = crashing(code=137, reason="OOMKilled", restarts=9)
    flapping.update(ready=True, state={"running": {"startedAt": ago(seconds=20)}})
    made.fails(flapping, ready=True, since=ago(seconds=10))
    made.counts(new_pods=2, new_ready=2, new_available=0)
    assert (tried(made).finding, tried(made).cause) == (Finding.FAILS_OTHERWISE, Cause.OOM_KILLED)


def test_pods_that_come_without_their_events_do_not_make_the_attempts_few() -> None:
    made = shop()
    bad, _ = made.fails(waiting("ErrImagePull", message="not found"))
    made.events = [not_found(bad, count=4)]
    assert (tried(made).failing, tried(made).attempts) == (2, 4)


def test_a_pull_is_counted_by_its_events_and_spans_their_times() -> None:
    made = shop()
    (bad,) = made.fails(waiting("ErrImagePull"), nodes=("node-a",))
    made.events = [not_found(bad, count=4, first=ago(seconds=100), last=ago(seconds=10))]
    assert (tried(made).attempts, tried(made).span_seconds) == (4, 90)
