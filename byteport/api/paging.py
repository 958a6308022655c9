"""Where a reader goes on: the place of the last record that it was given, which no later append moves.

Comes before `reading`. A cursor names a chain and a sequence number and bears a digest of the question that it belongs to.
It holds no secret and gives no right: the tenant is the credential's, whatever a cursor says.
"""

from __future__ import annotations

import base64
import json
import re
from typing import NamedTuple

from byteport.domain.canonical import digest
from byteport.serving.problems import Code, Problem

LONGEST = 400
_FORMAT = 1
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Place(NamedTuple):
    """After this record of this chain, in the order of the answer."""

    cluster_uid: str
    seq: int


def cursor_of(place: Place, question: object) -> str:
    """The text for `place` in the answer to `question`, a value that JSON can hold."""
    plain = [_FORMAT, place.cluster_uid, place.seq, _mark(question)]
    return base64.urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def place_of(cursor: str, question: object) -> Place:
    """Raises `Problem` for a text that is no cursor, or one of another question."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        form, cluster_uid, seq, mark = json.loads(raw)
        whole = form == _FORMAT and type(seq) is int and 0 <= seq < 1 << 53 and bool(_UID.fullmatch(cluster_uid))
    except (ValueError, TypeError, RecursionError):
        whole, cluster_uid, seq, mark = False, "", 0, ""
    if not whole or len(cursor) > LONGEST:
        raise Problem(Code.PARAMETER_REFUSED, "send `next` of an answer, unchanged", field="cursor")
    if mark != _mark(question):
        raise Problem(Code.PARAMETER_REFUSED, "belongs to other filters; begin again without it", field="cursor")
    return Place(cluster_uid, seq)


def _mark(question: object) -> str:
    return digest(question)[:16]
