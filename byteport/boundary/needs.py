"""From the runbooks' scopes to rights in their places: which right, where, and which runbooks want it.

The single source is each act's `needs`. Before it stand the runbooks, after it `roles.py`, `matrix.py` and `chart.py`;
`workers/preflight.py` asks the cluster for exactly these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.names import ADMISSION
from byteport.contracts.acts import AnyAct
from byteport.contracts.kubernetes import COUNT_TARGETS, WATCH_CLUSTER
from byteport.domain.ceilings import Sight
from byteport.domain.scopes import Right, Rights
from byteport.runbooks.catalogue import RUNBOOKS

ALWAYS: tuple[AnyAct, ...] = (WATCH_CLUSTER, COUNT_TARGETS)
"""Acts that no runbook declares, since the agent does them whichever are switched on."""

READ_VERBS = frozenset({"get", "list", "watch"})
_NO_NAMESPACE = frozenset(
    {
        ("", "nodes"),
        ("metrics.k8s.io", "nodes"),
        (ADMISSION, "mutatingwebhookconfigurations"),
        (ADMISSION, "validatingwebhookconfigurations"),
    }
)
_BY_NAME = frozenset({("apps", "deployments", "patch"), ("autoscaling", "horizontalpodautoscalers", "patch")})


class Place(StrEnum):
    """Where a right is granted."""

    CLUSTER = "cluster"
    """It has no namespace."""
    SIGHT = "sight"
    """Reading, in the namespaces that were given to us (or in all, as chosen)."""
    ACT = "act"
    """Writing, in the namespaces whose ceiling is not `observe`."""
    NAMED = "named"
    """Writing, there, and only to the objects that their administrator named."""
    HELPER = "helper"
    """In the node helper's namespace only."""


class Placed(NamedTuple):
    """One right in its place."""

    right: Right
    place: Place
    wanted_by: frozenset[str]
    """Runbooks that want it; empty when it is wanted whichever are on."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.right.group, self.right.resource, self.right.verb

    @property
    def writes(self) -> bool:
        return self.place in (Place.ACT, Place.NAMED, Place.HELPER)


def placed_rights(choices: Choices) -> list[Placed]:
    """Every right that these choices need, each once, ordered by place, group, resource and verb."""
    found: dict[tuple[str, str, str], tuple[Right, set[str], bool]] = {}
    for scope, runbook in _scopes():
        for right in scope.rights:
            first, wanted, always = found.get(_key(right), (right, set(), False))
            kept = first if not first.because else right  # a right that anybody must have is not optional
            found[_key(right)] = (kept, wanted | ({runbook} if runbook else set()), always or not runbook)
    every = [Placed(r, place_of(r), frozenset() if always else frozenset(w)) for r, w, always in found.values()]
    chosen = [placed for placed in every if _is_chosen(placed, choices)]
    return sorted(chosen, key=lambda placed: (list(Place).index(placed.place), placed.key))


def every_right() -> list[Placed]:
    """All that can ever be granted: with every choice at its widest."""
    return placed_rights(Choices(runbooks=EVERY_RUNBOOK, sight=Sight.CLUSTER, helper=True))


def place_of(right: Right) -> Place:
    """Where that right belongs, from the resource alone."""
    if (right.group, right.resource) in _NO_NAMESPACE:
        return Place.CLUSTER
    if _key(right) == ("", "namespaces", "list"):
        return Place.CLUSTER
    if right.resource == "pods/exec":
        return Place.HELPER
    if _key(right) in _BY_NAME:
        return Place.NAMED
    return Place.SIGHT if right.verb in READ_VERBS else Place.ACT


def _scopes() -> Iterator[tuple[Rights, str]]:
    for act in ALWAYS:
        yield act.needs, ""
    for runbook in RUNBOOKS:
        yield runbook.scope, runbook.name


def _is_chosen(placed: Placed, choices: Choices) -> bool:
    if placed.wanted_by and not placed.wanted_by & choices.runbooks:
        return False
    if placed.place is Place.HELPER:
        return choices.helper
    if placed.key == ("", "namespaces", "list"):
        return choices.sight is Sight.CLUSTER
    return True


def _key(right: Right) -> tuple[str, str, str]:
    return right.group, right.resource, right.verb


def in_place(rights: Iterable[Placed], place: Place) -> list[Placed]:
    """Those of one place."""
    return [placed for placed in rights if placed.place is place]
