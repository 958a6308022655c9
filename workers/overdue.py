"""Floors of ours that stand after their time: nobody takes them back any more, so `byteport doctor` names them.

A time box ends every raised floor, and says so where it cannot. One that was terminated, or whose Temporal was lost, says
nothing; what is left of it are the marks on the object itself. Comes from `examine.py`.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from activities.kubernetes.effects import FIELD_MANAGER
from activities.kubernetes.enabled import Namespaces
from activities.kubernetes.floor_raising import LONGEST_BOX_SECONDS
from byteport.domain.ceilings import Sight
from byteport.domain.policy import PolicyConfig
from byteport.errors import NotPermitted
from byteport.kubernetes import fields, port
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL, floor_of, floor_setter
from byteport.kubernetes.enrolment import enrolled
from byteport.kubernetes.port import JSON, ClusterPort
from byteport.kubernetes.templates import annotations_of
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy

LATE = timedelta(minutes=10)
"""A time box has had its turn by then, a few tries included."""
LONGEST = timedelta(seconds=LONGEST_BOX_SECONDS)
"""No time box is longer: a time further away is none of ours, and would hide the floor for as long."""
MOST_NAMED = 10
_DIGITS = re.compile(r"[0-9]{1,9}")


async def check_floors(
    cluster: ClusterPort, policy: PolicyConfig, *, now: datetime, sight: Sight = Sight.CLUSTER
) -> Check:
    """Look at the autoscalers of every enabled namespace; what may not be listed is said, and fails nothing."""
    try:
        labelled = await Namespaces(cluster, sight).labelled()
        names = [_name(item) for item in labelled if enrolled(item, policy)]
        every = await asyncio.gather(*(cluster.list(port.AUTOSCALERS, name) for name in names))
    except NotPermitted as refused:
        said = f"cannot tell whether one is overdue: {refused.message}"
        return Check("raised floors", Outcome.WARNING, said, remedy(Amiss.FLOORS_UNREAD))
    return _said(sorted((late for one in every for item in one.items if (late := _overdue(item, now))), key=_place))


class Overdue(NamedTuple):
    """A floor of ours that stands after its time."""

    namespace: str
    name: str
    floor: int
    before: int | None
    """What its owner had set; None where the mark of it cannot be read, so that nobody puts it back."""
    ours: bool
    """Whether it is as we left it: else somebody has set it since."""

    @property
    def text(self) -> str:
        """`shop/web (floor 4, its owner's is 2)`."""
        return f"{self.namespace}/{self.name} (floor {self.floor}, its owner's {_was(self.before)})"

    @property
    def remedy(self) -> str:
        if self.before is None or not self.ours:
            return remedy(
                Amiss.FLOOR_UNREADABLE if self.before is None else Amiss.FLOOR_TAKEN_OVER,
                name=self.name,
                namespace=self.namespace,
            )
        patch = json.dumps({"spec": {"minReplicas": self.before}}, separators=(",", ":"))
        return remedy(Amiss.FLOOR_OVERDUE, name=self.name, namespace=self.namespace, patch=patch)


def _said(overdue: Sequence[Overdue]) -> Check:
    if not overdue:
        return Check("raised floors", Outcome.OK, "none stands after its time")
    named = [one.text for one in overdue]
    more = f", and {len(overdue) - MOST_NAMED} more" if len(overdue) > MOST_NAMED else ""
    what = f"{', '.join(named[:MOST_NAMED])}{more}: nobody has put back in time; its time box is gone, or cannot"
    return Check("raised floors", Outcome.WARNING, what, "; ".join(one.remedy for one in overdue[:MOST_NAMED]))


def _was(before: int | None) -> str:
    return "cannot be read" if before is None else f"is {before}"


def _overdue(autoscaler: JSON, now: datetime) -> Overdue | None:
    """None when no floor of ours stands, or its time is not over. One whose mark says nothing has no time.

    A clock of ours that is behind the agent's by less than `LATE` makes no difference.
    """
    found, until = raised_floor(autoscaler), fields.instant(annotations_of(autoscaler).get(FLOOR_UNTIL))
    if found and found.before is not None and until is not None and now - LATE < until <= now + LONGEST + LATE:
        return None
    return found


def raised_floor(autoscaler: JSON) -> Overdue | None:
    """The floor of ours that stands on it, whatever its time; None when none does."""
    marks = annotations_of(autoscaler)
    if FLOOR_BEFORE not in marks:
        return None
    before = marks[FLOOR_BEFORE]
    owners = int(before) if isinstance(before, str) and _DIGITS.fullmatch(before) else None
    namespace, floor = fields.name(fields.metadata(autoscaler).get("namespace")), floor_of(autoscaler)
    ours = marks.get(FLOOR_RAISED) == str(floor) and floor_setter(autoscaler).manager in ("", FIELD_MANAGER)
    return Overdue(namespace, _name(autoscaler), floor, owners, ours)


def _place(overdue: Overdue) -> tuple[str, str]:
    return overdue.namespace, overdue.name


def _name(item: JSON) -> str:
    return fields.name(fields.metadata(item).get("name"))
