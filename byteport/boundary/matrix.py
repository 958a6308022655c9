"""The permission matrix as a page: every right with its place, its runbooks, its modes and why it is asked for.

Taken from the runbooks' scopes (`needs.py`) and from the very roles that are installed (`roles.py`), laid beside the
public table (`public_table.py`). `page` is what `docs/security/permissions.md` holds; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.names import ACT_ROLE, CLUSTER_ROLE, HELPER_ROLE, SIGHT_ROLE
from byteport.boundary.needs import Place, Placed, every_right, placed_rights
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.public_table import ADDED, NEVER, PUBLIC_TABLE, STANDING, WIDENED, Key
from byteport.boundary.roles import installation, of_namespace
from byteport.boundary.whole import written
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.policy import Mode
from byteport.kubernetes.port import JSON

HEADER = "<!-- Generated from here on by `make docs`; a test compares it with the code. -->"
WIDEST = Choices(runbooks=EVERY_RUNBOOK, sight=Sight.CLUSTER, helper=True, events=True)
EVERYTHING = Ceiling(mode=Mode.AUTO, rollback=("*",), hpa=("*",))
ROLE_OF = {Place.CLUSTER: CLUSTER_ROLE, Place.SIGHT: SIGHT_ROLE, Place.ACT: ACT_ROLE, Place.HELPER: HELPER_ROLE}
"""The role that holds a place's rights; those by name have one in each namespace."""

_WHERE = {
    Place.CLUSTER: "cluster-wide, since it has no namespace",
    Place.SIGHT: "in each namespace that was given to it; cluster-wide only where `cluster` sight was chosen",
    Place.ACT: "in each namespace whose ceiling is `dry_run` or `auto`",
    Place.NAMED: "in such a namespace, and only on the objects that its administrator named",
    Place.HELPER: "in the node helper's own namespace, where the helper is installed",
}
_MODES = {
    Place.CLUSTER: "observe, dry_run, auto",
    Place.SIGHT: "observe, dry_run, auto",
    Place.ACT: "dry_run, auto",
    Place.NAMED: "dry_run, auto",
    Place.HELPER: "any, where the helper is installed",
}


class Mark(StrEnum):
    """How a right stands to the public table."""

    PUBLIC = "in the public table"
    WIDENED = "in the public table, widened"
    ADDED = "added"


class Entry(NamedTuple):
    """One right with its mark and, unless the public table has it just so, its reason."""

    placed: Placed
    mark: Mark
    reason: str


class Standing(NamedTuple):
    """A right that no act declares."""

    role: str
    namespace: str
    key: Key
    names: tuple[str, ...]
    reason: str


def entries() -> list[Entry]:
    """Every right that can ever be granted, in the order of `every_right`."""
    return [entry_of(placed) for placed in every_right()]


def entry_of(placed: Placed) -> Entry:
    """The mark of one right. An added right without a reason has an empty one, which the tests refuse."""
    rows = [row for row in PUBLIC_TABLE if placed.key in row.keys]
    reason = ADDED.get(placed.key) or placed.right.why
    if not rows:
        return Entry(placed, Mark.ADDED, reason)
    given = frozenset().union(*(row.runbooks or EVERY_RUNBOOK for row in rows))
    if (placed.wanted_by or EVERY_RUNBOOK) <= given:
        return Entry(placed, Mark.PUBLIC, "")
    return Entry(placed, Mark.WIDENED, WIDENED.get(placed.key, ""))


def standing() -> list[Standing]:
    """What the installed roles hold beside the acts' rights: read from the roles themselves, so that none is left out."""
    made = policies(WIDEST)
    of_acts = {(ROLE_OF[placed.place], *placed.key) for placed in every_right() if placed.place in ROLE_OF}
    objects = installation(
        WIDEST, names_of(made, "ValidatingAdmissionPolicy"), names_of(made, "MutatingAdmissionPolicy")
    )
    found = []
    for item in objects:
        if item["kind"] not in ("Role", "ClusterRole"):
            continue
        metadata = item["metadata"]
        for key, names in rights_of(item["rules"]):
            if names or (metadata["name"], *key) not in of_acts:
                reason = STANDING.get((metadata["name"], key[1]), "")
                found.append(Standing(metadata["name"], metadata.get("namespace", ""), key, names, reason))
    return found


def rights_of(rules: Iterable[JSON]) -> Iterator[tuple[Key, tuple[str, ...]]]:
    """Each right of RBAC rules, with the names that it is limited to."""
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield (group, resource, verb), tuple(rule.get("resourceNames", ()))


def page() -> str:
    """The whole page, as `docs/security/permissions.md` holds it."""
    return f"{HEADER}\n\n{permissions()}"


def permissions() -> str:
    """The page without its first line."""
    every = entries()
    parts = [
        "# Permissions",
        _INTRODUCTION,
        _public(),
        *(_place(place, [entry for entry in every if entry.placed.place is place]) for place in Place),
        _standing(),
        _by_ceiling(),
        _by_runbook(),
        _never(),
    ]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """\
Each right is declared by the act that uses it, and an act is used by runbooks. The roles of the chart, what
`byteport enable` binds, and this page are made from those declarations. No right has a wildcard.

*In the public table* are the rights that BytePort's public security page lists. The others were *added*: the page leaves
them out, and each says why it is asked for. *Optional* ones may be withheld: the agent then says that it cannot tell, and
leaves the matter to a person. *Wanted by* all means that it stays whichever runbooks are switched off."""


def _public() -> str:
    by_key = {entry.placed.key: entry for entry in entries()}
    rows = []
    for row in PUBLIC_TABLE:
        here = []
        for key in sorted(row.keys):
            told = "not asked for"
            if found := by_key.get(key):
                told = f"{found.placed.place.value}, {_runbooks(found.placed.wanted_by)}"
            if (line := f"`{key[1]}`: {told}") not in here:
                here.append(line)
        rows.append(
            (
                ", ".join(_resource(row.group, one) for one in row.resources),
                ", ".join(row.verbs),
                row.guard,
                "; ".join(here),
            )
        )
    return (
        "## The public table\n\nIts rows with their guard, and what is asked for here: the place, as below, and the runbooks.\n\n"
        + _table(("resource", "verbs", "guard on the public page", "here"), rows)
    )


def _place(place: Place, every: Sequence[Entry]) -> str:
    rows = []
    for (group, resource), of_one in groupby(every, key=lambda entry: entry.placed.key[:2]):
        alike: dict[tuple[str, str], list[str]] = {}
        for entry in of_one:
            alike.setdefault((_runbooks(entry.placed.wanted_by), _marked(entry)), []).append(entry.placed.key[2])
        rows += [(_resource(group, resource), ", ".join(verbs), *rest) for rest, verbs in alike.items()]
    head = f"## {place.value.capitalize()}\n\nGranted {_WHERE[place]}. Modes: {_MODES[place]}."
    return f"{head}\n\n" + _table(("resource", "verbs", "wanted by", "why"), rows)


def _marked(entry: Entry) -> str:
    if entry.mark is Mark.PUBLIC:
        return entry.mark.value
    optional = " (optional)" if entry.placed.right.optional else ""
    return f"{entry.mark.value}{optional}: {entry.reason}"


def _standing() -> str:
    rows: dict[tuple[str, ...], list[str]] = {}
    for one in standing():
        where = f"{one.role}" + (f", in `{one.namespace}`" if one.namespace else "")
        names = ", ".join(f"`{name}`" for name in one.names)
        rows.setdefault((where, _resource(*one.key[:2]), names, one.reason), []).append(one.key[2])
    told = [
        (where, what, ", ".join(verbs), names or "all", reason) for (where, what, names, reason), verbs in rows.items()
    ]
    return (
        "## Standing\n\nRights of the agent's account that no act declares: with them it looks after itself. All of them were "
        "*added*. They are granted in every mode; the one in the node helper's namespace where the helper is installed.\n\n"
        + _table(("role", "resource", "verbs", "names", "why"), told)
    )


def _by_ceiling() -> str:
    rows = []
    for mode in Mode:
        ceiling = EVERYTHING.model_copy(update={"mode": mode})
        bound = of_namespace("shop", ceiling, WIDEST.model_copy(update={"sight": Sight.NAMESPACED}))
        roles = [f"`{item['metadata']['name']}`" for item in bound if item["kind"] == "RoleBinding"]
        rows.append((f"`{mode.value}`", ", ".join(roles)))
    return (
        "## By ceiling\n\nWhat `byteport enable NAMESPACE --mode …` binds in that namespace; the role by name only with "
        "`--rollback` or `--hpa`. In `cluster` sight the first is bound cluster-wide instead.\n\n"
        + _table(("ceiling", "bound in the namespace"), rows)
    )


def _by_runbook() -> str:
    rows = []
    everything = {placed.key for placed in every_right()}
    for name in sorted(EVERY_RUNBOOK):
        without = placed_rights(WIDEST.model_copy(update={"runbooks": EVERY_RUNBOOK - {name}}))
        gone = sorted(everything - {placed.key for placed in without})
        told = "; ".join(f"`{written(*key)}`" for key in gone) or "nothing: each is wanted by another runbook as well"
        rows.append((name, told))
    return (
        "## What goes with a runbook\n\nRights that are not granted any more when that runbook alone is switched off.\n\n"
        + _table(("runbook off", "rights that go"), rows)
    )


def _never() -> str:
    alike: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for one in NEVER:
        alike.setdefault((one.verbs, one.why), []).append(_resource(one.group, one.resource))
    rows = [
        (", ".join(what), "any verb" if verbs == ("*",) else ", ".join(verbs), why)
        for (verbs, why), what in alike.items()
    ]
    return (
        "## Never requested\n\nWhatever is switched on, in any mode. A test holds each of them against every right above.\n\n"
        + _table(("resource", "verbs", "why not"), rows)
    )


def _runbooks(names: Iterable[str]) -> str:
    return ", ".join(sorted(name.removesuffix("Runbook") for name in names)) or "all"


def _resource(group: str, resource: str) -> str:
    return f"`{resource}.{group}`" if group else f"`{resource}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)])
