"""The revision to go back to: the newest that serves, not blindly the one before."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.revisions import known_good_revision, pods_of, same_release_before
from byteport.kubernetes.rollouts import RevisionReading, RolloutReading
from tests.builders.rollouts import ago, crashing, pod, replica_set, shop, template


def revision(number: int, **more: Any) -> RevisionReading:
    fields = {
        "name": f"web-{number}",
        "uid": f"u{number}",
        "restore_digest": f"t{number}",
        "release_digest": f"r{number}",
    }
    return RevisionReading(number=number, **{**fields, **more})


def rollout(*older: RevisionReading, newest: int = 9) -> RolloutReading:
    head = revision(newest)
    return RolloutReading(
        uid="d",
        revision=newest,
        template_digest=head.restore_digest,
        release_digest=head.release_digest,
        guard_digest="g",
        newest=head,
        older=tuple(sorted(older, key=lambda item: -item.number)),
    )


def test_the_newest_that_serves_is_chosen_over_a_newer_one_that_does_not() -> None:
    found = known_good_revision(rollout(revision(8), revision(7, available=3), revision(6, available=1)))
    assert found is not None
    assert (found.revision.number, found.serves, found.skipped) == (7, True, (8,))


def test_one_that_serves_is_chosen_over_a_newer_one_that_is_only_remembered() -> None:
    found = known_good_revision(rollout(revision(8, remembered=True), revision(7, available=1)))
    assert found is not None
    assert (found.revision.number, found.skipped) == (7, (8,))


def test_without_one_that_serves_the_newest_remembered_one_is_chosen() -> None:
    found = known_good_revision(rollout(revision(8), revision(7, remembered=True), revision(6, remembered=True)))
    assert found is not None
    assert (found.revision.number, found.serves) == (7, False)


def test_without_either_there_is_none() -> None:
    assert known_good_revision(rollout(revision(8, ready=0, replicas=3), revision(7))) is None
    assert known_good_revision(rollout()) is None


def test_one_that_is_being_deleted_is_not_gone_back_to() -> None:
    assert known_good_revision(rollout(revision(8, available=3, deleting=True))) is None


def test_one_whose_own_pods_are_all_seen_failing_is_passed_over() -> None:
    made = shop(old_pods=False)
    made.old["spec"]["replicas"] = 1
    made.counts(new_pods=1, old_ready=1)
    made.pods = [pod(made.old, "x", statuses=[crashing()])]
    made.earlier = [replica_set(0, template("registry.example/web:0"), wanted=1, ready=1)]
    situation = made.situation()
    assert situation.rollout is not None
    found = known_good_revision(situation.rollout, situation.pods)
    assert found is not None
    assert found.revision.number == 0


def test_pods_of_a_revision_are_its_living_ones() -> None:
    made = shop()
    ended = pod(made.old, "ended", phase="Failed")
    leaving = pod(made.old, "leaving")
    leaving["metadata"]["deletionTimestamp"] = ago(seconds=3)
    made.pods += [ended, leaving]
    situation = made.situation()
    assert situation.rollout is not None
    (old,) = situation.rollout.older
    assert len(pods_of(old, situation.pods)) == 3


def test_the_same_release_is_recognised_right_before_and_in_the_known_good_one() -> None:
    same = {"release_digest": "r9"}
    before = rollout(revision(8, **same), revision(7, available=3))
    assert same_release_before(before, before.older[1]) == before.older[0]
    further = rollout(revision(8), revision(7, available=3, **same))
    assert same_release_before(further, further.older[1]) == further.older[1]
    assert same_release_before(rollout(revision(8), revision(7, available=3)), None) is None


def test_the_same_release_further_back_that_nobody_would_go_back_to_says_nothing() -> None:
    found = rollout(revision(8), revision(7, available=3), revision(6, release_digest="r9"))
    assert same_release_before(found, found.older[1]) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=6))
def test_what_is_chosen_always_qualifies_and_is_the_newest_of_its_kind(history: list[tuple[int, bool, bool]]) -> None:
    older = [
        revision(number + 1, available=available, remembered=remembered, deleting=deleting)
        for number, (available, remembered, deleting) in enumerate(history)
    ]
    found = known_good_revision(rollout(*older))
    serving = [item.number for item in older if item.available and not item.deleting]
    known = [item.number for item in older if item.remembered and not item.deleting]
    if found is None:
        assert not serving
        assert not known
    else:
        assert found.revision.number == max(serving or known)
        assert not found.revision.deleting
        assert found.serves == bool(serving)
