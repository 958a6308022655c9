"""First sight: what wakes a runbook, and what does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from byteport.domain.signals import SignalType
from byteport.kubernetes.symptoms import PULL_PATIENCE, symptom_of, symptoms_of, too_young
from tests.builders.objects import JSON, NOW, owner, pod, running, stamp, status, terminated, waiting
from tests.builders.workload import Workload

LOOP = waiting("CrashLoopBackOff")


def failing(state: JSON, last: JSON | None = None, restarts: int = 0) -> JSON:
    return pod(
        "web-1", statuses=[status(state=state, last=last, restarts=restarts, ready=False)], ready=False, changed=30
    )


@pytest.mark.parametrize(
    "found",
    [
        failing(LOOP, terminated(1), 1),
        failing(running(1), terminated(1), 3),
        failing(waiting("ImagePullBackOff")),
        failing(waiting("CreateContainerConfigError")),
        pod("web-1", statuses=[status(state=running(1), last=terminated(1, finished=2), restarts=9)]),
    ],
    ids=["back-off now", "three restarts", "image", "configuration", "ready between two crashes"],
)
def test_a_pod_that_keeps_failing_is_seen(found: JSON) -> None:
    seen = symptom_of("Pod", found, now=NOW)
    assert seen is not None
    assert seen.type is SignalType.POD_CRASHLOOP


def test_a_pull_that_has_only_just_failed_is_looked_at_again_before_it_is_a_symptom() -> None:
    """A registry may be out of breath for the kubelet's first two tries; a crash loop is one at once."""
    unpulled = failing(waiting("ErrImagePull"))
    born = NOW - timedelta(seconds=10)
    unpulled["metadata"]["creationTimestamp"] = born.isoformat()
    due = born + PULL_PATIENCE
    assert symptom_of("Pod", unpulled, now=NOW) is None
    assert too_young("Pod", unpulled, now=NOW) == due
    assert symptom_of("Pod", unpulled, now=due) is not None
    assert too_young("Pod", unpulled, now=due) is None
    crashing = failing(LOOP, terminated(1), 1)
    crashing["metadata"]["creationTimestamp"] = born.isoformat()
    assert symptom_of("Pod", crashing, now=NOW) is not None
    assert too_young("Pod", crashing, now=NOW) is None


@pytest.mark.parametrize("kind", ["Deployment", "HorizontalPodAutoscaler", "Unheard"])
def test_only_pods_are_too_young(kind: str) -> None:
    assert too_young(kind, failing(waiting("ErrImagePull")), now=NOW) is None


def test_a_failing_init_container_is_seen() -> None:
    found = pod(
        "web-1",
        init=[{"name": "setup", "image": "setup:1"}],
        init_statuses=[status("setup", state=LOOP, last=terminated(1), restarts=4, ready=False)],
        statuses=[status(state=waiting("PodInitializing"), ready=False)],
        ready=False,
    )
    seen = symptom_of("Pod", found, now=NOW)
    assert seen is not None
    assert seen.value == 4


def test_a_replica_that_fell_out_is_seen_after_five_minutes() -> None:
    found = pod("web-1", ready=False, changed=20, statuses=[status(ready=False, started=True)])
    seen = symptom_of("Pod", found, now=NOW)
    assert seen is not None
    assert seen.type is SignalType.POD_WEDGED
    assert symptom_of("Pod", found, now=NOW - timedelta(minutes=17)) is None


@pytest.mark.parametrize(
    "found",
    [
        pod("web-1"),
        pod("web-1", statuses=[status(last=terminated(137), restarts=1)]),
        pod("web-1", statuses=[status(last=terminated(1, finished=9000), restarts=50)]),
        pod("web-1", statuses=[status(state=waiting("ContainerCreating"), ready=False)], ready=False, created=3),
        pod("web-1", phase="Succeeded", ready=False, statuses=[status(state=terminated(0, "Completed"), ready=False)]),
    ],
    ids=["healthy", "killed once", "restarted long ago", "starting", "done"],
)
def test_a_pod_that_is_well_wakes_nobody(found: JSON) -> None:
    assert symptom_of("Pod", found, now=NOW) is None


def test_a_pod_on_its_way_out_wakes_nobody() -> None:
    found = failing(LOOP, terminated(1), 9)
    found["metadata"]["deletionTimestamp"] = stamp(1)
    assert symptom_of("Pod", found, now=NOW) is None


def test_the_same_observation_seen_twice_is_the_same() -> None:
    first = symptom_of("Pod", failing(LOOP, terminated(1), 5), now=NOW)
    later = symptom_of("Pod", failing(LOOP, terminated(1), 5), now=NOW + timedelta(minutes=3))
    again = symptom_of("Pod", failing(LOOP, terminated(1), 6), now=NOW)
    assert first is not None
    assert later is not None
    assert again is not None
    assert first.evidence_digest == later.evidence_digest != again.evidence_digest


def test_a_wedged_replica_does_not_become_another_observation_by_waiting() -> None:
    found = pod("web-1", ready=False, changed=20, statuses=[status(ready=False, started=True)])
    first, later = (symptom_of("Pod", found, now=NOW + timedelta(minutes=ago)) for ago in (0, 9))
    assert first is not None
    assert later is not None
    assert first.evidence_digest == later.evidence_digest


def test_a_deployment_past_its_deadline_is_seen() -> None:
    shop = Workload()
    shop.deployment["status"]["conditions"] = shop.conditions("ProgressDeadlineExceeded", since=5, status="False")
    seen = symptom_of("Deployment", shop.deployment, now=NOW)
    assert seen is not None
    assert seen.type is SignalType.FAILED_DEPLOY


def test_a_deployment_whose_pods_are_refused_is_seen_long_after_it_was_rolled_out() -> None:
    shop = Workload()
    del shop.pods[4]
    shop.objects()
    refused = {"type": "ReplicaFailure", "status": "True", "lastTransitionTime": stamp(20)}
    shop.deployment["status"]["conditions"].append(refused)
    assert symptom_of("Deployment", shop.deployment, now=NOW) is not None


def test_five_crashing_pods_of_one_deployment_are_one_signal_on_it() -> None:
    shop = Workload()
    for index in range(5):
        shop.crash(index, restarts=4 + index)
    (signal,) = symptoms_of(shop.world())
    assert signal.target.ref == "shop/Deployment/web"
    assert signal.value == 8


def test_the_folded_signal_changes_when_any_of_its_pods_does() -> None:
    def digest(restarts: int) -> str:
        shop = Workload()
        shop.crash(0, restarts=4)
        shop.crash(1, restarts=restarts)
        (signal,) = symptoms_of(shop.world())
        return signal.evidence_digest

    assert digest(5) == digest(5) != digest(6)


def test_a_healthy_world_has_no_symptom() -> None:
    assert symptoms_of(Workload().world()) == ()


def test_a_pod_of_a_job_or_a_foreign_controller_is_reported_on_that_owner() -> None:
    lone = failing(LOOP, terminated(1), 9)
    lone["metadata"]["ownerReferences"] = [owner("Canary", "web", api="flagger.app/v1beta1")]
    (signal,) = symptoms_of(Workload().world(lone))
    assert signal.target.ref == "shop/Canary/web"


def test_other_kinds_wake_nobody() -> None:
    assert symptom_of("Secret", failing(LOOP, terminated(1), 9), now=NOW) is None
