"""What the credential may do: a set of rights, as roles give them, asked before every verb of the port.

Comes before `port.py`. At first it is what the agent's own acts need; tests take rights away and add to them.
"""

from __future__ import annotations

from typing import NamedTuple

from byteport.errors import NotPermitted
from byteport.kubernetes import port
from byteport.kubernetes.port import Resource
from byteport.sandbox.simulated.kinds import KINDS

READ = ("get", "list", "watch")


class Right(NamedTuple):
    """One verb on one resource; `namespace=""` is all of them."""

    verb: str
    resource: Resource
    subresource: str = ""
    namespace: str = ""


_WRITES = {
    Right("patch", port.DEPLOYMENTS),
    Right("patch", port.AUTOSCALERS),
    Right("delete", port.PODS),
    Right("create", port.PODS, "eviction"),
    Right("create", port.EVENTS),
    Right("get", port.PODS, "log"),
    Right("get", port.PODS, "exec"),
    Right("create", port.PODS, "exec"),
}


_METRICS = {Right(verb, resource) for verb in ("get", "list") for resource in (port.POD_METRICS, port.NODE_METRICS)}

DEFAULT_RIGHTS = frozenset({Right(verb, kind.resource) for kind in KINDS for verb in READ} | _METRICS | _WRITES)
"""What the agent's acts need, on every kind that is modelled."""


class Access:
    """The rights of the one credential that the port is used with."""

    def __init__(self) -> None:
        self._rights = set(DEFAULT_RIGHTS)
        self._refused: set[Right] = set()

    def grant(self, right: Right) -> None:
        """Give a right, everywhere or in one namespace."""
        self._refused.discard(right)
        self._rights.add(right)

    def revoke(self, right: Right) -> None:
        """Take a right away, everywhere or in one namespace."""
        self._rights.discard(right)
        self._refused.add(right)

    def allows(self, right: Right) -> bool:
        """What was revoked for the namespace wins over what is granted for all."""
        everywhere = right._replace(namespace="")
        if right in self._refused:
            return False
        return right in self._rights or everywhere in self._rights

    def rules(self, namespace: str) -> list[dict[str, list[str]]]:
        """Every right in that namespace, as the rules of a SelfSubjectRulesReview, one each."""
        everywhere = {
            right._replace(namespace=namespace) for right in self._rights if right.namespace in ("", namespace)
        }
        return [
            {
                "apiGroups": [right.resource.group],
                "resources": ["/".join(filter(None, [right.resource.plural, right.subresource]))],
                "verbs": [right.verb],
            }
            for right in sorted(everywhere)
            if self.allows(right)
        ]

    def demand(self, right: Right) -> None:
        """Raises `NotPermitted`."""
        if not self.allows(right):
            what = "/".join(filter(None, [right.resource.plural, right.subresource]))
            where = f" in {right.namespace}" if right.namespace else ""
            raise NotPermitted(f"{right.verb} {what}{where}: forbidden")
