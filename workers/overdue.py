"""Floors of ours that stand after their time: nobody takes them back any more, so `byteport doctor` names them.

A time box ends every raised floor, and says so where it cannot. One that was terminated, or whose Temporal was lost, says
nothing; what is left of it are the marks on the object itself. Comes from `examine.py`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from activities.kubernetes.enabled import Namespaces
from activities.kubernetes.floor_raising import LONGEST_BOX_SECONDS
from byteport.domain.ceilings import Sight
from byteport.domain.policy import PolicyConfig
from byteport.errors import NotPermitted
from byteport.kubernetes import fields, port
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_UNTIL, floor_of
from byteport.kubernetes.enrolment import enrolled
from byteport.kubernetes.port import JSON, ClusterPort
from byteport.kubernetes.templates import annotations_of
from workers.preflight import Check, Outcome

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
        return Check("raised floors", Outcome.WARNING, f"cannot tell whether one is overdue: {refused.message}")
    return _said([said for one in every for item in one.items if (said := _overdue(item, now))])


def _said(overdue: Sequence[str]) -> Check:
    if not overdue:
        return Check("raised floors", Outcome.OK, "none stands after its time")
    more = f", and {len(overdue) - MOST_NAMED} more" if len(overdue) > MOST_NAMED else ""
    what = "nobody has put back in time; look for its time box, or put it back by hand and take byteport.io/floor-* off"
    return Check("raised floors", Outcome.WARNING, f"{', '.join(sorted(overdue)[:MOST_NAMED])}{more}: {what}")


def _overdue(autoscaler: JSON, now: datetime) -> str:
    """The autoscaler with its floor and its owner's; empty when no floor of ours stands, or its time is not over.

    A clock of ours that is behind the agent's by less than `LATE` makes no difference.
    """
    marks = annotations_of(autoscaler)
    before, until = marks.get(FLOOR_BEFORE), fields.instant(marks.get(FLOOR_UNTIL))
    if not isinstance(before, str) or not _DIGITS.fullmatch(before):
        return ""
    if until is not None and now - LATE < until <= now + LONGEST + LATE:
        return ""
    namespace = fields.name(fields.metadata(autoscaler).get("namespace"))
    return f"{namespace}/{_name(autoscaler)} (floor {floor_of(autoscaler)}, its owner's is {int(before)})"


def _name(item: JSON) -> str:
    return fields.name(fields.metadata(item).get("name"))
