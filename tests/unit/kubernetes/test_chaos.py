"""Chaos experiments, recognised by what the tools leave on objects."""

import pytest

from byteport.kubernetes.chaos import experiment_seen
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
