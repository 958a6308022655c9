"""HMAC signatures over what a service sends us: by any of several secrets, so that one can be changed while both stand.

Comes before `pagerduty.py` and `slack.py`. Compared in constant time, all of them, whichever holds.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

MOST_SIGNATURES = 10
LONGEST_HEADER = 2000
SHORTEST_SECRET = 16


def holds(given: Sequence[str], content: bytes, secrets: Sequence[str]) -> bool:
    """Whether one of the signatures (hex of an HMAC-SHA256) is by one of the secrets over `content`.

    A secret that is shorter than 16 characters signs nothing: an empty one would let everybody in.
    """
    found = False
    for secret in secrets:
        if len(secret) < SHORTEST_SECRET:
            continue
        made = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().encode()
        for one in given[:MOST_SIGNATURES]:
            found |= hmac.compare_digest(one.encode("utf-8", "replace"), made)
    return found


def secrets_of(text: str) -> tuple[str, ...]:
    """One a line; empty lines, and lines that begin with `#`, are left out."""
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
