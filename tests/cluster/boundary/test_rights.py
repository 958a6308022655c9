"""What the agent's token is granted, as the API server lists it: the published matrix, for each mode, runbook and sight."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.names import ACT_ROLE, CEILINGS, HELPER_NAMESPACE, NAMED_ROLE, NAMESPACE
from byteport.boundary.needs import Place, placed_rights
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.roles import standing_rules
from byteport.boundary.whole import BASELINE, granted
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.policy import Mode
from tests.cluster.boundary.installed import Installed
from tests.cluster.workloads import Namespace, eventually

Right = tuple[str, str, str, str]
JSON = dict[str, Any]

READS = {"get", "list", "watch"}


def listed(installed: Installed, namespace: str) -> set[Right]:
    """`kubectl auth can-i --list`, but for what every account has."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    found, complete = granted(installed.agent().call("POST", path, review)["status"])
    assert complete
    return {right for right in found if right[:3] not in BASELINE}


def standing(choices: Choices) -> set[Right]:
    made = policies(choices)
    rules = standing_rules(names_of(made, "ValidatingAdmissionPolicy"), names_of(made, "MutatingAdmissionPolicy"))
    cluster = {(*placed.key, "") for placed in placed_rights(choices) if placed.place is Place.CLUSTER}
    named = {
        (rule["apiGroups"][0], rule["resources"][0], verb, name)
        for rule in rules
        for verb in rule["verbs"]
        for name in rule["resourceNames"]
    }
    return cluster | named | {("byteport.io", "acts", "perform", "")}


def expected(choices: Choices, ceiling: Ceiling | None) -> set[Right]:
    """In a namespace that was given to it with that ceiling; None for one that was not."""
    rights = placed_rights(choices)
    found = standing(choices)
    if ceiling is not None or choices.sight is Sight.CLUSTER:
        found |= {(*placed.key, "") for placed in rights if placed.place is Place.SIGHT}
    if ceiling is not None and ceiling.mode is not Mode.OBSERVE:
        found |= {(*placed.key, "") for placed in rights if placed.place is Place.ACT}
        for placed in rights:
            if placed.place is Place.NAMED:
                names = ceiling.rollback if placed.right.resource == "deployments" else ceiling.hpa
                found |= {(*placed.key, "" if name == "*" else name) for name in names}
    return found


@pytest.fixture
def empty(guarded: Installed) -> Iterator[Namespace]:
    namespace = Namespace(guarded.plane, f"rights-{secrets.token_hex(3)}")
    namespace.create()
    yield namespace
    namespace.delete()


@pytest.mark.claim("C-007", "C-211")
def test_review_1_in_a_namespace_that_was_not_given_to_it_the_agent_may_read_nothing(
    guarded: Installed, empty: Namespace
) -> None:
    assert listed(guarded, empty.name) == standing(guarded.choices)


@pytest.mark.claim("C-005", "C-006", "C-211", "C-220")
@pytest.mark.parametrize("mode", list(Mode))
def test_review_1_each_mode_grants_exactly_its_part_of_the_matrix(
    guarded: Installed, empty: Namespace, mode: Mode
) -> None:
    ceiling = Ceiling(mode=mode, rollback=("api",), hpa=("api", "web"))
    guarded.enable(empty.name, ceiling)
    wanted = expected(guarded.choices, ceiling)
    assert eventually(lambda: listed(guarded, empty.name) == wanted), listed(guarded, empty.name) ^ wanted
    if mode is Mode.OBSERVE:
        assert {verb for _, _, verb, _ in wanted} - READS == {"perform"}, "observe has no write verb"


@pytest.mark.claim("C-211")
def test_review_1_its_own_namespace_and_the_helpers_grant_what_they_say(guarded: Installed) -> None:
    choices = guarded.choices
    own = standing(choices) | {("", "configmaps", "get", CEILINGS)}
    assert listed(guarded, NAMESPACE) == own
    helper = {(*placed.key, "") for placed in placed_rights(choices) if placed.place is Place.HELPER}
    assert listed(guarded, HELPER_NAMESPACE) == standing(choices) | helper | {
        ("", "pods", v, "") for v in ("get", "list")
    }
    events = {("", "events", verb, "") for verb in READS}
    assert listed(guarded, "default") == standing(choices) | events


@pytest.mark.claim("C-004")
@pytest.mark.parametrize("off", sorted(EVERY_RUNBOOK))
def test_review_1_a_runbook_that_is_off_takes_its_rights_with_it(
    guarded: Installed, empty: Namespace, off: str
) -> None:
    narrower = Installed(guarded.plane, guarded.choices.model_copy(update={"runbooks": EVERY_RUNBOOK - {off}}))
    ceiling = Ceiling(mode=Mode.AUTO, rollback=("*",), hpa=("*",))
    narrower.apply(narrower.objects)
    narrower.enable(empty.name, ceiling)
    try:
        wanted = expected(narrower.choices, ceiling)
        assert eventually(lambda: listed(narrower, empty.name) == wanted), listed(narrower, empty.name) ^ wanted
    finally:
        guarded.apply(guarded.objects)


def test_review_1_cluster_sight_reads_everywhere_and_still_writes_only_where_it_was_given_to(
    guarded: Installed, empty: Namespace
) -> None:
    wider = Installed(guarded.plane, guarded.choices.model_copy(update={"sight": Sight.CLUSTER}))
    wider.apply(wider.objects)
    try:
        wanted = expected(wider.choices, None)
        assert eventually(lambda: listed(wider, empty.name) == wanted), listed(wider, empty.name) ^ wanted
        writes = {right for right in wanted if right[2] not in READS} - {("byteport.io", "acts", "perform", "")}
        assert writes == set()
    finally:
        wider.remove([item for item in wider.objects if item not in guarded.objects])
        guarded.apply(guarded.objects)


@pytest.mark.claim("C-005")
def test_a_ceiling_that_is_lowered_takes_rights_away(guarded: Installed, empty: Namespace) -> None:
    from byteport.boundary.roles import of_namespace

    high, low = Ceiling(mode=Mode.AUTO, rollback=("api",)), Ceiling(mode=Mode.OBSERVE)
    guarded.enable(empty.name, high)
    assert eventually(lambda: listed(guarded, empty.name) == expected(guarded.choices, high))
    gone = [
        one
        for one in of_namespace(empty.name, high, guarded.choices)
        if one["metadata"]["name"] in (ACT_ROLE, NAMED_ROLE)
    ]
    guarded.remove(gone)
    assert eventually(lambda: listed(guarded, empty.name) == expected(guarded.choices, low))
