"""Every write of ours, whatever it is: the switch, the five kinds, the protected namespaces, and a token of a pod of ours.

The switch needs neither Temporal nor the agent: CEL asks the API server's own authoriser whether we may perform acts at
all, and `byteport halt` deletes the one binding that says so. We cannot make it again.
"""

from __future__ import annotations

from byteport.boundary.choices import SYSTEM, Choices
from byteport.boundary.names import AGENT_PODS
from byteport.boundary.policies.shape import Rule, cel_list, resources, validating
from byteport.kubernetes.port import JSON

NAME = "byteport-everything"

_REVIEWS = ("authorization.k8s.io", "authentication.k8s.io")
"""Asking what one may is no write, and is how the switch itself is seen."""
_SWITCH = Rule(
    "authorizer.group('byteport.io').resource('acts').check('perform').allowed()", "halted: it may not act at all"
)
_KINDS = Rule(
    "(request.resource.group == '' && request.resource.resource == 'pods')"
    " || (request.resource.group == 'apps' && request.resource.resource == 'deployments')"
    " || (request.resource.group == 'autoscaling' && request.resource.resource == 'horizontalpodautoscalers')",
    "only pods, Deployments and autoscalers are ever written to",
)
_POD = "authentication.kubernetes.io/pod-name"
_BOUND = Rule(
    f"request.userInfo.extra[?'{_POD}'].orValue([]).exists(name, name.startsWith('{AGENT_PODS}'))",
    "the token belongs to no pod of the agent",
)
_VERBS = Rule(
    "request.operation == 'CONNECT' || (request.resource.resource == 'pods'"
    " ? (request.operation == 'DELETE' || (request.operation == 'CREATE' && has(request.subResource)"
    " && request.subResource == 'eviction')) : (request.operation == 'UPDATE' && !has(request.subResource)))",
    "such a write is none of its acts",
)


def writes(choices: Choices) -> list[JSON]:
    """The validating policy of everything."""
    protected = Rule(
        f"!has(request.namespace) || !(request.namespace in {cel_list(choices.untouchable)}"
        f" || request.namespace.startsWith('{SYSTEM}'))",
        "the namespace is protected",
    )
    not_a_review = f"!(request.resource.group in {cel_list(_REVIEWS)})"
    matched = resources("*", "*", ["CREATE", "UPDATE", "DELETE", "CONNECT"], "*/*")
    found = validating(NAME, choices, matched, [_SWITCH, _BOUND, _KINDS, _VERBS, protected])
    found[0]["spec"]["matchConditions"].append({"name": "not-a-review", "expression": not_a_review})
    return found
