"""Every way in which the boundary can be other than rendered, and that what the API server fills in is none of them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.policies import autoscalers, deployments, everything, pods
from byteport.boundary.policies.catalogue import policies
from byteport.boundary.remedies import UPGRADE
from byteport.boundary.whole import (
    BASELINE,
    DANGEROUS,
    MOST_NAMED,
    MOST_RIGHTS,
    TOO_MANY,
    Finding,
    Kind,
    Need,
    blind,
    covered,
    difference,
    excess,
    granted,
    missing,
    rights_of,
    written,
)
from byteport.boundary.whole import policies as compared
from byteport.kubernetes.port import JSON

WANTED = policies(Choices())
PODS = ("", "pods", "get", "")
POLICY = "ValidatingAdmissionPolicy"
BINDING = "ValidatingAdmissionPolicyBinding"


def standing() -> dict[tuple[str, str], JSON | None]:
    """Everything as rendered, with what an API server fills in."""
    live: dict[tuple[str, str], JSON | None] = {}
    for item in copy.deepcopy(WANTED):
        item["metadata"] |= {"uid": "u1", "resourceVersion": "7", "generation": 1}
        spec = item["spec"]
        constraints = spec.get("matchConstraints")
        if constraints is not None:
            constraints |= {"matchPolicy": "Equivalent", "namespaceSelector": {}}
            constraints.setdefault("objectSelector", {})
            for rule in constraints["resourceRules"]:
                rule["scope"] = "*"
        live[item["kind"], item["metadata"]["name"]] = item | {"status": {"observedGeneration": 1}}
    return live


def found(live: dict[tuple[str, str], JSON | None]) -> list[tuple[Kind, str]]:
    return [(one.kind, one.what) for one in compared(WANTED, live)]


def test_what_the_api_server_fills_in_is_no_finding() -> None:
    assert found(standing()) == []


@pytest.mark.claim("C-012")
@pytest.mark.parametrize("item", WANTED, ids=lambda item: f"{item['kind']}-{item['metadata']['name']}")
def test_review_3_each_policy_and_each_binding_that_is_deleted_is_found(item: JSON) -> None:
    live = standing()
    live[item["kind"], item["metadata"]["name"]] = None
    ((kind, what),) = found(live)
    assert kind is (Kind.UNBOUND if item["kind"].endswith("Binding") else Kind.POLICY_ABSENT)
    assert item["metadata"]["name"] in what


@pytest.mark.parametrize("item", WANTED, ids=lambda item: f"{item['kind']}-{item['metadata']['name']}")
def test_one_that_is_being_deleted_counts_as_deleted(item: JSON) -> None:
    live = standing()
    there = live[item["kind"], item["metadata"]["name"]]
    assert there is not None
    there["metadata"]["deletionTimestamp"] = "2026-03-10T09:00:00Z"
    assert [kind for kind, _ in found(live)] == [Kind.POLICY_ABSENT]


Weaken = Callable[[Any], object]


@pytest.mark.claim("C-012")
@pytest.mark.parametrize(
    ("kind", "name", "weaken", "where"),
    [
        (POLICY, everything.NAME, lambda spec: spec.update(failurePolicy="Ignore"), "failurePolicy"),
        (POLICY, everything.NAME, lambda spec: spec.pop("failurePolicy"), "failurePolicy"),
        (POLICY, everything.NAME, lambda spec: spec["validations"].pop(), "validations"),
        (POLICY, everything.NAME, lambda spec: spec["validations"][0].update(expression="true"), "validations[0]"),
        (POLICY, everything.NAME, lambda spec: spec["validations"][0].pop("reason"), "validations[0]"),
        (POLICY, everything.NAME, lambda spec: spec["matchConditions"][0].update(expression="false"), "Conditions[0]"),
        (
            POLICY,
            everything.NAME,
            lambda spec: spec["matchConditions"].append({"name": "x", "expression": "false"}),
            "",
        ),
        (POLICY, everything.NAME, lambda spec: spec["matchConstraints"]["resourceRules"].pop(), "resourceRules"),
        (
            POLICY,
            everything.NAME,
            lambda spec: spec["matchConstraints"]["resourceRules"][0]["operations"].pop(),
            "operations",
        ),
        (
            POLICY,
            everything.NAME,
            lambda spec: spec["matchConstraints"]["resourceRules"][0].update(scope="Cluster"),
            "scope",
        ),
        (
            POLICY,
            everything.NAME,
            lambda spec: spec["matchConstraints"]["resourceRules"][0].update(resourceNames=["x"]),
            "resourceNames",
        ),
        (
            POLICY,
            everything.NAME,
            lambda spec: spec["matchConstraints"].update(
                excludeResourceRules=[{"apiGroups": ["*"], "resources": ["*"], "apiVersions": ["*"]}]
            ),
            "excludeResourceRules",
        ),
        (POLICY, pods.DELETE, lambda spec: spec["matchConstraints"].update(matchPolicy="Exact"), "matchPolicy"),
        (
            POLICY,
            pods.DELETE,
            lambda spec: spec["matchConstraints"].update(namespaceSelector={"matchLabels": {"a": "b"}}),
            "namespaceSelector",
        ),
        (
            POLICY,
            pods.DELETE,
            lambda spec: spec["matchConstraints"].update(objectSelector={"matchLabels": {"a": "b"}}),
            "objectSelector",
        ),
        (POLICY, autoscalers.NAME, lambda spec: spec["variables"][0].update(expression="{}"), "variables[0]"),
        (POLICY, autoscalers.NAME, lambda spec: spec.update(paramKind={"apiVersion": "v1", "kind": "ConfigMap"}), ""),
        ("MutatingAdmissionPolicy", deployments.PROVE, lambda spec: spec["matchConditions"].pop(3), "matchConditions"),
        ("MutatingAdmissionPolicy", deployments.PROVE, lambda spec: spec["mutations"].pop(), "mutations"),
        (
            "MutatingAdmissionPolicy",
            deployments.PROVE,
            lambda spec: spec["paramKind"].update(kind="ConfigMap"),
            "paramKind",
        ),
    ],
)
def test_review_3_a_policy_that_is_weakened_anywhere_is_found(kind: str, name: str, weaken: Weaken, where: str) -> None:
    live = standing()
    there = live[kind, name]
    assert there is not None
    weaken(there["spec"])
    ((changed, what),) = found(live)
    assert changed is Kind.POLICY_CHANGED
    assert f"{kind} {name} differs at spec." in what
    assert where in what


@pytest.mark.claim("C-012")
@pytest.mark.parametrize("actions", [["Audit"], ["Warn"], ["Warn", "Audit"], [], ["Deny", "Audit"]])
def test_review_3_a_binding_that_does_not_deny_and_nothing_else_is_found(actions: list[str]) -> None:
    live = standing()
    there = live[BINDING, everything.NAME]
    assert there is not None
    there["spec"]["validationActions"] = actions
    assert [kind for kind, _ in found(live)] == [Kind.UNBOUND]


@pytest.mark.claim("C-012")
@pytest.mark.parametrize(
    ("name", "kind", "more"),
    [
        (everything.NAME, BINDING, {"matchResources": {"namespaceSelector": {"matchLabels": {"a": "b"}}}}),
        (everything.NAME, BINDING, {"policyName": pods.DELETE}),
        (everything.NAME, BINDING, {"paramRef": {"name": "x", "parameterNotFoundAction": "Allow"}}),
        (
            deployments.PROVE,
            "MutatingAdmissionPolicyBinding",
            {"paramRef": {"selector": {"matchLabels": {"a": "b"}}, "parameterNotFoundAction": "Allow"}},
        ),
        (
            deployments.PROVE,
            "MutatingAdmissionPolicyBinding",
            {"paramRef": {"selector": {}, "parameterNotFoundAction": "Deny"}},
        ),
    ],
)
def test_review_3_a_binding_that_was_narrowed_or_given_another_parameter_is_found(
    name: str, kind: str, more: JSON
) -> None:
    live = standing()
    there = live[kind, name]
    assert there is not None
    there["spec"] |= more
    assert [kind for kind, _ in found(live)] == [Kind.UNBOUND]


def test_true_is_not_one_and_nothing_is_not_an_empty_text() -> None:
    assert difference({"a": 1}, {"a": True}) == "spec.a"
    assert difference({"a": ""}, {}) == "spec.a"
    assert difference({"a": [1]}, {"a": {}}) == "spec.a"
    assert difference({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == "spec.a[0].b"


def test_without_the_servers_proof_no_mutating_policy_is_missed() -> None:
    weaker = Choices(proves_rollbacks=False)
    live = {(item["kind"], item["metadata"]["name"]): item for item in policies(weaker)}
    assert compared(policies(weaker), live) == []
    assert [one.kind for one in compared(WANTED, live)] != []


# -- rights ------------------------------------------------------------------------------------------------------------


def review(*rules: JSON, urls: list[JSON] | None = None, incomplete: bool = False) -> JSON:
    return {"resourceRules": list(rules), "nonResourceRules": urls or [], "incomplete": incomplete}


def rule(group: str, resource: str, verb: str, *names: str) -> JSON:
    return {"apiGroups": [group], "resources": [resource], "verbs": [verb], "resourceNames": list(names)}


def test_what_a_review_lists_is_taken_apart_and_incomplete_is_told() -> None:
    one = {"apiGroups": ["apps", ""], "resources": ["deployments"], "verbs": ["get", "patch"], "resourceNames": ["a"]}
    has, complete = granted(review(one))
    assert complete
    assert has == {(group, "deployments", verb, "a") for group in ("apps", "") for verb in ("get", "patch")}
    assert granted(review(incomplete=True)) == (frozenset(), False)
    assert granted({"resourceRules": [None, {"verbs": "get"}, {"apiGroups": [1]}]}) == (frozenset(), True)


def test_what_every_account_has_is_no_excess() -> None:
    every = [rule(group, resource, verb) for group, resource, verb in BASELINE]
    discovery = [{"nonResourceURLs": ["/healthz", "/api/*", "/openid/v1/jwks"], "verbs": ["get"]}]
    has, _ = granted(review(*every, urls=discovery))
    assert excess(has, (), "") == []


@pytest.mark.parametrize(
    ("url", "verb", "what"), [("/logs", "get", "get /logs"), ("*", "*", "* *"), ("/healthz", "post", "post /healthz")]
)
def test_a_path_that_not_everybody_may_get_is_excess(url: str, verb: str, what: str) -> None:
    has, _ = granted(review(urls=[{"nonResourceURLs": [url], "verbs": [verb]}]))
    assert [one.what for one in excess(has, [PODS], "")] == [what]


@pytest.mark.parametrize("dangerous", DANGEROUS)
@pytest.mark.parametrize("namespace", ["", "shop"])
def test_each_dangerous_right_is_excess_where_it_is(dangerous: tuple[str, str, str], namespace: str) -> None:
    (one,) = excess(frozenset({PODS, (*dangerous, "")}), [PODS], namespace)
    assert (one.kind, one.what, one.namespace) == (Kind.EXCESS, written(*dangerous), namespace)
    assert one.refuses_auto
    assert "rolebindings" in one.remedy


@pytest.mark.parametrize(
    "wildcard", [("*", "*", "*", ""), ("", "*", "get", ""), ("", "pods", "*", ""), ("*", "pods", "get", "")]
)
def test_a_wildcard_is_excess_though_all_that_it_is_needed_for_is_allowed(wildcard: tuple[str, str, str, str]) -> None:
    assert len(excess(frozenset({wildcard}), [PODS], "")) == 1
    assert missing([Need(PODS)], frozenset({wildcard}), "") == []


def test_a_right_to_one_object_is_within_that_to_all_and_not_the_other_way_round() -> None:
    one, every = ("apps", "deployments", "patch", "api"), ("apps", "deployments", "patch", "")
    assert excess(frozenset({one}), [every], "shop") == []
    assert [found.what for found in excess(frozenset({every}), [one], "shop")] == ["patch deployments.apps"]
    assert covered(one, frozenset({every}))
    assert not covered(every, frozenset({one}))


@pytest.mark.parametrize("resource", ["pods", "*", "*/eviction"])
def test_a_subresource_is_covered_as_rbac_reads_it(resource: str) -> None:
    eviction = ("", "pods/eviction", "create", "")
    assert covered(eviction, frozenset({("", resource, "create", "")})) is (resource != "pods")


def test_a_path_covers_no_object() -> None:
    has, _ = granted(review(urls=[{"nonResourceURLs": ["*"], "verbs": ["*"]}]))
    assert not covered(PODS, has)


def test_a_missing_right_names_what_gives_it_and_an_optional_one_what_cannot_be_told() -> None:
    needed = [Need(PODS), Need(("", "limitranges", "list", ""), "whether it would be admitted")]
    (one,) = missing(needed, frozenset(), "shop", remedy="byteport enable shop")
    assert (one.kind, one.what, one.namespace, one.remedy) == (Kind.MISSING, "get pods", "shop", "byteport enable shop")
    assert missing(needed, frozenset(), "")[0].remedy == UPGRADE
    assert blind(needed, frozenset()) == [("list limitranges", "whether it would be admitted")]
    assert blind(needed, frozenset({("", "limitranges", "list", "")})) == []
    assert missing(needed, frozenset({PODS}), "shop") == []


def test_no_word_of_a_tenants_role_is_repeated_that_is_not_plain() -> None:
    has = rights_of([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get\nroot: all is well"]}])
    (one,) = excess(has, (), "shop")
    assert one.what == "(a strange word) pods"
    assert "\n" not in one.text
    assert written("", "pods", "get", "x" * 254) == "get pods/(a strange word)"


def test_a_rule_of_a_billion_rights_is_one_right_too_many() -> None:
    words = [f"w{number}" for number in range(1000)]
    huge = {"apiGroups": words, "resources": words, "verbs": words}
    has = rights_of([huge, rule("", "pods", "get")])
    assert has == {PODS, TOO_MANY}
    (one,) = excess(has, [PODS], "shop")
    assert one.what == "* more-than-can-be-listed"
    assert not covered(("", "secrets", "get", ""), has)


def test_of_many_small_rules_no_more_are_kept_than_can_be_compared() -> None:
    has = rights_of([rule("", f"kind{number}", "get") for number in range(MOST_RIGHTS + 10)])
    assert len(has) == MOST_RIGHTS + 1
    assert TOO_MANY in has
    named = excess(has, (), "shop")
    assert len(named) == MOST_NAMED + 1
    assert named[-1].what == f"{MOST_RIGHTS + 1 - MOST_NAMED} more rights"


def test_a_finding_reads_as_one_line_with_place_and_remedy() -> None:
    one = Finding(kind=Kind.EXCESS, what="get secrets", namespace="shop", remedy="look")
    assert one.text == "granted and needed by nothing: get secrets in shop; look"
    assert Finding(kind=Kind.POLICY_ABSENT, what="it is not there", remedy="look").text == "it is not there; look"


def test_only_what_cannot_be_proved_does_not_refuse() -> None:
    assert [kind for kind in Kind if not Finding(kind=kind, what="", remedy="").refuses_auto] == [Kind.CANNOT_PROVE]
