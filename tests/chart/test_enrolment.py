"""What the chart installs is what `byteport enable` reads, and what it gives by values is what the command gives."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.enrol import plan_enable
from byteport.boundary.installed import Installed, choices_of, policy_problems, wanted_keys
from byteport.boundary.names import CEILINGS, ENABLED_LABEL, NAMED_ROLE
from byteport.boundary.standing import Standing
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.policy import Mode
from byteport.kubernetes.port import JSON
from tests.builders.administered import a_deployment, a_namespace, an_autoscaler
from tests.chart.chart import BEFORE_PROOF, NEWEST, default_choices, objects, of_kind, only, values_of


def found(items: list[JSON], version: str = NEWEST) -> Installed:
    """As the command finds it after the chart was installed."""
    by_key = {(item["kind"], item["metadata"]["name"]): item for item in items}
    return Installed(version, {"kind": "Namespace"}, {key: by_key.get(key) for key in wanted_keys()})


@pytest.mark.parametrize(
    ("choices", "version"),
    [
        (default_choices(), NEWEST),
        (default_choices(sight=Sight.CLUSTER), NEWEST),
        (default_choices(protected=("pg", "temporal")), NEWEST),
        (default_choices(helper=True, helper_namespace="nodes", protected=("pg", "temporal")), NEWEST),
        (default_choices(runbooks=EVERY_RUNBOOK - {"PodCrashloopRunbook"}), NEWEST),
        (default_choices(proves_rollbacks=False), BEFORE_PROOF),
    ],
)
def test_the_choices_are_read_back_from_what_the_chart_renders_and_its_policies_are_whole(
    choices: Choices, version: str
) -> None:
    installed = found(objects(values_of(choices), kubernetes=version), version)
    read = choices_of(installed)
    assert read == choices
    assert isinstance(read, Choices)
    assert policy_problems(read, installed) == []


@pytest.mark.parametrize(
    "given",
    [
        {"mode": "observe"},
        {},
        {"mode": "auto", "rollback": ["web", "api"], "hpa": ["web"]},
        {"mode": "auto", "rollback": ["*"], "hpa": ["*"]},
    ],
)
@pytest.mark.parametrize("sight", Sight)
def test_a_namespace_of_the_charts_values_wants_nothing_but_its_labels_of_the_command(
    given: dict[str, Any], sight: Sight
) -> None:
    choices = default_choices(sight=sight)
    items = objects({**values_of(choices), "namespaces": [{"name": "shop", **given}]})
    deployments = [a_deployment("api"), a_deployment("web")]
    inside = [item for item in items if item["metadata"].get("namespace") == "shop"]
    standing = Standing(
        namespace=a_namespace("shop", **{ENABLED_LABEL: "true"}),
        bindings=of_kind(inside, "RoleBinding"),
        role=next(iter(of_kind(inside, "Role")), None),
        ceilings=only(items, "ConfigMap", CEILINGS),
        deployments=deployments,
        autoscalers=[an_autoscaler("web")],
    )
    ceiling = Ceiling(
        mode=Mode(given.get("mode", "dry_run")), rollback=given.get("rollback", ()), hpa=given.get("hpa", ())
    )
    planned = plan_enable("shop", ceiling, choices, found(items), standing)
    assert planned.problems == ()
    assert {change.kind for change in planned.changes} <= {"Deployment"}
    assert (standing.role is not None) == (ceiling.rollback != ())
    assert standing.role is None or standing.role["metadata"]["name"] == NAMED_ROLE
