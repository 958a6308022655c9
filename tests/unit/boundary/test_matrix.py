"""The matrix: every right is in the public table or says why it was added, and what is never requested is nowhere."""

from __future__ import annotations

import itertools

import pytest

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.matrix import EVERYTHING, WIDEST, Mark, entries, entry_of, page, rights_of, standing
from byteport.boundary.needs import Place, Placed, every_right, placed_rights
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.public_table import ADDED, NEVER, PUBLIC_TABLE, STANDING, WIDENED, Never
from byteport.boundary.roles import installation, of_namespace
from byteport.boundary.whole import DANGEROUS
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.policy import Mode
from byteport.domain.scopes import Right
from byteport.kubernetes.port import JSON
from byteport.runbooks.catalogue import RUNBOOKS


def installed(choices: Choices = WIDEST) -> list[JSON]:
    made = policies(choices)
    mutators = names_of(made, "MutatingAdmissionPolicy")
    return installation(choices, names_of(made, "ValidatingAdmissionPolicy"), mutators)


def granted(objects: list[JSON]) -> set[tuple[str, str, str]]:
    """Every right of the roles among these objects."""
    roles = [item for item in objects if item["kind"] in ("Role", "ClusterRole")]
    return {key for item in roles for key, _ in rights_of(item["rules"])}


@pytest.mark.claim("C-002")
def test_every_right_beyond_the_public_table_has_a_reason() -> None:
    silent = [entry.placed.key for entry in entries() if entry.mark is not Mark.PUBLIC and not entry.reason]
    assert silent == []
    assert [one for one in standing() if not one.reason] == []


def test_no_reason_is_about_a_right_that_nobody_asks_for() -> None:
    marks = {entry.placed.key: entry.mark for entry in entries()}
    assert {key: marks.get(key) for key in ADDED} == dict.fromkeys(ADDED, Mark.ADDED)
    assert {key: marks.get(key) for key in WIDENED} == dict.fromkeys(WIDENED, Mark.WIDENED)
    assert {(one.role, one.key[1]) for one in standing()} == set(STANDING)


def test_a_right_that_is_new_and_says_nothing_would_be_found() -> None:
    new = Placed(Right(group="batch", resource="cronjobs", verb="list"), Place.SIGHT, frozenset())
    assert entry_of(new) == (new, Mark.ADDED, "")


def test_a_right_of_the_public_table_that_another_runbook_wants_is_marked_as_widened() -> None:
    patch = Right(group="apps", resource="deployments", verb="patch")
    own = Placed(patch, Place.NAMED, frozenset({"FailedDeployAutoRollbackRunbook"}))
    other = Placed(patch, Place.NAMED, frozenset({"CpuSpikeRunbook"}))
    assert (entry_of(own).mark, entry_of(other).mark) == (Mark.PUBLIC, Mark.WIDENED)


@pytest.mark.claim("C-001")
def test_the_matrix_is_what_the_runbooks_declare_and_the_roles_grant() -> None:
    declared = {(right.group, right.resource, right.verb) for runbook in RUNBOOKS for right in runbook.scope.rights}
    in_matrix = {entry.placed.key for entry in entries()}
    assert declared <= in_matrix
    assert in_matrix - declared <= {entry.placed.key for entry in entries() if not entry.placed.wanted_by}
    in_roles = granted([*installed(), *of_namespace("shop", EVERYTHING, WIDEST)])
    assert in_roles == in_matrix | {one.key for one in standing()}


@pytest.mark.claim("C-003")
def test_critique_b5_what_is_never_requested_is_in_no_right_and_no_role() -> None:
    keys = {placed.key for placed in every_right()} | granted([*installed(), *of_namespace("shop", EVERYTHING, WIDEST)])
    assert [(key, never.why) for key in sorted(keys) for never in NEVER if never.covers(key)] == []


@pytest.mark.parametrize("key", DANGEROUS, ids=lambda key: f"{key[2]} {key[1]}")
def test_what_the_self_check_calls_dangerous_is_never_requested(key: tuple[str, str, str]) -> None:
    assert any(never.covers(key) for never in NEVER)


@pytest.mark.parametrize("key", [("*", "*", "*"), ("", "*", "get"), ("", "secrets", "*"), ("", "secrets", "list")])
def test_a_wildcard_is_seen_as_what_it_takes_in(key: tuple[str, str, str]) -> None:
    assert Never("", "secrets", ("*",), "").covers(key)
    assert not Never("", "secrets", ("*",), "").covers(("apps", "deployments", "get"))


@pytest.mark.claim("C-003")
def test_no_rule_has_a_wildcard() -> None:
    words = [word for key in granted([*installed(), *of_namespace("shop", EVERYTHING, WIDEST)]) for word in key]
    assert "*" not in words


@pytest.mark.claim("C-004")
@pytest.mark.parametrize("name", sorted(EVERY_RUNBOOK))
def test_a_runbook_that_is_off_takes_its_rights_with_it(name: str) -> None:
    others = {key for placed in placed_rights(WIDEST) if placed.wanted_by != {name} for key in [placed.key]}
    choices = WIDEST.model_copy(update={"runbooks": EVERY_RUNBOOK - {name}})
    left = granted([*installed(choices), *of_namespace("shop", EVERYTHING, choices)])
    assert left == others | {one.key for one in standing()}


@pytest.mark.claim("C-004")
def test_with_every_runbook_off_nothing_can_be_written() -> None:
    choices = Choices(runbooks=frozenset(), sight=Sight.CLUSTER, helper=True)
    left = granted([*installed(choices), *of_namespace("shop", EVERYTHING, choices)])
    assert left.isdisjoint(placed.key for placed in every_right() if placed.writes)


@pytest.mark.claim("C-005")
@pytest.mark.parametrize("sight", Sight)
def test_where_the_agent_only_observes_no_verb_that_writes_is_bound(sight: Sight) -> None:
    choices = WIDEST.model_copy(update={"sight": sight, "helper": False})
    ceiling = EVERYTHING.model_copy(update={"mode": Mode.OBSERVE})
    everything = [*installed(choices), *of_namespace("shop", ceiling, choices)]
    rules = {(item["kind"], item["metadata"]["name"]): item["rules"] for item in everything if "rules" in item}
    bound = [
        key
        for item in everything
        if item["kind"].endswith("Binding")
        for key, _ in rights_of(rules[item["roleRef"]["kind"], item["roleRef"]["name"]])
    ]
    assert {verb for _, _, verb in bound} <= {"get", "list", "watch", "perform"}


@pytest.mark.claim("C-006")
def test_deployments_and_autoscalers_are_patched_by_name_only() -> None:
    ceiling = Ceiling(mode=Mode.AUTO, rollback=("api", "web"), hpa=("web",))
    roles = [item for item in of_namespace("shop", ceiling, WIDEST) if item["kind"] == "Role"]
    named = [(key[1], key[2], names) for item in roles for key, names in rights_of(item["rules"])]
    assert named == [("deployments", "patch", ("api", "web")), ("horizontalpodautoscalers", "patch", ("web",))]
    assert of_namespace("shop", Ceiling(mode=Mode.AUTO), WIDEST)[-1]["kind"] == "RoleBinding"


@pytest.mark.claim("C-007")
def test_in_namespaced_sight_nothing_of_a_namespace_is_read_cluster_wide() -> None:
    choices = WIDEST.model_copy(update={"sight": Sight.NAMESPACED})
    everything = installed(choices)
    bound = {item["roleRef"]["name"] for item in everything if item["kind"] == "ClusterRoleBinding"}
    roles = [item for item in everything if item["kind"] == "ClusterRole" and item["metadata"]["name"] in bound]
    unnamed = {key for item in roles for key, names in rights_of(item["rules"]) if not names}
    in_a_namespace = {placed.key for placed in every_right() if placed.place is not Place.CLUSTER}
    assert unnamed.isdisjoint(in_a_namespace)
    assert ("", "namespaces", "list") not in unnamed


def test_the_page_tells_every_right_and_every_row_of_the_public_table() -> None:
    text = page()
    for entry in entries():
        assert f"`{entry.placed.right.resource}" in text
    assert all(f"`{name}" in text for name in itertools.chain.from_iterable(row.resources for row in PUBLIC_TABLE))
    assert {key for row in PUBLIC_TABLE for key in row.keys} <= {entry.placed.key for entry in entries()}
