"""What `byteport doctor --installation` finds besides the boundary: rights and floors that nobody answers for any more.

With an administrator's credential, which lists all namespaces, whether or not anything is installed. Comes beside
`boundary_doctor.py`; what counts as left is judged by `byteport/boundary/leftovers.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from byteport.boundary.cautions import may_patch
from byteport.boundary.choices import Choices
from byteport.boundary.installed import RESOURCES
from byteport.boundary.leftovers import WHOSE, Leftover, Listed, beside_an_installation, without_an_installation
from byteport.boundary.names import CEILINGS, NAMESPACE
from byteport.boundary.selfcheck import ceilings_in
from byteport.domain.ceilings import ALL, Ceiling
from byteport.domain.modes import Mode
from byteport.errors import BytePortError, TargetGone
from byteport.kubernetes import port
from byteport.kubernetes.port import JSON, ClusterPort
from workers.overdue import MOST_NAMED, Overdue, raised_floor
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy

RIGHTS = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
NAME, FLOORS = "left over", "raised floors"


async def examine_leftovers(cluster: ClusterPort, choices: Choices | None) -> list[Check]:
    """A check for each thing; none when nothing is left. Without `choices` there is no installation."""
    try:
        listed = Listed(await _all(cluster, "Namespace"), await _rights(cluster))
        ceilings = ceilings_in(await _ceilings(cluster), choices) if choices else {}
        autoscalers = (await cluster.list(port.AUTOSCALERS, "")).items
    except BytePortError as error:
        what = f"whether anything is left cannot be told: {error.message}"
        return [Check(NAME, Outcome.WARNING, what, remedy(Amiss.LEFTOVERS_UNREAD))]
    found = beside_an_installation(listed, ceilings) if choices else without_an_installation(listed)
    stranded = [floor for one in autoscalers if (floor := raised_floor(one)) and not _may(choices, ceilings, floor)]
    return [*_left(found, installed=choices is not None), *_floors(stranded)]


async def _ceilings(cluster: ClusterPort) -> JSON | None:
    """One that may not be read is none that is empty: else every namespace would be taken for one that was not given."""
    try:
        return await cluster.get(port.CONFIG_MAPS, NAMESPACE, CEILINGS)
    except TargetGone:
        return None


async def _rights(cluster: ClusterPort) -> list[JSON]:
    return [item for found in await asyncio.gather(*(_all(cluster, kind) for kind in RIGHTS)) for item in found]


async def _all(cluster: ClusterPort, kind: str) -> list[JSON]:
    """Items of a list do not say their kind."""
    return [{**item, "kind": kind} for item in (await cluster.list(RESOURCES[kind], "")).items]


def _left(found: Sequence[Leftover], *, installed: bool) -> list[Check]:
    where = "not given, and yet there" if installed else "left by an installation that is gone"
    checks = [
        Check(
            NAME,
            Outcome.FAILED if one.gives else Outcome.WARNING,
            f"{where}, {one.what}{f'; {WHOSE}' if one.gives and not installed else ''}",
            one.remedy,
        )
        for one in found
    ]
    if len(checks) > MOST_NAMED:
        rest = f"{len(checks) - MOST_NAMED} more namespaces and objects"
        checks[MOST_NAMED:] = [Check(NAME, Outcome.FAILED, f"{where}, {rest}", remedy(Amiss.LEFTOVERS_MANY))]
    return checks


def _may(choices: Choices | None, ceilings: Mapping[str, Ceiling | None], floor: Overdue) -> bool:
    """Whether the agent has the right to put that floor back: then its time box does."""
    ceiling = ceilings.get(floor.namespace)
    if choices is None or ceiling is None or ceiling.mode is Mode.OBSERVE:
        return False
    return may_patch(choices, port.AUTOSCALERS.plural) and not {ALL, floor.name}.isdisjoint(ceiling.hpa)


def _floors(stranded: Sequence[Overdue]) -> list[Check]:
    if not stranded:
        return []
    named = ", ".join(one.text for one in stranded[:MOST_NAMED])
    more = f", and {len(stranded) - MOST_NAMED} more" if len(stranded) > MOST_NAMED else ""
    what = f"{named}{more}: the agent raised it and has no right any more to put it back"
    return [Check(FLOORS, Outcome.WARNING, what, "; ".join(one.remedy for one in stranded[:MOST_NAMED]))]
