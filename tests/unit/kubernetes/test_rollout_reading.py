"""A Deployment's revisions as kubectl reads them, and its status as typed facts; total on whatever is there."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteport.kubernetes.changes import Part
from byteport.kubernetes.rollout_reading import read_rollout
from byteport.kubernetes.rollouts import ConditionStatus, Progress, RolloutReading
from byteport.kubernetes.templates import release_digest, template_digest
from byteport.kubernetes.world import World
from tests.builders.rollouts import NOW, Shop, ago, crashing, event, pod, replica_set, shop, template
from tests.builders.sampled import examples


def read(made: Shop, remembered: frozenset[str] = frozenset()) -> RolloutReading:
    reading = read_rollout(made.world(), made.target(), remembered)
    assert reading is not None
    return reading


def test_revisions_are_numbered_by_the_controller_and_come_newest_first() -> None:
    made = shop()
    made.earlier = [replica_set(0, template("registry.example/web:0"), wanted=0, ready=0)]
    reading = read(made)
    assert reading.newest is not None
    assert (reading.revision, reading.newest.number) == (2, 2)
    assert [older.number for older in reading.older] == [1, 0]
    assert reading.newest.images == ("registry.example/web:2",)


def test_the_newest_revision_is_the_one_of_the_present_template_whatever_its_number() -> None:
    made = shop()
    made.deployment["spec"]["template"] = template("registry.example/web:1")
    reading = read(made)
    assert reading.newest is not None
    assert reading.newest.name == "web-111111111"


def test_a_template_that_no_replica_set_has_is_found_by_number_once_the_controller_has_seen_it() -> None:
    made = shop()
    made.deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 30
    assert read(made).newest is not None
    made.deployment["metadata"]["generation"] = 5
    assert read(made).newest is None


def test_a_replica_set_counts_only_when_the_deployment_controls_it_and_selects_it() -> None:
    for spoil in ("owner", "controller", "selector"):
        made = shop()
        reference = made.old["metadata"]["ownerReferences"][0]
        if spoil == "owner":
            reference["uid"] = "the Deployment that was deleted and applied again"
        elif spoil == "controller":
            reference["controller"] = False
        else:
            made.old["metadata"]["labels"] = {"app": "other"}
        assert read(made).older == ()


def test_a_revision_carries_what_a_plan_needs_to_name_it() -> None:
    made = shop()
    (old,) = read(made).older
    assert (old.name, old.uid) == ("web-111111111", made.old["metadata"]["uid"])
    assert old.restore_digest == template_digest(template("registry.example/web:1"))
    assert old.changes.of("web") == {Part.IMAGE}
    assert (old.replicas, old.ready, old.available) == (3, 3, 3)


def test_a_release_that_was_once_seen_to_serve_is_remembered_by_its_digest() -> None:
    known = frozenset({release_digest(template("registry.example/web:1"))})
    made = shop()
    assert [older.remembered for older in read(made, known).older] == [True]
    assert [older.remembered for older in read(made).older] == [False]


@pytest.mark.parametrize(
    ("reason", "progress"),
    [
        ("NewReplicaSetAvailable", Progress.COMPLETE),
        ("ProgressDeadlineExceeded", Progress.DEADLINE_EXCEEDED),
        ("ReplicaSetUpdated", Progress.UNDER_WAY),
        ("FoundNewReplicaSet", Progress.UNDER_WAY),
        ("DeploymentPaused", Progress.PAUSED),
        ("ReplicaSetCreateError", Progress.REFUSED),
        ("SomethingNew", Progress.OTHER),
        ("", Progress.NONE),
    ],
)
def test_the_reason_of_progressing_is_a_class(reason: str, progress: Progress) -> None:
    made = shop()
    made.progress(reason)
    assert read(made).progress is progress


@pytest.mark.parametrize("newest", [True, False], ids=["the newest", "the one before"])
def test_a_rollout_is_complete_only_by_a_word_about_the_newest_replica_set(newest: bool) -> None:
    """A rollout that lets all old pods go first keeps the word about the ReplicaSet before."""
    made = shop()
    made.progress("NewReplicaSetAvailable")
    name = made.new["metadata"]["name"] if newest else "web-before"
    for condition in made.deployment["status"]["conditions"]:
        condition["message"] = f'ReplicaSet "{name}" has successfully progressed.'
    assert read(made).progress is (Progress.COMPLETE if newest else Progress.UNDER_WAY)


def test_replicas_default_to_one_and_zero_is_zero() -> None:
    made = shop()
    made.deployment["spec"].pop("replicas")
    assert read(made).replicas == 1
    made.deployment["spec"]["replicas"] = 0
    assert read(made).replicas == 0


@pytest.mark.parametrize(("seconds", "deadline"), [(30, 30), (None, 600), (2**31 - 1, 600), (-1, 600), ("x", 600)])
def test_the_deadline_is_the_owners_or_the_usual_one(seconds: object, deadline: int) -> None:
    made = shop()
    made.deployment["spec"]["progressDeadlineSeconds"] = seconds
    assert read(made).deadline == timedelta(seconds=deadline)


@pytest.mark.parametrize(
    ("most", "replicas", "expected", "all_at_once"),
    [
        ("25%", 3, 0, False),
        ("25%", 4, 1, False),
        ("100%", 3, 3, True),
        (0, 3, 0, False),
        (2, 3, 2, False),
        (5, 3, 5, True),
        (None, 8, 2, False),
    ],
)
def test_how_many_pods_a_rollout_may_take_away(most: object, replicas: int, expected: int, all_at_once: bool) -> None:
    made = shop()
    made.deployment["spec"]["replicas"] = replicas
    made.deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] = most
    assert (read(made).max_unavailable, read(made).all_at_once) == (expected, all_at_once)


def test_recreate_takes_all() -> None:
    made = shop()
    made.deployment["spec"]["strategy"] = {"type": "Recreate"}
    assert (read(made).recreate, read(made).all_at_once) == (True, True)


def test_a_rollout_began_when_its_replica_set_was_made() -> None:
    assert read(shop()).began_at == NOW - timedelta(minutes=20)


@pytest.mark.parametrize("how", ["history annotation", "made before another"])
def test_an_old_revision_come_back_began_when_its_template_was_written_again(how: str) -> None:
    made = shop()
    if how == "history annotation":
        made.new["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = "1"
    else:
        made.new["metadata"]["creationTimestamp"] = ago(days=60)
    assert read(made).began_at is None
    written: dict[str, Any] = {"f:spec": {"f:template": {"f:spec": {}}}}
    entry = {"manager": "kubectl-rollout", "operation": "Update", "time": ago(minutes=4), "fieldsV1": written}
    made.deployment["metadata"]["managedFields"] = [entry]
    assert read(made).began_at == NOW - timedelta(minutes=4)


def test_the_deadline_is_past_by_the_controllers_word_or_by_the_clock() -> None:
    made = shop()
    assert read(made).past_deadline(NOW)
    made.released(minutes=5)
    assert not read(made).past_deadline(NOW)
    made.released(minutes=11)
    assert read(made).past_deadline(NOW)


def test_events_of_the_newest_revision_are_those_of_its_pods_that_were_not_read() -> None:
    made = shop()
    (bad,) = made.fails(crashing(), nodes=("node-a",))
    unread = pod(made.new, "q1w2e")
    other = pod(made.old, "r4t5y")
    made.events = [event(item, "BackOff", "Back-off restarting failed container") for item in (bad, unread, other)]
    newest, (old,) = read(made).newest, read(made).older
    assert newest is not None
    assert [found.about for found in newest.events] == ["web-222222222-q1w2e"]
    assert old.events == ()


def test_a_very_long_history_is_cut_but_never_a_revision_that_has_pods() -> None:
    made = shop()
    made.old["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"
    for number in range(2, 60):
        made.earlier.append(replica_set(number, template(f"registry.example/web:0.{number}"), wanted=0, ready=0))
    numbers = [older.number for older in read(made).older]
    assert (len(numbers), numbers[0], numbers[-1]) == (26, 59, 1)


def test_a_refused_creation_counts_while_pods_are_lacking_and_not_when_it_is_over() -> None:
    made = shop()
    made.events = [event(made.new, "FailedCreate", "exceeded quota: compute")]
    made.counts(new_pods=0)
    made.new["spec"]["replicas"] = 1
    assert read(made).refusals.quota
    made.events[0]["lastTimestamp"] = ago(hours=2)
    assert not read(made).refusals.quota
    made.events[0]["lastTimestamp"] = ago(minutes=1)
    made.counts(new_pods=1)
    assert not read(made).refusals.quota


def test_a_replica_failure_names_what_refuses() -> None:
    made = shop()
    failure = {"type": "ReplicaFailure", "status": "True", "message": 'violates PodSecurity "restricted:latest"'}
    made.deployment["status"]["conditions"].append(failure)
    refusals = read(made).refusals
    assert (refusals.quota, refusals.other) == (False, True)


def test_complete_is_kubectls_definition() -> None:
    made = shop()
    assert not read(made).complete
    made.deployment["status"].update(replicas=3, updatedReplicas=3, availableReplicas=3)
    assert read(made).complete
    made.deployment["metadata"]["generation"] = 5
    assert not read(made).complete


def test_conditions_carry_their_times() -> None:
    availability = read(shop()).availability
    assert (availability.status, availability.changed_at) == (ConditionStatus.TRUE, NOW - timedelta(days=30))


@pytest.mark.parametrize("spoil", ["uid", "kind", "absent", "no template", "no canonical form"])
def test_what_is_not_that_deployment_is_not_read(spoil: str) -> None:
    made = shop()
    target = made.target()
    if spoil == "uid":
        target = target.model_copy(update={"uid": "before"})
    elif spoil == "kind":
        target = target.model_copy(update={"kind": "StatefulSet"})
    elif spoil == "absent":
        target = target.model_copy(update={"name": "api"})
    elif spoil == "no template":
        made.deployment["spec"].pop("template")
    else:
        made.deployment["spec"]["template"]["x"] = float("nan")
    assert read_rollout(made.world(), target) is None


def test_nothing_of_a_pods_environment_or_command_is_in_a_reading() -> None:
    secret = {"env": [{"name": "TOKEN", "value": "hunter2"}], "command": ["run", "--password=hunter2"]}
    made = shop(new=template("registry.example/web:2", container=secret))
    assert "hunter2" not in read(made).model_dump_json()


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "uid", "spec", "a"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=examples(150), deadline=None)
@given(st.data())
def test_a_mutilated_object_is_read_or_refused_and_never_raises(data: st.DataObject) -> None:
    made = shop()
    made.fails(crashing())
    victim = data.draw(st.sampled_from([made.deployment, made.old, made.new]))
    path = data.draw(
        st.lists(
            st.sampled_from(
                [
                    "metadata",
                    "spec",
                    "status",
                    "template",
                    "labels",
                    "annotations",
                    "conditions",
                    "replicas",
                    "strategy",
                    "selector",
                    "containers",
                ]
            ),
            min_size=1,
            max_size=4,
        )
    )
    at: Any = victim
    for key in path[:-1]:
        at = at.get(key) if isinstance(at, dict) and isinstance(at.get(key), dict) else at
    at[path[-1]] = data.draw(JUNK)
    world = World(now=NOW, objects=tuple(copy.deepcopy(made.objects)))
    reading = read_rollout(world, shop().target())
    if reading is not None:
        json.loads(reading.model_dump_json())
