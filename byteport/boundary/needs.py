"""From the runbooks' scopes to rights in their places: which right, where, and which runbooks want it.

The single source is each act's `needs`. Before it stand the runbooks, after it `roles.py`, `matrix.py` and `chart.py`;
`workers/preflight.py` asks the cluster for exactly these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.names import ADMISSION
from byteport.contracts.acts import AnyAct
from byteport.contracts.events import TELL_EVENT
from byteport.contracts.kubernetes import COUNT_TARGETS, WATCH_CLUSTER
from byteport.contracts.symptoms import REPORT_SYMPTOMS
from byteport.domain.ceilings import Sight
from byteport.domain.scopes import Right, Rights, union
from byteport.runbooks.catalogue import RUNBOOKS

ALWAYS: tuple[AnyAct, ...] = (WATCH_CLUSTER, COUNT_TARGETS, REPORT_SYMPTOMS, TELL_EVENT)
"""Acts that no runbook declares, since the agent does them whichever are switched on."""
TELLS = ("", "events", "create")
"""The one write that is no act upon anything: only where Events were chosen, and some runbook is on to tell of."""

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
        return self.right.key

    @property
    def writes(self) -> bool:
        return self.place in (Place.ACT, Place.NAMED, Place.HELPER)


def placed_rights(choices: Choices) -> list[Placed]:
    """Every right that these choices need, each once, ordered by place, group, resource and verb."""
    return [*_placed(choices)]


@lru_cache
def _placed(choices: Choices) -> tuple[Placed, ...]:
    """The same, worked out once: a look at the boundary asks for every namespace, and most often of the same choices."""
    wanted: dict[tuple[str, str, str], set[str]] = {}
    for scope, runbook in _scopes():
        for right in scope.rights:
            wanted.setdefault(right.key, set()).add(runbook)
    # Whether it is required, and why it is wanted, is for those to say that are on.
    found = union(scope for scope, runbook in _scopes() if not runbook or runbook in choices.runbooks).rights
    every = [Placed(right, place_of(right), _runbooks(wanted[right.key])) for right in found]
    chosen = [placed for placed in every if _is_chosen(placed, choices)]
    return tuple(sorted(chosen, key=lambda placed: (list(Place).index(placed.place), placed.key)))


def every_right() -> list[Placed]:
    """All that can ever be granted: with every choice at its widest."""
    return placed_rights(Choices(runbooks=EVERY_RUNBOOK, sight=Sight.CLUSTER, helper=True, events=True))


def place_of(right: Right) -> Place:
    """Where that right belongs, from the resource alone."""
    if (right.group, right.resource) in _NO_NAMESPACE:
        return Place.CLUSTER
    if right.key == ("", "namespaces", "list"):
        return Place.CLUSTER
    if right.resource == "pods/exec":
        return Place.HELPER
    if right.key in _BY_NAME:
        return Place.NAMED
    return Place.SIGHT if right.verb in READ_VERBS else Place.ACT


def _scopes() -> Iterator[tuple[Rights, str]]:
    for act in ALWAYS:
        yield act.needs, ""
    for runbook in RUNBOOKS:
        yield runbook.scope, runbook.name


def _runbooks(wanted_by: set[str]) -> frozenset[str]:
    """None where an act that is always there wants it, too."""
    return frozenset() if "" in wanted_by else frozenset(wanted_by)


def _is_chosen(placed: Placed, choices: Choices) -> bool:
    if placed.place is Place.HELPER:
        return choices.helper
    if placed.key == ("", "namespaces", "list"):
        return choices.sight is Sight.CLUSTER
    if placed.key == TELLS:
        return choices.events and bool(choices.runbooks)
    return True


def in_place(rights: Iterable[Placed], place: Place) -> list[Placed]:
    """Those of one place."""
    return [placed for placed in rights if placed.place is place]
