"""Memory figures that cannot be believed, and hands that set the limit again and again."""

from __future__ import annotations

import pytest

from byteport.domain.reasons import Cause, Reason
from tests.builders.memory import LIMIT, Measured, ask_memory, pod_metrics, sample
from tests.builders.objects import simple, stamp
from tests.unit.runbooks.test_memory_pressure import facts, killed, loaded

BUSY = (sample(4, 0.70, cpu=0.35), sample(2, 0.93, cpu=0.49))
"""Use per pod rose in step with its CPU."""

# readings that cannot be believed


@pytest.mark.parametrize("memory", ["-1", str(3 * LIMIT), str(2**61), str(65 * 2**30)])
def test_an_absurd_measurement_is_told_as_one(memory: str) -> None:
    shop = loaded()
    shop.metrics = [pod_metrics(pod, memory=memory) for pod in shop.pods]
    answer = ask_memory(shop.world(), earlier=BUSY)
    assert (answer.cause, answer.reasons, answer.acts) == (Cause.MEMORY_READING, (Reason.ABSURD_READING,), False)


@pytest.mark.parametrize("window", ["", "-5s", "soon", "9999999h"])
def test_a_measurement_without_a_window_is_none(window: str) -> None:
    answer = ask_memory(loaded().only([0.95] * 4, window=window).world(), earlier=BUSY)
    assert (answer.cause, answer.reasons) == (Cause.MEMORY_READING, (Reason.ABSURD_READING,))


def test_a_measurement_of_the_future_is_none() -> None:
    answer = ask_memory(loaded().only([0.95] * 4, at=-10).world(), earlier=BUSY)
    assert not answer.acts


def test_old_measurements_are_waited_for() -> None:
    answer = ask_memory(loaded().only([0.95] * 4, at=7).world(), earlier=BUSY)
    assert (answer.acts, answer.diagnosis.look_again_seconds) == (False, 60)
    assert answer.diagnosis.reasons == (Reason.METRICS_OLD,)


def test_without_the_metrics_api_nobody_can_tell() -> None:
    shop = loaded().started(60, 60, 60, 60)
    shop.metrics = []
    answer = ask_memory(shop.world(), earlier=BUSY)
    assert (answer.reasons, answer.escalates) == ((Reason.METRICS_MISSING,), True)


# another hand


def squeezed(shop: Measured, manager: str = "limit-squeezer", every: float = 5, times: int = 4) -> Measured:
    """A manager that releases the same limits again and again."""
    for number in range(times):
        old = shop.release(f"old:{number}", number=number + 10, created=every * (times - number), replicas=0)
        limit = {"limits": {"memory": f"{900 - 100 * (number % 2)}Mi"}}
        old["spec"]["template"]["spec"]["containers"][0]["resources"] = limit
    shop.deployment["metadata"]["managedFields"] = [
        {
            "manager": manager,
            "operation": "Update",
            "time": stamp(every),
            "fieldsV1": {
                "f:spec": {
                    "f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:resources": {"f:limits": {}}}}}}
                }
            },
        }
    ]
    return shop


def test_a_manager_that_lowers_the_limit_again_and_again_is_named_with_its_period() -> None:
    answer = ask_memory(squeezed(loaded()).world(), earlier=BUSY)
    assert (answer.cause, answer.diagnosis.culprit) == (Cause.MEMORY_RESQUEEZED, "limit-squeezer")
    assert (answer.reasons, answer.acts) == ((Reason.RESQUEEZED,), False)
    assert facts(answer)["limits_changed_every_seconds"] == 300


@pytest.mark.parametrize(("times", "cause"), [(1, "memory_load"), (2, "memory_load"), (3, "memory_resqueezed")])
def test_three_changes_of_the_limit_within_a_day_are_a_habit_and_fewer_are_not(times: int, cause: str) -> None:
    assert ask_memory(squeezed(loaded(), times=times).world(), earlier=BUSY).cause == cause


def test_changes_of_last_week_are_no_habit_of_now() -> None:
    assert ask_memory(squeezed(loaded(), every=2000).world(), earlier=BUSY).cause is Cause.MEMORY_LOAD


def test_a_pod_whose_limit_is_not_its_templates_shows_a_hand_in_between() -> None:
    shop = loaded()
    for pod in shop.pods:
        pod["spec"]["containers"][0]["resources"] = {"limits": {"memory": str(LIMIT * 98 // 100)}}
    hooks = [{"rules": [{"resources": ["pods"], "operations": ["CREATE"]}]}]
    shop.extra.append(simple("MutatingWebhookConfiguration", "tight-limits", namespace="", webhooks=hooks))
    answer = ask_memory(shop.world(), earlier=BUSY)
    assert (answer.cause, answer.acts) == (Cause.MEMORY_RESQUEEZED, False)
    assert answer.diagnosis.culprit == "MutatingWebhookConfiguration/tight-limits"


def test_a_vertical_autoscaler_is_named_by_the_mark_it_leaves() -> None:
    shop = loaded()
    for pod in shop.pods:
        pod["spec"]["containers"][0]["resources"] = {"limits": {"memory": str(LIMIT * 98 // 100)}}
        pod["metadata"]["annotations"] = {"vpaUpdates": "Pod resources updated by web: container 0: memory limit"}
    aim = {"targetRef": {"kind": "Deployment", "name": "web"}}
    shop.extra.append(simple("VerticalPodAutoscaler", "web-vpa", spec=aim))
    answer = ask_memory(shop.world(), earlier=BUSY)
    assert answer.diagnosis.culprit == "VerticalPodAutoscaler/web-vpa"


def test_a_killed_container_with_a_squeezed_limit_names_the_hand_not_the_kill() -> None:
    answer = ask_memory(killed(squeezed(loaded())).world())
    assert (answer.cause, answer.diagnosis.culprit) == (Cause.MEMORY_RESQUEEZED, "limit-squeezer")
