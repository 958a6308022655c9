"""What the agent's account is to hold in each namespace, read off the very objects that an installation renders.

Comes after `roles.py` and `whole.py`; `selfcheck.py` compares with it what the API server lists. Ceilings count, not the
mode that happens to run: a right that only a higher mode would use is no excess.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from byteport.boundary.choices import Choices
from byteport.boundary.needs import placed_rights
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.roles import installation, of_namespace
from byteport.boundary.whole import Granted, Need, Right, rights_of
from byteport.domain.ceilings import Ceiling
from byteport.kubernetes.port import JSON

EVERYWHERE = ""
SWITCH: Right = ("byteport.io", "acts", "perform", "")
"""May be held, and is taken away by `byteport halt`: then we are halted, and nothing is missing."""


class Expected:
    """Rights by namespace, those of the whole cluster under `EVERYWHERE`."""

    def __init__(self, choices: Choices, ceilings: Mapping[str, Ceiling]) -> None:
        self._optional = {placed.key: placed.right.why for placed in placed_rights(choices)}
        given = [item for name, ceiling in ceilings.items() for item in of_namespace(name, ceiling, choices)]
        self._needed = _by_namespace([*_installed(choices), *given])
        # The chart lets an older API server be asked for the policies that it does not have.
        newest = choices.model_copy(update={"proves_rollbacks": True})
        self._everywhere = _by_namespace(_installed(newest))[EVERYWHERE]

    def needed(self, namespace: str) -> list[Need]:
        """What must be granted by bindings of that namespace, or of the whole cluster."""
        rights = self._needed.get(namespace, frozenset()) - {SWITCH}
        return [Need(right, self._optional.get(right[:3], "")) for right in sorted(rights)]

    def allowed(self, namespace: str) -> frozenset[Right]:
        """All that may be held there, the cluster-wide rights among it."""
        return self._everywhere | self._needed.get(namespace, frozenset())


def _installed(choices: Choices) -> list[JSON]:
    made = policies(choices)
    return installation(choices, names_of(made, "ValidatingAdmissionPolicy"), names_of(made, "MutatingAdmissionPolicy"))


def _by_namespace(items: Iterable[JSON]) -> dict[str, Granted]:
    """What the bindings among these objects grant, and where."""
    roles: dict[tuple[str, str, str], Granted] = {}
    found: dict[str, Granted] = {EVERYWHERE: frozenset()}
    objects = list(items)
    for item in objects:
        if item["kind"] in ("Role", "ClusterRole"):
            roles[item["kind"], item["metadata"]["name"], _namespace(item)] = rights_of(item["rules"])
    for item in objects:
        if item["kind"] in ("RoleBinding", "ClusterRoleBinding"):
            ref, where = item["roleRef"], _namespace(item)
            held = roles[ref["kind"], ref["name"], where if ref["kind"] == "Role" else EVERYWHERE]
            found[where] = found.get(where, frozenset()) | held
    return found


def _namespace(item: JSON) -> str:
    return str(item["metadata"].get("namespace", EVERYWHERE))
