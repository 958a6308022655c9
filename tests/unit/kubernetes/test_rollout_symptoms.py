"""The first sight of a rollout in trouble, from the Deployment alone wherever that is possible."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.rollout_symptoms import RolloutTrouble, rollout_symptom
from tests.builders.rollouts import NOW, Shop, ago, shop


def seen(made: Shop, *, with_sets: bool = False) -> RolloutTrouble | None:
    symptom = rollout_symptom(made.deployment, NOW, [made.new, made.old] if with_sets else ())
    return symptom.trouble if symptom is not None else None


def available(made: Shop, status: str, since: str) -> None:
    made.deployment["status"]["conditions"][0].update(status=status, lastTransitionTime=since)


def test_a_deadline_that_the_controller_calls_exceeded() -> None:
    symptom = rollout_symptom(shop().deployment, NOW)
    assert symptom is not None
    assert (symptom.trouble, symptom.revision, symptom.unavailable) == (RolloutTrouble.DEADLINE_EXCEEDED, 2, 1)


@pytest.mark.parametrize(("minutes", "trouble"), [(9, None), (11, RolloutTrouble.UNAVAILABLE)])
def test_unavailable_counts_past_the_deadline(minutes: int, trouble: RolloutTrouble | None) -> None:
    made = shop()
    made.released(minutes=5)
    available(made, "False", ago(minutes=minutes))
    assert seen(made) is trouble


def test_the_deadline_is_the_owners_own() -> None:
    made = shop()
    made.released(minutes=1)
    made.deployment["spec"]["progressDeadlineSeconds"] = 30
    available(made, "False", ago(seconds=40))
    assert seen(made) is RolloutTrouble.UNAVAILABLE


def test_a_replica_that_is_lost_after_the_rollout_is_the_pod_runbooks() -> None:
    made = shop()
    made.progress("NewReplicaSetAvailable", since=ago(days=2))
    available(made, "False", ago(minutes=40))
    assert seen(made) is None
    made.deployment["status"]["availableReplicas"] = 0
    assert seen(made) is RolloutTrouble.UNAVAILABLE


def test_a_flapping_revision_that_resets_the_deadline_is_seen_by_its_age() -> None:
    made = shop()
    made.released(minutes=95)
    made.progress("ReplicaSetUpdated", since=ago(minutes=2))
    assert seen(made) is None
    assert seen(made, with_sets=True) is RolloutTrouble.NEVER_DONE


def test_an_old_revision_come_back_is_not_old_as_a_rollout() -> None:
    made = shop()
    made.released(minutes=95)
    made.new["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = "1"
    assert seen(made, with_sets=True) is None


@pytest.mark.parametrize(("minutes", "trouble"), [(5, None), (20, RolloutTrouble.PAUSED)])
def test_a_rollout_held_half_way_with_a_pod_that_does_not_serve(minutes: int, trouble: RolloutTrouble | None) -> None:
    made = shop()
    made.deployment["spec"]["paused"] = True
    made.progress("DeploymentPaused", status="Unknown", since=ago(minutes=minutes))
    assert seen(made) is trouble
    made.deployment["status"]["unavailableReplicas"] = 0
    assert seen(made) is None


@pytest.mark.parametrize("quiet", ["unobserved", "zero", "deleting", "healthy", "new"])
def test_silence(quiet: str) -> None:
    made = shop()
    if quiet == "unobserved":
        made.deployment["metadata"]["generation"] = 5
    elif quiet == "zero":
        made.deployment["spec"]["replicas"] = 0
    elif quiet == "deleting":
        made.deployment["metadata"]["deletionTimestamp"] = ago(seconds=1)
    elif quiet == "healthy":
        made.progress("NewReplicaSetAvailable", since=ago(days=1))
        made.deployment["status"].update(updatedReplicas=3, availableReplicas=3, unavailableReplicas=0)
    else:
        made.released(minutes=2)
    assert seen(made, with_sets=True) is None


def test_the_same_trouble_of_the_same_revision_is_equal_whatever_an_autoscaler_does() -> None:
    made = shop()
    before = rollout_symptom(made.deployment, NOW)
    made.deployment["metadata"].update(generation=9, resourceVersion="5")
    made.deployment["status"]["observedGeneration"] = 9
    made.deployment["spec"]["replicas"] = 8
    assert rollout_symptom(made.deployment, NOW) == before


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["metadata", "spec", "status", "conditions", "type", "replicas"]), inner, max_size=3
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), JSON_VALUES))
def test_it_never_raises(deployment: dict[str, Any]) -> None:
    rollout_symptom(deployment, NOW, [deployment])
