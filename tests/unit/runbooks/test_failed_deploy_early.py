"""The early verdict: a release is condemned before its deadline only when its failure is beyond doubt."""

from __future__ import annotations

import copy

import pytest

from byteport.domain.plans import Refused
from byteport.domain.policy import VerdictKind
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Source
from byteport.runbooks.failed_deploy_rollback import LOOK_AGAIN, LOOK_SOON
from tests.builders.rollouts import Shop, ago, crashing, event, not_found, pod, shop, template, waiting

ONE_MINUTE = {"first": ago(seconds=70), "last": ago(seconds=5)}


def begun(made: Shop, **since: float) -> Shop:
    made.released(**(since or {"minutes": 3}))
    return made


def crashes(restarts: int = 4, codes: tuple[int, int] = (1, 1)) -> Shop:
    """Two pods of a release three minutes old that crash."""
    made = begun(shop())
    for number, bad in enumerate(made.fails(crashing(restarts=restarts), since=ago(minutes=3))):
        bad["status"]["containerStatuses"] = [crashing(code=codes[number], restarts=restarts)]
    return made


def named_wrongly(count: int = 4, **times: str) -> Shop:
    made = begun(shop())
    (bad,) = made.fails(waiting("ErrImagePull"), nodes=("node-a",), since=ago(minutes=2))
    made.events = [not_found(bad, count=count, **(times or ONE_MINUTE))]
    return made


def acts(made: Shop) -> bool:
    return made.verdict().kind is VerdictKind.ACT


def waits(made: Shop) -> bool:
    """Neither an act nor a page: look again."""
    diagnosis = made.diagnose()
    return (
        diagnosis.reasons == (Reason.TOO_EARLY,)
        and diagnosis.look_again_seconds in (LOOK_SOON, LOOK_AGAIN)
        and not diagnosis.silent
        and isinstance(made.plan(), Refused)
    )


def test_crashes_of_one_kind_on_two_pods_are_enough_before_the_deadline() -> None:
    assert acts(crashes())


def test_an_image_that_is_not_there_after_three_attempts_is_enough() -> None:
    assert acts(named_wrongly())


def test_an_invalid_image_name_is_enough_after_three_attempts() -> None:
    made = begun(shop(new=template("registry.example/WEB:2")))
    (bad,) = made.fails(waiting("InvalidImageName"), nodes=("node-a",), since=ago(minutes=2))
    said = 'Failed to apply default image tag "registry.example/WEB:2": couldn\'t parse image name: invalid reference format'
    made.events = [event(bad, "InspectFailed", said, count=5, **ONE_MINUTE)]
    assert acts(made)


def test_two_crashes_may_be_the_churn_of_a_start() -> None:
    assert waits(crashes(restarts=2))


def test_two_pulls_that_failed_may_be_a_race_with_the_registry() -> None:
    assert waits(named_wrongly(count=2))


def test_three_pulls_within_forty_seconds_that_do_not_span_two_observations_are_not_two() -> None:
    assert waits(named_wrongly(count=3, first=ago(seconds=25), last=ago(seconds=5)))


def test_different_exit_codes_are_no_single_cause() -> None:
    assert waits(crashes(codes=(1, 2)))


def test_a_dependency_that_is_not_there_yet_is_waited_for() -> None:
    made = crashes(restarts=4)
    made.log_tail = "waiting for postgres:5432: connection refused"
    assert waits(made)


def test_a_probe_that_kills_is_given_its_deadline() -> None:
    made = crashes()
    for bad in made.pods[-2:]:
        bad["status"]["containerStatuses"] = [crashing(code=137, restarts=4)]
        said = "Container web failed liveness probe, will be restarted"
        made.events.append(event(bad, "Killing", said, first=ago(seconds=70), last=ago(seconds=5)))
    assert waits(made)


def test_configuration_that_is_not_there_yet_is_given_its_deadline() -> None:
    made = begun(
        shop(new=template("registry.example/web:2", container={"envFrom": [{"configMapRef": {"name": "new"}}]}))
    )
    made.fails(waiting("CreateContainerConfigError", message='configmap "new" not found'), since=ago(minutes=3))
    assert waits(made)


def test_the_old_revision_must_serve_with_all_its_pods() -> None:
    made = crashes()
    made.counts(new_pods=2, old_ready=2)
    made.pods = made.pods[1:]
    assert waits(made)


@pytest.mark.parametrize("seconds", [5, 29])
def test_the_old_revision_must_have_served_thirty_seconds_ago_too(seconds: int) -> None:
    made = crashes()
    made.pods[0]["status"]["conditions"][0]["lastTransitionTime"] = ago(seconds=seconds)
    assert waits(made)


def test_availability_that_was_just_regained_is_not_steady() -> None:
    made = crashes()
    made.deployment["status"]["conditions"][0]["lastTransitionTime"] = ago(seconds=10)
    assert waits(made)


def test_one_of_two_pods_that_crashes_is_no_verdict_yet() -> None:
    made = crashes(restarts=4)
    made.pods[-1]["status"]["containerStatuses"] = [waiting("ContainerCreating")]
    assert waits(made)


def test_critique_0_8_helm_may_be_undoing_its_release_itself_for_the_first_five_minutes() -> None:
    made = crashes()
    made.deployment["metadata"]["annotations"]["meta.helm.sh/release-name"] = "web"
    assert waits(made)
    assert acts(begun(made, minutes=6))


def test_a_first_release_that_plainly_fails_is_told_before_its_deadline() -> None:
    made = crashes()
    made.old["metadata"]["ownerReferences"] = []
    made.pods = made.pods[3:]
    diagnosis = made.diagnose()
    assert (diagnosis.cause, diagnosis.look_again_seconds) == (Cause.RELEASE_CRASHES, None)
    assert Reason.NO_HISTORY in diagnosis.reasons


@pytest.mark.parametrize("said", ["unauthorized: authentication required", "toomanyrequests: rate limit"])
def test_a_pull_that_was_refused_is_told_before_the_deadline_and_never_undone(said: str) -> None:
    made = named_wrongly()
    made.events = [event(made.pods[-1], "Failed", f'Failed to pull image "x": {said}', count=4, **ONE_MINUTE)]
    assert made.diagnose().reasons == (Reason.CAUSE_NEEDS_A_PERSON,)


def test_before_the_deadline_a_plain_start_is_neither_a_page_nor_an_act() -> None:
    made = begun(shop())
    made.fails(waiting("ContainerCreating"), nodes=("node-a",), since=ago(minutes=1))
    assert waits(made)


def test_a_release_without_any_deadline_is_judged_by_the_usual_one() -> None:
    made = crashes(codes=(1, 2))
    made.deployment["spec"]["progressDeadlineSeconds"] = 2**31 - 1
    assert waits(made)
    assert acts(begun(made, minutes=11))


def test_a_clock_that_a_short_readiness_has_reset_does_not_make_few_failures_many() -> None:
    made = crashes(restarts=2)
    begun(made, minutes=30)
    assert waits(made)


def test_an_old_revision_come_back_is_not_late_because_it_is_old() -> None:
    made = copy.deepcopy(crashes(restarts=2))
    made.new["metadata"]["creationTimestamp"] = ago(days=40)
    made.new["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = "1"
    assert waits(made)


def test_three_attempts_over_thirty_seconds_are_exactly_enough() -> None:
    assert acts(crashes(restarts=3))
    assert acts(named_wrongly(count=3, first=ago(seconds=35), last=ago(seconds=5)))


def test_a_dependency_that_is_still_not_there_after_many_crashes_is_told() -> None:
    made = crashes(restarts=5)
    made.log_tail = "waiting for postgres:5432: connection refused"
    assert made.diagnose().reasons == (Reason.VICTIM_OF_ANOTHER,)
    assert made.diagnose().look_again_seconds is None


def test_pods_that_are_ready_but_not_yet_available_are_not_all_of_the_old_revision() -> None:
    made = crashes()
    made.old["status"]["availableReplicas"] = 2
    assert waits(made)


def test_a_deployment_below_its_minimum_is_not_steady() -> None:
    made = crashes()
    made.deployment["status"]["conditions"][0].update(status="False", lastTransitionTime=ago(minutes=5))
    assert waits(made)


def test_helm_may_be_at_it_where_it_is_not_known_when_the_release_began() -> None:
    made = crashes()
    made.deployment["metadata"]["annotations"]["meta.helm.sh/release-name"] = "web"
    made.new["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"] = "1"
    assert waits(made)


def test_a_slow_start_is_told_once_the_deadline_is_past_by_the_clock_alone() -> None:
    made = begun(shop(), minutes=30)
    made.fails(waiting("ContainerCreating"), nodes=("node-a",), since=ago(minutes=29))
    assert made.diagnose().reasons == (Reason.SLOW_START,)


def test_what_has_served_and_what_is_paused_needs_no_second_look() -> None:
    served, paused = (begun(shop()) for _ in range(2))
    served.pods.append(pod(served.new, "fine", ready=True, since=ago(minutes=2)))
    paused.deployment["spec"]["paused"] = True
    for made in (served, paused):
        made.fails(crashing(restarts=1), since=ago(minutes=2))
    served.counts(new_pods=3, new_ready=1)
    assert Reason.REVISION_HAS_SERVED in served.diagnose().reasons
    assert Reason.PAUSED in paused.diagnose().reasons
    assert not any(acts(made) for made in (served, paused))


def test_a_person_who_reports_a_release_does_not_make_two_crashes_three() -> None:
    made = crashes(restarts=2)
    made.source = Source.PERSON
    assert waits(made)


def test_a_failed_pull_that_the_kubelet_tells_twice_is_one_attempt() -> None:
    made = named_wrongly(count=2)
    made.events.append(event(made.pods[-1], "Failed", "Error: ErrImagePull", count=2, **ONE_MINUTE))
    assert waits(made)
    made = named_wrongly(count=3)
    made.events.append(event(made.pods[-1], "Failed", "Error: ErrImagePull", count=3, **ONE_MINUTE))
    assert acts(made)


def test_what_lacks_one_attempt_is_looked_at_soon_and_what_waits_for_something_else_is_not() -> None:
    assert named_wrongly(count=2).diagnose().look_again_seconds == LOOK_SOON
    assert named_wrongly(count=1).diagnose().look_again_seconds == LOOK_AGAIN
