"""Every write of ours, whatever it is: the switch, the kinds, the protected namespaces, and a token of a pod of ours.

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
_ACTED_UPON = (
    "(request.resource.group == '' && request.resource.resource == 'pods')"
    " || (request.resource.group == 'apps' && request.resource.resource == 'deployments')"
    " || (request.resource.group == 'autoscaling' && request.resource.resource == 'horizontalpodautoscalers')"
)
EVENTS = "(request.resource.group == '' && request.resource.resource == 'events')"
"""Stands in the rule over kinds exactly where Events were chosen."""
_POD = "authentication.kubernetes.io/pod-name"
_BOUND = Rule(
    f"request.userInfo.extra[?'{_POD}'].orValue([]).exists(name, name.startsWith('{AGENT_PODS}'))",
    "the token belongs to no pod of the agent",
)
_UPDATES = "(request.operation == 'UPDATE' && !has(request.subResource))"
_TELLS = (
    "(request.resource.resource == 'events' ? (request.operation == 'CREATE' && !has(request.subResource))"
    f" : {_UPDATES})"
)


def _kinds(choices: Choices) -> Rule:
    if choices.events:
        return Rule(f"{_ACTED_UPON} || {EVENTS}", "only pods, Deployments, autoscalers and Events are ever written")
    return Rule(_ACTED_UPON, "only pods, Deployments and autoscalers are ever written to")


def _verbs(choices: Choices) -> Rule:
    return Rule(
        "request.operation == 'CONNECT' || (request.resource.resource == 'pods'"
        " ? (request.operation == 'DELETE' || (request.operation == 'CREATE' && has(request.subResource)"
        f" && request.subResource == 'eviction')) : {_TELLS if choices.events else _UPDATES})",
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
    found = validating(NAME, choices, matched, [_SWITCH, _BOUND, _kinds(choices), _verbs(choices), protected])
    found[0]["spec"]["matchConditions"].append({"name": "not-a-review", "expression": not_a_review})
    return found
