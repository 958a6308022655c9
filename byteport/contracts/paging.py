"""The name of an incident in PagerDuty, from which its run is found again when somebody acknowledges it there.

Written by `activities/notify/pagerduty.py`, read by `byteport/alerts/pagerduty.py`.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

LONGEST = 255
"""Of a `dedup_key`, by PagerDuty's Events API v2."""
_OPEN = re.compile(r"byteport#(?P<workflow>[!-\"$-~]{1,240})#(?P<incident>[A-Za-z0-9-]{1,100})")
_CLOSED = "byteport-sha256-"


class Paged(NamedTuple):
    """What a key names."""

    workflow_id: str
    incident_id: str


def dedup_key(workflow_id: str, incident_id: str) -> str:
    """The same for each page of an incident. Where the names are too long it is a digest, and leads back nowhere."""
    key = f"byteport#{workflow_id}#{incident_id}"
    if len(key) <= LONGEST and _OPEN.fullmatch(key):
        return key
    return _CLOSED + hashlib.sha256(key.encode()).hexdigest()


def paged(key: str) -> Paged | None:
    """What `key` names; None for one that is not ours, or that leads back nowhere."""
    found = _OPEN.fullmatch(key) if len(key) <= LONGEST else None
    return None if found is None else Paged(found["workflow"], found["incident"])
