"""No name is written into the boundary that a choice can change: it is the chosen one, wherever it stands."""

from __future__ import annotations

import json
import re

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.names import HELPER_NAMESPACE
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.policies.commands import connections
from byteport.boundary.roles import installation, of_namespace
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.modes import Mode

SHOP = Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("api",))
ANY_HELPER_NAMESPACE = re.compile(rf"\b{HELPER_NAMESPACE}\b(?!-)")


def rendered(**chosen: object) -> str:
    choices = Choices.model_validate({"helper": True, **chosen})
    made = policies(choices)
    roles = installation(
        choices, names_of(made, "ValidatingAdmissionPolicy"), names_of(made, "MutatingAdmissionPolicy")
    )
    return json.dumps([made, roles, of_namespace("shop", SHOP, choices)])


@pytest.mark.claim("C-200")
@pytest.mark.parametrize("sight", list(Sight))
@pytest.mark.parametrize("proves", [True, False])
def test_the_helpers_namespace_is_the_chosen_one_wherever_it_stands(sight: Sight, proves: bool) -> None:
    common: dict[str, object] = {"sight": sight, "proves_rollbacks": proves}
    usual, other = rendered(**common), rendered(helper_namespace="node-tools", **common)
    assert not ANY_HELPER_NAMESPACE.search(other)
    assert ANY_HELPER_NAMESPACE.sub("node-tools", usual) == other


@pytest.mark.claim("C-200")
def test_every_policy_is_about_every_account_of_both_our_namespaces() -> None:
    for policy in policies(Choices(helper=True, helper_namespace="node-tools")):
        if not policy["kind"].endswith("Binding"):
            about = policy["spec"]["matchConditions"][0]["expression"]
            for group in ("system:serviceaccounts:byteport-agent", "system:serviceaccounts:node-tools"):
                assert f"'{group}' in request.userInfo.groups" in about, policy["metadata"]["name"]


@pytest.mark.claim("C-200")
def test_without_a_helper_no_policy_is_about_the_accounts_of_a_namespace_that_may_be_somebody_elses() -> None:
    made = [one for one in policies(Choices(helper_namespace="argocd")) if not one["kind"].endswith("Binding")]
    about = {one["spec"]["matchConditions"][0]["expression"] for one in made}
    assert about == {"'system:serviceaccounts:byteport-agent' in request.userInfo.groups"}


@pytest.mark.claim("C-200")
def test_without_a_helper_its_namespace_stands_nowhere_at_all() -> None:
    assert "argocd" not in rendered(helper=False, helper_namespace="argocd")
    assert "argocd" in rendered(helper=True, helper_namespace="argocd")


@pytest.mark.claim("C-205")
def test_without_a_helper_the_policy_of_commands_stands_and_refuses_every_one() -> None:
    policy, bound = connections(Choices())
    assert [rule["expression"] for rule in policy["spec"]["validations"]] == ["false"]
    assert policy["spec"]["matchConstraints"] == connections(Choices(helper=True))[0]["spec"]["matchConstraints"]
    assert bound == connections(Choices(helper=True))[1]


def test_a_protected_namespace_stands_in_every_policy_of_writes() -> None:
    texts = [json.dumps(one) for one in policies(Choices(protected=("database",))) if "kube-system" in json.dumps(one)]
    assert len(texts) == 5
    assert all("'database'" in text for text in texts)
