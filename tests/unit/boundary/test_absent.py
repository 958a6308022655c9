"""No policy takes what is absent for what is empty, or for any other value, unless to Kubernetes the two are the same.

An equality with such a default on one side lets through what was never there: a label whose value is empty, a mark that
says nothing. Every default that a rendered expression has is listed here with why it is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.policies.catalogue import policies
from byteport.boundary.policies.shape import same
from byteport.kubernetes.port import JSON

OTHERWISE = re.compile(r"(?P<of>[\w.?]+(?:\[\??(?:'[^']*'|\w+)\][\w.?]*)*)\.orValue\((?P<default>[^()]*)\)")
CHOSEN = re.compile(r"has\((?P<of>[^()]+)\) \? (?P=of) : (?P<default>\S+)")
COMPARED = re.compile(r"\.orValue\((?P<default>[^()]*)\) [=!]= (?P<with>\S+)|[=!]= [\w.?]+(?:\[[^]]*\])*\.orValue\(")
LITERAL = re.compile(r"'[^']+'\)*|true\)*|[1-9][0-9]*\)*")

WHY = {
    "namespaceObject.metadata.labels[?'byteport.io/enabled'] ''": "compared with a word that is not empty",
    "oldObject.metadata.?labels[?'byteport.io/rollback'] ''": "compared with a word that is not empty",
    "object.spec.?paused false": "the API server takes an absent one for false",
    "oldObject.spec.?paused false": "the API server takes an absent one for false",
    "params.status.?availableReplicas 0": "a count of none is left out",
    "oldObject.spec.?nodeName ''": "no node has an empty name: either says that no node has the pod",
    "oldObject.status.?phase ''": "looked for among words that are not empty",
    "oldObject.spec.?terminationGracePeriodSeconds 30": "what the API server takes for an absent one",
    "request.userInfo.extra[?'authentication.kubernetes.io/pod-name'] []": "looked for in, where none is found",
    "object.metadata.annotations {}": "looked up by key, of which an empty map has none either",
    "oldObject.metadata.annotations {}": "looked up by key, of which an empty map has none either",
    "object.metadata.?managedFields []": "the API server keeps none where it is absent, and none where it is empty",
    "oldObject.metadata.?managedFields []": "the API server keeps none where it is absent, and none where it is empty",
    "object.spec.minReplicas 1": "what the API server takes for an absent one",
    "oldObject.spec.minReplicas 1": "what the API server takes for an absent one",
}
NO_NODE = "oldObject.spec.?nodeName.orValue('') == ''"
"""The one comparison of a default with the same value, for the reason above."""


def expressions(choices: Choices) -> Iterator[str]:
    """Every CEL expression of every policy."""
    for policy in policies(choices):
        spec: JSON = policy["spec"]
        for part in ("matchConditions", "variables", "validations"):
            yield from (one["expression"] for one in spec.get(part, ()))
        yield from (one["jsonPatch"]["expression"] for one in spec.get("mutations", ()))


EVERY = sorted(
    {
        text
        for helper in (True, False)
        for proves in (True, False)
        for text in expressions(Choices(helper=helper, proves_rollbacks=proves))
    }
)


@pytest.mark.claim("C-203", "C-204")
def test_every_default_of_a_policy_is_one_that_kubernetes_has_too() -> None:
    found = [match for text in EVERY for pattern in (OTHERWISE, CHOSEN) for match in pattern.finditer(text)]
    assert sum(text.count(".orValue(") for text in EVERY) == sum(match[0].endswith(")") for match in found)
    listed = {
        f"{match['of']} {match['default']}" for match in found if not _measured(match) and not _looked_into(match)
    }
    assert listed == set(WHY)


def _measured(match: re.Match[str]) -> bool:
    """An absent text is as long as an empty one."""
    return match.string[: match.start()].endswith("size(") and match["default"] == "''"


def _looked_into(match: re.Match[str]) -> bool:
    """The keys of an entry of `managedFields`: what is absent has as many as what is empty."""
    return re.match(r"[no]\.\?fieldsV1\b", match["of"]) is not None and match["default"] == "{}"


@pytest.mark.claim("C-203", "C-204")
def test_what_is_written_is_never_compared_with_a_default() -> None:
    """A default may be compared with a word that the policy itself says, and that is another."""
    amiss = []
    for text in EVERY:
        for match in COMPARED.finditer(text.replace(NO_NODE, "")):
            literal = match["with"] is not None and LITERAL.fullmatch(match["with"])
            if not literal or match["with"].strip(")") == match["default"]:
                amiss.append(match[0])
    assert amiss == []


def test_a_comparison_with_a_default_is_noticed() -> None:
    for text in ("a.b[?k].orValue('') == c[k]", "c[k] == a.?b.orValue('')", "a.?b.orValue('') == ''"):
        match = COMPARED.search(text)
        assert match is not None
        assert not LITERAL.fullmatch(match["with"] or "")
    assert "orValue" not in same(["labels"], "object.metadata", "oldObject.metadata")
