"""Whatever is chosen, the chart grants exactly what the runbooks' scopes say, and carries exactly the policies.

`byteport/boundary` is the one source: its objects and the chart's rendered ones are compared for every combination of
runbooks, sight and helper, as rights and not as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import chain, combinations
from typing import Any

import pytest

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.names import ACT_ROLE, RUNBOOKS_NOTE
from byteport.boundary.needs import placed_rights
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.roles import installation, noted, of_namespace, standing_rules
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.policy import Mode
from byteport.kubernetes.port import JSON
from tests.builders.sampled import some
from tests.chart.chart import BEFORE_PROOF, NEWEST, default_choices, objects, only, values_of

Right = tuple[str, str, str, str]

SUBSETS = [
    frozenset(chosen)
    for chosen in chain.from_iterable(
        combinations(sorted(EVERY_RUNBOOK), size) for size in range(len(EVERY_RUNBOOK) + 1)
    )
]

ONE_IN = 4
"""So many fewer of them where a part is enough."""


def rights(rules: Iterable[JSON]) -> frozenset[Right]:
    """Group, resource, verb and name of everything that the rules grant."""
    return frozenset(
        (group, resource, verb, name)
        for one in rules
        for group in one["apiGroups"]
        for resource in one["resources"]
        for verb in one["verbs"]
        for name in one.get("resourceNames") or ("",)
    )


def granted(items: Iterable[JSON]) -> dict[tuple[str, str, str], Any]:
    """Every role by what it grants, every binding by whom it binds to what."""
    found: dict[tuple[str, str, str], Any] = {}
    for item in items:
        key = (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"])
        if item["kind"].endswith("Role"):
            found[key] = rights(item["rules"])
        elif item["kind"].endswith("RoleBinding"):
            found[key] = (item["roleRef"], item["subjects"])
    return found


def wanted(choices: Choices) -> list[JSON]:
    made = policies(choices)
    return installation(choices, names_of(made, "ValidatingAdmissionPolicy"), names_of(made, "MutatingAdmissionPolicy"))


@pytest.mark.sampled
@pytest.mark.claim("C-140")
@pytest.mark.parametrize("helper", [False, True], ids=["no helper", "helper"])
@pytest.mark.parametrize("sight", Sight)
def test_every_choice_of_runbooks_grants_exactly_its_rights(sight: Sight, helper: bool) -> None:
    for runbooks in some(SUBSETS, ONE_IN, of=f"{sight} {helper}"):
        choices = default_choices(runbooks=runbooks, sight=sight, helper=helper)
        rendered = objects(values_of(choices), beginning="templates/generated/roles")
        assert granted(rendered) == granted(wanted(choices)), sorted(runbooks)


@pytest.mark.sampled
@pytest.mark.claim("C-480")
@pytest.mark.parametrize("sight", Sight)
def test_where_events_are_on_the_right_to_write_them_is_granted_while_a_runbook_is(sight: Sight) -> None:
    for runbooks in [frozenset[str](), *some(SUBSETS, ONE_IN, of=f"events {sight}")]:
        choices = default_choices(runbooks=runbooks, sight=sight, events=True)
        rendered = objects(values_of(choices), beginning="templates/generated/roles")
        assert granted(rendered) == granted(wanted(choices)), sorted(runbooks)


@pytest.mark.sampled
def test_the_roles_say_which_runbooks_are_on_as_enable_reads_it() -> None:
    for runbooks in some(SUBSETS, ONE_IN, of="noted"):
        choices = default_choices(runbooks=runbooks)
        role = only(objects(values_of(choices), beginning="templates/generated/roles"), "ClusterRole", ACT_ROLE)
        assert role["metadata"]["annotations"] == {RUNBOOKS_NOTE: noted(choices)}


@pytest.mark.claim("C-140")
@pytest.mark.parametrize("helper", [False, True], ids=["no helper", "helper"])
@pytest.mark.parametrize("sight", Sight)
def test_nothing_is_granted_but_needs_and_what_is_always_looked_at(sight: Sight, helper: bool) -> None:
    choices = default_choices(sight=sight, helper=helper)
    made = policies(choices)
    standing = standing_rules(names_of(made, "ValidatingAdmissionPolicy"), names_of(made, "MutatingAdmissionPolicy"))
    by_need = {(*placed.key, "") for placed in placed_rights(choices)}
    own = {
        ("", "configmaps", "get", "byteport-enabled"),
        ("byteport.io", "acts", "perform", ""),
        *(("", "events", verb, "") for verb in ("get", "list", "watch")),
        *((("", "pods", "get", ""), ("", "pods", "list", "")) if helper else ()),
    }
    rendered = objects(values_of(choices))
    found = frozenset[Right]().union(*(rights(item["rules"]) for item in rendered if item["kind"].endswith("Role")))
    by_name = {
        right for right in by_need if right[1] in ("deployments", "horizontalpodautoscalers") and right[2] == "patch"
    }
    assert found == (by_need - by_name) | own | rights(standing)


@pytest.mark.claim("C-140")
def test_no_rule_has_a_wildcard_and_none_touches_a_secret() -> None:
    widest = Choices(runbooks=EVERY_RUNBOOK, sight=Sight.CLUSTER, helper=True, events=True)
    for item in objects(values_of(widest)):
        for one in item.get("rules", []) if item["kind"].endswith("Role") else []:
            assert not any("*" in word for key in ("apiGroups", "resources", "verbs") for word in one[key])
            assert not {"secrets", "nodes/proxy", "serviceaccounts/token", "pods/ephemeralcontainers"} & {
                *one["resources"]
            }


@pytest.mark.claim("C-140")
def test_in_observe_no_namespace_is_given_a_write() -> None:
    items = objects({"namespaces": [{"name": "shop", "mode": "observe"}]})
    assert {item["roleRef"]["name"] for item in items if item["metadata"].get("namespace") == "shop"} == {
        "byteport-agent-sight"
    }


CEILINGS = [
    Ceiling(),
    Ceiling(mode=Mode.OBSERVE),
    Ceiling(mode=Mode.AUTO, rollback=("api",)),
    Ceiling(mode=Mode.AUTO, hpa=("web", "api")),
    Ceiling(mode=Mode.DRY_RUN, rollback=("*",), hpa=("api",)),
    Ceiling(mode=Mode.AUTO, rollback=("*",), hpa=("*",)),
]


@pytest.mark.claim("C-140")
@pytest.mark.parametrize("sight", Sight)
@pytest.mark.parametrize(
    "runbooks",
    [
        EVERY_RUNBOOK,
        EVERY_RUNBOOK - {"FailedDeployAutoRollbackRunbook"},
        EVERY_RUNBOOK - {"CpuSpikeRunbook", "MemoryPressureRunbook"},
        frozenset({"CpuSpikeRunbook"}),
        frozenset({"DiskSpaceAutoReclaimRunbook"}),
    ],
    ids=len,
)
def test_a_namespace_of_the_list_is_given_what_enable_would_give(runbooks: frozenset[str], sight: Sight) -> None:
    choices = default_choices(runbooks=runbooks, sight=sight)
    given = {f"team-{number}": ceiling for number, ceiling in enumerate(CEILINGS)}
    listed = [{"name": name, **ceiling.model_dump(mode="json")} for name, ceiling in given.items()]
    items = objects({**values_of(choices), "namespaces": listed}, beginning="templates/generated/namespaces")
    expected = [item for name, ceiling in given.items() for item in of_namespace(name, ceiling, choices)]
    assert granted(items) == granted(expected)


def test_the_agent_is_told_each_ceiling_as_enable_writes_it() -> None:
    given = {f"team-{number}": ceiling for number, ceiling in enumerate(CEILINGS)} | {"1234": Ceiling()}
    listed = [{"name": name, **ceiling.model_dump(mode="json")} for name, ceiling in given.items()]
    (told,) = [item for item in objects({"namespaces": listed}) if item["metadata"]["name"] == "byteport-enabled"]
    assert {name: Ceiling.model_validate_json(text) for name, text in told["data"].items()} == given
    assert all(json.loads(text) == json.loads(given[name].model_dump_json()) for name, text in told["data"].items())


def test_without_a_list_the_agent_is_told_of_nothing_and_may_still_be_told() -> None:
    (told,) = [item for item in objects() if item["metadata"]["name"] == "byteport-enabled"]
    assert told.get("data") is None


@pytest.mark.claim("C-140", "C-147")
@pytest.mark.parametrize("kubernetes", [BEFORE_PROOF, NEWEST])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"protected": ("payments", "temporal")},
        {"helper_namespace": "nodes"},
        {"helper": True, "helper_namespace": "nodes"},
        {"events": True},
        {"helper": True, "events": True, "protected": ("payments", "temporal")},
    ],
    ids=str,
)
def test_the_policies_are_those_of_the_catalogue(changes: dict[str, Any], kubernetes: str) -> None:
    choices = default_choices(**changes, proves_rollbacks=kubernetes == NEWEST)
    rendered = objects(values_of(choices), kubernetes=kubernetes, beginning="templates/generated/policies")
    assert rendered == policies(choices)


def test_policies_do_not_depend_on_which_runbooks_are_on() -> None:
    """What nobody may do needs no permission to be refused."""
    none_on = objects(values_of(default_choices(runbooks=frozenset())), beginning="templates/generated/policies")
    assert none_on == policies(default_choices())


def test_before_the_server_can_prove_a_rollback_no_right_speaks_of_the_proof() -> None:
    choices = default_choices(proves_rollbacks=False)
    rendered = objects(values_of(choices), kubernetes=BEFORE_PROOF, beginning="templates/generated/roles")
    assert granted(rendered) == granted(wanted(choices))


def test_the_switch_can_be_kept_away_through_an_upgrade() -> None:
    def bindings(may_act: bool) -> set[str]:
        items = objects({"mayAct": may_act})
        return {item["metadata"]["name"] for item in items if item["kind"] == "ClusterRoleBinding"}

    assert bindings(True) - bindings(False) == {"byteport-may-act"}
