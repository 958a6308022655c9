"""Failing pods of an older revision that a rollout is about to replace: their trouble goes with them.

Between the write of another template (ours, when a release is rolled back, or an owner's who mends it) and the deletion
of the pods that it replaces, these look like a crash loop in which no sibling is well. Nobody is to be woken for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from byteport.domain.diagnoses import Diagnosis
from byteport.domain.failures import Failure
from byteport.domain.plans import Refused
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import SignalType
from byteport.kubernetes.reading import read_situation
from byteport.runbooks.memory_pressure import MemoryPressureRunbook
from byteport.runbooks.pod_crashloop import PodCrashloopRunbook
from tests.builders.asking import signal_on
from tests.builders.objects import node
from tests.builders.rollouts import ALLOWED, JSON, Shop, ago, crashing, shop, template

PODS, MEMORY = PodCrashloopRunbook(), MemoryPressureRunbook()


def going_back(*, failing: JSON | None = None, **counts: Any) -> Shop:
    """Revision 2 failed on two nodes past its deadline; revision 1's template was written a moment ago."""
    made = shop()
    made.fails(failing or crashing())
    made.deployment["spec"]["template"] = template("registry.example/web:1")
    made.deployment["metadata"]["generation"] = 5
    for key, value in counts.items():
        made.old["status"][key] = value
    return made


def noticed(made: Shop, *, progress: str = "ReplicaSetUpdated", since: str = ago(seconds=2)) -> Shop:
    """The controller has seen it: revision 1 is the newest again, as number 3."""
    made.deployment["status"]["observedGeneration"] = 5
    made.deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "3"
    made.old["metadata"]["annotations"].update(
        {"deployment.kubernetes.io/revision": "3", "deployment.kubernetes.io/revision-history": "1"}
    )
    made.progress(progress, since=since, status="False" if progress == "ProgressDeadlineExceeded" else "True")
    return made


def told(made: Shop) -> Diagnosis:
    situation = read_situation(made.world(), made.target(), Failure.CRASHLOOP)
    diagnosis = PODS.diagnose(signal_on(made.target(), at=made.world()), situation)
    if diagnosis.look_again_seconds is not None:
        assert isinstance(PODS.plan(diagnosis, situation, ALLOWED), Refused)
    return diagnosis


def waits(made: Shop) -> bool:
    found = told(made)
    if found.look_again_seconds is None:
        return False
    assert found.reasons == (Reason.TOO_EARLY,)
    assert found.look_again_seconds <= 15
    return True


def test_the_release_that_is_being_undone_is_not_a_crash_loop_without_a_healthy_sibling() -> None:
    assert waits(going_back())
    assert waits(noticed(going_back(readyReplicas=2)))


def test_nor_is_it_while_the_controller_still_calls_the_undone_release_late() -> None:
    """It takes its word back only when a count has changed; the restored revision has all its pods already."""
    assert waits(noticed(going_back(), progress="ProgressDeadlineExceeded", since=ago(minutes=9)))


def test_nor_are_pods_whose_replica_set_is_to_have_none() -> None:
    made = noticed(going_back(readyReplicas=1), progress="ProgressDeadlineExceeded", since=ago(minutes=9))
    made.new["spec"]["replicas"] = 0
    assert waits(made)


def test_an_owner_who_mends_a_crash_loop_by_a_release_is_given_the_time_to_roll_it_out() -> None:
    assert waits(mending(minutes=1))


def mending(**since: float) -> Shop:
    """All pods of revision 1 crash; revision 2 was released so long ago, and has no pod yet."""
    made = shop(old_pods=False)
    made.pods = broken_old(made)
    made.others = [node(f"node-{letter}") for letter in "abcde"]
    made.counts(new_pods=0, old_ready=0)
    made.released(**since)
    return made


def broken_old(made: Shop) -> list[JSON]:
    before, made.pods, counts = made.new, [], dict(made.deployment["status"])
    made.new = made.old
    broken = made.fails(crashing(), nodes=("node-c", "node-d", "node-e"))
    made.new, made.pods = before, []
    made.deployment["status"] = counts
    made.old["spec"]["replicas"] = 3
    return broken


def is_told(made: Shop) -> None:
    found = told(made)
    assert found.look_again_seconds is None
    assert not found.silent


def stalled() -> Shop:
    return mending(minutes=3)


def given_up() -> Shop:
    made = stalled()
    made.progress("ProgressDeadlineExceeded", status="False", since=ago(seconds=5))
    return made


def paused() -> Shop:
    made = stalled()
    made.deployment["spec"]["paused"] = True
    made.progress("DeploymentPaused", status="Unknown", since=ago(seconds=5))
    return made


@pytest.mark.parametrize("made", [stalled, given_up, paused])
def test_a_rollout_that_moves_nothing_replaces_nothing_and_the_crash_loop_is_told(made: Callable[[], Shop]) -> None:
    is_told(made())
    assert told(made()).cause is Cause.CRASHING


def test_the_newest_revisions_own_pods_are_never_on_their_way_out() -> None:
    made = noticed(going_back(readyReplicas=0), since=ago(seconds=2))
    made.pods = [*broken_old(made)]
    made.counts(new_pods=0, old_ready=0)
    found = told(made)
    assert found.hand_over is Failure.BAD_ROLLOUT


def test_a_kill_for_memory_in_a_release_that_is_being_undone_is_not_told_either() -> None:
    made = going_back(failing=crashing(code=137, reason="OOMKilled"))
    situation = read_situation(made.world(), made.target(), Failure.MEMORY)
    signal = signal_on(made.target(), SignalType.MEMORY_PRESSURE, at=made.world())
    found = MEMORY.diagnose(signal, situation)
    assert (found.cause, found.reasons) == (Cause.OOM_KILLED, (Reason.TOO_EARLY,))
    assert found.look_again_seconds is not None
    assert waits(made)
