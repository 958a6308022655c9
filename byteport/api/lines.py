"""One line that was handed in, looked at as strictly as can be: exactly the published fields, and each what was hashed.

Comes after `byteport/audit/bundle` (which reads lines of any keeper, forgivingly) and before `archive` (which holds them
against what is kept). What is refused is told by line and field; of a value nothing is repeated.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from pydantic import BaseModel

from byteport.api.problems import LedgerCode
from byteport.audit.bundle import BadLine, CheckpointLine, EntryLine
from byteport.audit.bundle import read as read_bundle
from byteport.audit.chain import SALT_BYTES, commitment, record_hash
from byteport.audit.heads import Chain
from byteport.audit.records import Entry, Header, Payload, read_header, read_payload
from byteport.audit.words import Event
from byteport.errors import MalformedInput
from byteport.serving.problems import Problem

LONGEST_WORD = 1000
"""Bytes of a word that is looked up by the store itself: one that no index of a database can hold is refused here."""
_NAME = re.compile(r"[A-Za-z0-9_.]{1,64}")


class SentRecord(NamedTuple):
    """A record whose bytes are in order; whether it fits in is not known yet. `payload` is None where its body is gone."""

    line: int
    entry: Entry
    header: Header
    payload: Payload | None

    @property
    def erases(self) -> bool:
        """Whether it says that somebody had bodies erased."""
        return self.header.event is Event.ERASED


class SentCheckpoint(NamedTuple):
    """A signed note; nothing of it is checked."""

    line: int
    note: str


Sent = SentRecord | SentCheckpoint


def read(number: int, data: bytes, chain: Chain) -> Sent:
    """What line `number` holds, which must be of `chain`. Raises `Problem` naming line and field."""
    (found,) = read_bundle([data + b"\n"])
    match found:
        case BadLine():
            raise Problem(LedgerCode.LINE_REFUSED, f"the line {found.says}", line=number)
        case CheckpointLine():
            return SentCheckpoint(number, found.note)
        case EntryLine():
            return _record(number, found, chain)


def _record(number: int, line: EntryLine, chain: Chain) -> SentRecord:
    entry = line.entry
    try:
        header = read_header(entry.header)
    except MalformedInput:
        raise _part_refused(number, "sealed.header", entry.header, Header) from None
    for field in ("tenant", "cluster_uid"):
        if getattr(header, field) != getattr(chain, field):
            raise Problem(
                LedgerCode.FOREIGN_CHAIN, "hand in only records of the credential's own chain", line=number, field=field
            )
    if line.differs is not None:
        known = _NAME.fullmatch(line.differs) is not None
        says = "is not a published field, is missing, or says another thing than what was hashed"
        raise Problem(
            LedgerCode.LINE_REFUSED,
            says if known else f"a field {says}",
            line=number,
            field=line.differs if known else None,
        )
    if header.action_id is not None and not _is_word(header.action_id):
        raise _refused(number, "action_id", f"holds NUL or half a character, or more than {LONGEST_WORD} bytes")
    if entry.hash != record_hash(entry.header):
        raise _refused(number, "hash", "is not that of the header")
    if entry.seq != header.seq:
        raise _refused(number, "seq", "is not what the header says")
    return SentRecord(number, entry, header, _payload(number, line, header))


def _payload(number: int, line: EntryLine, header: Header) -> Payload | None:
    entry = line.entry
    if entry.payload is None:
        if line.removed is None or entry.salt is not None:
            raise _refused(number, "sealed.payload", "is missing, and `removed` does not say why; or its salt is there")
        return None
    if line.removed is not None:
        raise _refused(number, "removed", "says that the body is gone, and it is there")
    if entry.salt is None or len(entry.salt) != SALT_BYTES:
        raise _refused(number, "sealed.salt", f"is not {SALT_BYTES} bytes in hex")
    try:
        payload = read_payload(entry.payload)
    except MalformedInput:
        raise _part_refused(number, "sealed.payload", entry.payload, Payload) from None
    if commitment(entry.salt, entry.payload) != header.payload:
        raise _refused(number, "sealed.payload", "is not what the header commits to")
    return payload


def _is_word(text: str) -> bool:
    """Whether each kind of store can hold it as text; what only one can is sent again for ever."""
    try:
        return "\0" not in text and len(text.encode("utf-8")) <= LONGEST_WORD
    except UnicodeEncodeError:
        return False


def _part_refused(number: int, where: str, data: bytes, part: type[BaseModel]) -> Problem:
    """Names a field that the published form does not have, if that is what is wrong."""
    try:
        plain = json.loads(data)
        extra = sorted(key for key in plain if key not in part.model_fields and _NAME.fullmatch(key))
    except (ValueError, TypeError, RecursionError):
        extra = []
    if extra:
        return _refused(number, f"{where}.{extra[0]}", "is not a published field")
    return _refused(number, where, "is not the canonical form of the published fields")


def _refused(number: int, field: str, says: str) -> Problem:
    return Problem(LedgerCode.LINE_REFUSED, says, line=number, field=field)
