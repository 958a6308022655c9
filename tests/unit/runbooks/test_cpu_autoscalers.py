"""Autoscalers that cannot do their work: blind, set up against themselves, or owned by another."""

from __future__ import annotations

from byteport.domain.reasons import Cause, Reason
from tests.builders.loads import Spiking, ask_cpu
from tests.builders.objects import owner, pod, stamp
from tests.unit.runbooks.test_cpu_spike import escalated, facts

# no request, metrics missing


def test_a_container_without_a_request_blinds_it_and_is_named() -> None:
    shop = Spiking()
    shop.deployment["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": "proxy:1"})
    shop.blind(message="failed to get cpu utilization: missing request for cpu in container proxy of Pod web-1")
    answer = ask_cpu(shop.world())
    escalated(answer, Cause.AUTOSCALER_BLIND, Reason.METRICS_MISSING)
    assert answer.diagnosis.culprit == "container proxy of Deployment/web"


def test_a_finished_pod_that_the_selector_takes_in_blinds_it_and_is_named() -> None:
    shop = Spiking()
    test_pod = pod("web-test", labels={"app": "web"}, phase="Succeeded", ready=False)
    shop.blind(message="missing request for cpu in container web of Pod web-test")
    answer = ask_cpu(shop.world(test_pod))
    escalated(answer, Cause.AUTOSCALER_BLIND, Reason.METRICS_MISSING)
    assert answer.diagnosis.culprit == "container web of Pod/web-test"
    assert facts(answer)["blind_because"] == "stray_pod"


def test_a_pod_that_only_a_message_speaks_of_is_not_named() -> None:
    shop = Spiking()
    shop.blind(message="missing request for cpu in container x of Pod delete-everything")
    answer = ask_cpu(shop.world())
    assert "delete-everything" not in str(answer.diagnosis)


def test_a_metrics_api_that_is_away_is_named() -> None:
    shop = Spiking()
    shop.blind(
        message="unable to fetch metrics from resource metrics API: the server could not find the requested resource"
    )
    answer = ask_cpu(shop.world())
    escalated(answer, Cause.AUTOSCALER_BLIND, Reason.METRICS_MISSING)
    assert answer.diagnosis.culprit == "APIService/v1beta1.metrics.k8s.io"


def test_no_metric_is_never_read_as_calm() -> None:
    shop = Spiking(limited="")
    shop.hpa["status"]["currentMetrics"] = None
    shop.hpa["status"]["lastScaleTime"] = stamp(60)
    escalated(ask_cpu(shop.world()), Cause.AUTOSCALER_BLIND, Reason.METRICS_MISSING)


def test_an_autoscaler_that_has_said_nothing_yet_is_looked_at_again() -> None:
    shop = Spiking(limited="")
    shop.hpa["status"] = {}
    answer = ask_cpu(shop.world())
    assert (answer.acts, answer.diagnosis.look_again_seconds) == (False, 30)


def test_an_external_metric_that_cannot_be_read_blinds_it() -> None:
    shop = Spiking()
    shop.blind("FailedGetExternalMetric")
    answer = ask_cpu(shop.world())
    escalated(answer, Cause.AUTOSCALER_BLIND, Reason.METRICS_MISSING)
    assert facts(answer)["blind_because"] == "other_metric"


# set up wrongly, owned by another


def test_bounds_that_cross_are_a_persons() -> None:
    escalated(ask_cpu(Spiking(floor=9, ceiling=5).world()), Cause.AUTOSCALER_MISCONFIGURED, Reason.MIN_OVER_MAX)


def test_a_scaled_object_whose_bounds_cross_is_named() -> None:
    shop = Spiking(usage=38, limited="TooManyReplicas", floor=27, ceiling=27)
    made_by = owner("ScaledObject", "web", api="keda.sh/v1alpha1")
    shop.hpa["metadata"]["ownerReferences"] = [made_by]
    scaled = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"minReplicaCount": 27, "maxReplicaCount": 10},
    }
    answer = ask_cpu(shop.world(scaled))
    escalated(answer, Cause.AUTOSCALER_MISCONFIGURED, Reason.MIN_OVER_MAX)
    assert answer.diagnosis.culprit == "ScaledObject/web"


def test_a_count_that_is_set_again_and_again_by_another_is_told() -> None:
    shop = Spiking(usage=38, limited="", floor=4, ceiling=4)
    shop.hpa["status"]["lastScaleTime"] = stamp(1)
    shop.deployment["spec"]["replicas"] = 9
    escalated(ask_cpu(shop.world()), Cause.AUTOSCALER_MISCONFIGURED, Reason.OWNED_BY_CONTROLLER)


def test_two_autoscalers_of_one_workload_are_told() -> None:
    shop = Spiking()
    other = {**shop.hpa, "metadata": {**shop.hpa["metadata"], "name": "web-2", "uid": "other"}}
    answer = ask_cpu(shop.world(other))
    escalated(answer, Cause.AUTOSCALER_MISCONFIGURED, Reason.OWNED_BY_CONTROLLER)
    assert answer.diagnosis.culprit == "HorizontalPodAutoscaler/web-2"


def test_one_that_cannot_find_what_it_scales_is_told() -> None:
    shop = Spiking()
    shop.condition("AbleToScale", "False", "FailedGetScale")
    escalated(ask_cpu(shop.world()), Cause.AUTOSCALER_MISCONFIGURED, Reason.CAUSE_NEEDS_A_PERSON)


def test_one_that_keda_makes_is_left_alone_and_named() -> None:
    shop = Spiking()
    shop.hpa["metadata"]["ownerReferences"] = [owner("ScaledObject", "web", api="keda.sh/v1alpha1")]
    answer = ask_cpu(shop.world())
    escalated(answer, Cause.AUTOSCALER_LIMITED, Reason.OWNED_BY_CONTROLLER)
    assert answer.diagnosis.culprit == "ScaledObject/web"


def test_one_that_its_owner_put_to_sleep_is_left_in_silence() -> None:
    shop = Spiking()
    shop.deployment["spec"]["replicas"] = 0
    assert ask_cpu(shop.world()).diagnosis.silent


def test_one_whose_owner_forbids_scaling_up_is_a_persons() -> None:
    shop = Spiking()
    shop.hpa["spec"]["behavior"] = {"scaleUp": {"selectPolicy": "Disabled"}}
    escalated(ask_cpu(shop.world()), Cause.AUTOSCALER_LIMITED, Reason.CAUSE_NEEDS_A_PERSON)
