"""What an installation says of itself is read back as the choices that it was rendered with, or refused in one line."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.installed import (
    Installed,
    Obstacle,
    Problem,
    choices_of,
    policy_problems,
    too_old,
    wanted_keys,
)
from byteport.boundary.names import ACT_ROLE, CLUSTER_ROLE, RUNBOOKS_NOTE, SIGHT_ROLE
from byteport.domain.ceilings import Sight
from tests.builders.administered import the_installation

JSON = dict[str, Any]

SUBSETS = [frozenset(names) for count in range(6) for names in itertools.combinations(sorted(EVERY_RUNBOOK), count)]


def found(choices: Choices) -> Installed:
    """What stands after that installation, as far as it is looked at."""
    objects = {(item["kind"], item["metadata"]["name"]): item for item in the_installation(choices)}
    return Installed("v1.37.2", {"kind": "Namespace"}, {key: objects.get(key) for key in wanted_keys()})


@pytest.mark.parametrize("sight", Sight)
@pytest.mark.parametrize("runbooks", SUBSETS, ids=lambda names: "+".join(name[:4] for name in sorted(names)) or "none")
def test_every_rendering_is_told_from_every_other(runbooks: frozenset[str], sight: Sight) -> None:
    wanted = Choices(runbooks=runbooks, sight=sight)
    assert choices_of(found(wanted)) == wanted


@pytest.mark.parametrize(
    "note",
    [None, 5, "", "PodCrashloopRunbook", "PodCrashloopRunbook,NewRunbook", "PodCrashloopRunbook, CpuSpikeRunbook"],
)
def test_runbooks_that_the_roles_do_not_bear_out_are_no_answer(note: object) -> None:
    installed = found(Choices())
    role = installed.objects["ClusterRole", ACT_ROLE]
    assert role is not None
    said = {**role, "metadata": {**role["metadata"], "annotations": {RUNBOOKS_NOTE: note} if note is not None else {}}}
    read = choices_of(installed._replace(objects={**installed.objects, ("ClusterRole", ACT_ROLE): said}))
    assert isinstance(read, Problem)
    assert (read.kind, "byteport-agent-" in read.text) == (Obstacle.OTHER_VERSION, True)


@pytest.mark.parametrize(
    "choices",
    [
        Choices(protected=("pg", "temporal")),
        Choices(protected=("pg", "temporal"), helper=True, helper_namespace="nodes"),
        Choices(proves_rollbacks=False),
        Choices(events=True),
        Choices(events=True, runbooks=frozenset()),
        Choices(sight=Sight.CLUSTER, protected=("a-b", "z")),
    ],
)
def test_protected_namespaces_helper_and_proof_are_read_from_the_policies_which_are_then_whole(
    choices: Choices,
) -> None:
    read = choices_of(found(choices))
    assert read == choices
    assert isinstance(read, Choices)
    assert policy_problems(read, found(choices)) == []


@pytest.mark.claim("C-016")
@pytest.mark.parametrize(
    "key", [key for key in wanted_keys() if key[0] != "ClusterRoleBinding"], ids=lambda key: " ".join(key)
)
def test_whatever_is_missing_of_it_is_named(key: tuple[str, str]) -> None:
    installed = found(Choices(events=True))
    without = installed._replace(objects={**installed.objects, key: None})
    read = choices_of(without)
    problems = [read] if isinstance(read, Problem) else policy_problems(read, without)
    assert [problem for problem in problems if key[1] in problem.text] != []
    assert {problem.kind for problem in problems} == {
        Obstacle.NOT_INSTALLED if key[0] == "ClusterRole" else Obstacle.POLICIES
    }


@pytest.mark.parametrize("name", [CLUSTER_ROLE, SIGHT_ROLE, ACT_ROLE])
@pytest.mark.parametrize(
    "more",
    [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
    ],
)
def test_roles_with_one_right_more_are_none_that_this_version_renders(name: str, more: JSON) -> None:
    installed = found(Choices())
    role = installed.objects["ClusterRole", name]
    assert role is not None
    wider = {**role, "rules": [*role["rules"], more]}
    read = choices_of(installed._replace(objects={**installed.objects, ("ClusterRole", name): wider}))
    assert isinstance(read, Problem)
    assert (read.kind, name in read.text) == (Obstacle.OTHER_VERSION, True)


def test_rules_that_are_spread_otherwise_are_the_same_rights() -> None:
    installed = found(Choices())
    role = installed.objects["ClusterRole", SIGHT_ROLE]
    assert role is not None
    spread = [{**rule, "verbs": [verb]} for rule in reversed(role["rules"]) for verb in rule["verbs"]]
    again = {**role, "rules": spread}
    assert isinstance(
        choices_of(installed._replace(objects={**installed.objects, ("ClusterRole", SIGHT_ROLE): again})), Choices
    )


def test_without_our_own_namespace_nothing_is_installed() -> None:
    read = choices_of(found(Choices())._replace(home=None))
    assert isinstance(read, Problem)
    assert read.kind is Obstacle.NOT_INSTALLED


def test_a_policy_that_denies_no_more_is_a_problem() -> None:
    installed = found(Choices())
    key = ("ValidatingAdmissionPolicyBinding", "byteport-everything")
    bound = installed.objects[key]
    assert bound is not None
    audits = {**bound, "spec": {**bound["spec"], "validationActions": ["Audit"]}}
    problems = policy_problems(Choices(), installed._replace(objects={**installed.objects, key: audits}))
    assert [(one.kind, "byteport-everything" in one.text) for one in problems] == [(Obstacle.POLICIES, True)]


@pytest.mark.claim("C-016")
@pytest.mark.parametrize("version", ["v1.29.14", "v1.9.0", "", "dev", "v0.40.0"])
def test_an_api_server_older_than_1_30_is_refused(version: str) -> None:
    problem = too_old(version)
    assert problem is not None
    assert problem.kind is Obstacle.TOO_OLD
    assert "1.30" in problem.text


@pytest.mark.parametrize("version", ["v1.30.0", "v1.37.2", "1.31+", "v1.30.4-eks-a737599", "v2.0.0"])
def test_a_newer_one_is_not(version: str) -> None:
    assert too_old(version) is None
