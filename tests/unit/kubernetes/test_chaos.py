"""Chaos experiments, recognised by what the tools leave on objects."""

import pytest

from byteport.kubernetes.chaos import experiment_running, experiment_seen
from byteport.kubernetes.world import JSON


def marked(**marks: dict[str, str]) -> JSON:
    return {"metadata": {"name": "web", **marks}}


@pytest.mark.parametrize(
    "target",
    [
        marked(annotations={"litmuschaos.io/chaos": "true"}),
        marked(labels={"chaos-mesh.org/injected": "pod-failure"}),
        marked(annotations={"experiment.chaos-mesh.org/pause": "1"}),
    ],
)
def test_a_mark_on_the_target_or_its_pods_is_an_experiment(target: JSON) -> None:
    assert experiment_seen([target], [])


@pytest.mark.parametrize(
    "target",
    [
        marked(),
        marked(annotations={"litmuschaos.io/chaos": "false"}),
        marked(annotations={"notchaos-mesh.org/x": "true"}),
        marked(annotations={"chaos-mesh.org": "true"}),
        {"metadata": {"annotations": ["litmuschaos.io/chaos"]}},
        {},
    ],
)
def test_a_mark_that_says_no_or_another_key_is_none(target: JSON) -> None:
    assert not experiment_seen([target], [])


def test_an_experiments_pod_counts_while_it_runs() -> None:
    runner: JSON = {"metadata": {"labels": {"chaosUID": "x"}}, "status": {"phase": "Running"}}
    assert experiment_seen([], [runner])
    assert not experiment_seen([], [runner | {"status": {"phase": "Succeeded"}}])


def experiment(
    kind: str = "NetworkChaos", *, home: str = "shop", group: str = "chaos-mesh.org/v1alpha1", **body: JSON
) -> JSON:
    return {"apiVersion": group, "kind": kind, "metadata": {"name": "delay", "namespace": home}, **body}


@pytest.mark.parametrize(
    "found",
    [
        experiment(),
        experiment(home="chaos", spec={"selector": {"namespaces": ["shop"]}}),
        experiment("ChaosEngine", group="litmuschaos.io/v1alpha1", status={"engineStatus": "initialized"}),
        experiment("ChaosEngine", home="litmus", group="litmuschaos.io/v1alpha1", spec={"appinfo": {"appns": "shop"}}),
    ],
)
def test_an_experiments_own_object_counts_where_it_aims(found: JSON) -> None:
    assert experiment_running([found], "shop")


@pytest.mark.parametrize(
    "found",
    [
        experiment(home="other"),
        experiment(status={"conditions": [{"type": "AllRecovered", "status": "True"}]}),
        experiment(status={"conditions": [{"type": "Paused", "status": "True"}]}),
        experiment("ChaosEngine", group="litmuschaos.io/v1alpha1", spec={"engineState": "stop"}),
        experiment("ChaosEngine", group="litmuschaos.io/v1alpha1", status={"engineStatus": "completed"}),
        experiment("ChaosResult", group="litmuschaos.io/v1alpha1"),
        experiment(group="apps/v1"),
    ],
)
def test_one_that_is_over_paused_or_elsewhere_does_not(found: JSON) -> None:
    assert not experiment_running([found], "shop")
