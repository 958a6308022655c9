"""The body of `add-checkpoint` of C2SP's tlog-witness: made by whoever asks a witness, taken apart strictly by one.

Comes after `checkpoint` and `merkle`, before `activities/signer` (which asks) and `byteport/witness` (which answers).
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from byteport.audit.merkle import HASH_BYTES
from byteport.errors import MalformedInput

WHERE = "add-checkpoint"
LARGEST = 64 * 1024
"""Of a body: 63 hashes and a note with many signatures are some 20 kB."""
MOST_HASHES = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """What is asked: to go on from `old` records to those of the checkpoint in `note`."""

    old: int
    proof: tuple[bytes, ...]
    note: str


def parse_request(body: bytes) -> AddCheckpoint:
    """Raises `MalformedInput` for anything but an old size, at most 63 hashes, an empty line and a note."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedInput(WHERE, "is not UTF-8") from error
    head, found, note = text.partition("\n\n")
    old, *hashes = head.split("\n")
    size = _OLD.fullmatch(old)
    if not found or size is None:
        raise MalformedInput(WHERE, "does not begin with an old size, hashes and an empty line")
    if len(hashes) > MOST_HASHES:
        raise MalformedInput(WHERE, f"has more than {MOST_HASHES} hashes")
    return AddCheckpoint(int(size[1]), tuple(_hash(line) for line in hashes), note)


def request_body(call: AddCheckpoint) -> bytes:
    """The inverse of `parse_request`."""
    hashes = "".join(f"{base64.b64encode(one).decode('ascii')}\n" for one in call.proof)
    return f"old {call.old}\n{hashes}\n{call.note}".encode()


def _hash(line: str) -> bytes:
    try:
        raw = base64.b64decode(line.encode("ascii"), validate=True)
    except ValueError as error:
        raise MalformedInput(WHERE, "has a line that is no hash") from error
    if len(raw) != HASH_BYTES or base64.b64encode(raw).decode("ascii") != line:
        raise MalformedInput(WHERE, "has a line that is no hash")
    return raw
