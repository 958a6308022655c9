"""One line of an export: a record as people and programs read it, and beside it exactly what was hashed. Written and read.

    {"action_id": …, every other field of a record, "sealed": {"header": "…", "payload": "…", "salt": "…"}}
    {"checkpoint": "<signed note>"}

Written as RFC 8785 has it, so that the same record is always the same bytes. Read whatever whoever kept it has made of it:
other white space and another order of keys are no fault, another value is. Comes after `records`, before `verify`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, BinaryIO, NamedTuple

import msgspec

from byteport.audit.chain import record_hash
from byteport.audit.flat import IN_HEADER, IN_PAYLOAD, line_with, seq_of, text_of
from byteport.audit.nesting import DEEPEST, depth
from byteport.audit.records import LARGEST_WHOLE, Entry
from byteport.audit.shapes import are_payloads, is_header
from byteport.audit.words import Removal

LONGEST_LINE = 1 << 20
"""Its newline included."""
LONGEST_NUMBER = 400
"""Characters; what is longer is not worth the time that it takes."""
_HEX = re.compile(r"(?:[0-9a-f]{2})*")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Cause(StrEnum):
    """Why a line is none of ours."""

    TRUNCATED = "truncated"
    """The file ends in the middle of it."""
    TOO_LONG = "too_long"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    DUPLICATE_KEY = "duplicate_key"
    NOT_A_NUMBER = "not_a_number"
    """It holds NaN, an infinity, or a number that nobody could hold."""
    LONE_SURROGATE = "lone_surrogate"
    NOT_OURS = "not_ours"
    """JSON, but neither a record nor a checkpoint."""


class EntryLine(NamedTuple):
    """A record. Where it says one thing in its fields and another in what was hashed, `differs` names the first such field."""

    file: str
    number: int
    entry: Entry
    removed: Removal | None
    """What the line says of a body that is not in it; only a later record can make that true."""
    differs: str | None = None


class CheckpointLine(NamedTuple):
    file: str
    number: int
    note: str


class BadLine(NamedTuple):
    file: str
    number: int
    cause: Cause
    says: str


Line = EntryLine | CheckpointLine | BadLine


def line_of(entry: Entry, removed: Removal | None = None) -> bytes:
    """The line of `entry`, newline included. `removed` says why its body is not there any more.

    A record that somebody damaged has a line too, so that no receiver waits for ever, and whoever checks it sees the damage.
    """
    return _line(entry, entry.hash, removed)


def checkpoint_line(note: str) -> bytes:
    """The line of a checkpoint, newline included."""
    return b'{"checkpoint":' + text_of(note) + b"}\n"


def cut(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, newline included, however long they are: of one too long only the beginning is ever held."""
    inside = False
    while line := stream.readline(LONGEST_LINE + 1):
        if not inside:
            yield line
        inside = not line.endswith(b"\n")


def read(lines: Iterable[bytes], file: str = "") -> Iterator[Line]:
    """What each line holds, numbered from 1. `file` is repeated in each of them. Nothing raises."""
    for number, raw in enumerate(lines, start=1):
        yield _read(raw, file, number)


class _Sealed(msgspec.Struct):
    header: str
    payload: str | None
    salt: str | None


class _Kept(msgspec.Struct):
    sealed: _Sealed
    hash: str | None = None
    removed: Removal | None = None


_KEPT = msgspec.json.Decoder(_Kept)


def _read(raw: bytes, file: str, number: int) -> Line:
    """As we write it, and of a record in canonical form: told at once. All else is looked at closely."""
    try:
        if len(raw) <= LONGEST_LINE:
            kept = _KEPT.decode(raw)
            header = kept.sealed.header.encode("utf-8")
            entry = _entry(kept, header, seq_of(header)) if is_header(header) else None
            is_whole = entry is not None and not (kept.removed is not None and entry.payload is not None)
            is_plain = entry is not None and (entry.payload is None or are_payloads([entry.payload]))
            if entry is not None and is_whole and is_plain and _line(entry, entry.hash, kept.removed) == raw:
                return EntryLine(file, number, entry, kept.removed)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    return _slowly(raw, file, number)


def _slowly(raw: bytes, file: str, number: int) -> Line:
    """A line that is not as we write it: what is wrong with it, if anything is."""
    if len(raw) > LONGEST_LINE:
        return BadLine(file, number, Cause.TOO_LONG, f"is longer than {LONGEST_LINE} bytes")
    plain = _parsed(raw)
    if isinstance(plain, _Refused):
        return BadLine(file, number, plain.cause, plain.says)
    if any(_SURROGATE.search(text) for text in _texts(plain)):
        return BadLine(file, number, Cause.LONE_SURROGATE, "holds half a character (a lone surrogate)")
    note = plain.get("checkpoint")
    if len(plain) == 1 and isinstance(note, str):
        return CheckpointLine(file, number, note)
    try:
        given = {key: plain[key] for key in ("sealed", "removed") if key in plain}
        kept = msgspec.convert(given | {"hash": plain["hash"]} if isinstance(plain.get("hash"), str) else given, _Kept)
    except msgspec.ValidationError:
        kept = None
    if kept is None or plain["sealed"].keys() != {"header", "payload", "salt"}:
        return BadLine(file, number, Cause.NOT_OURS, "is neither a record nor a checkpoint")
    header = kept.sealed.header.encode("utf-8")
    head = _fields(header)
    seq = head.get("seq") if head is not None else None
    entry = _entry(kept, header, int(seq) if isinstance(seq, _Whole) and 1 <= seq <= LARGEST_WHOLE else 0)
    if entry is None:
        return BadLine(file, number, Cause.NOT_OURS, "is neither a record nor a checkpoint")
    told = _told(head, _fields(entry.payload), entry.hash)
    told |= {name: plain[name] for name in ("sealed", "removed") if plain.get(name) is not None}
    differs = [key for key in sorted({*plain, *told}) if not _same(plain.get(key, _same), told.get(key, _same))]
    if kept.removed is not None and entry.payload is not None:
        differs.append("removed")
    return EntryLine(file, number, entry, kept.removed, differs[0] if differs else None)


def _entry(kept: _Kept, header: bytes, seq: int) -> Entry | None:
    """What was hashed, under its number, with the hash that the line says; None where the salt is no hex."""
    sealed = kept.sealed
    if sealed.salt is not None and not _HEX.fullmatch(sealed.salt):
        return None
    return Entry(
        seq=seq,
        header=header,
        payload=None if sealed.payload is None else sealed.payload.encode("utf-8"),
        salt=None if sealed.salt is None else bytes.fromhex(sealed.salt),
        hash=record_hash(header) if kept.hash is None else kept.hash,
    )


def _fields(data: bytes | None) -> dict[str, Any] | None:
    """The fields of what was hashed; None of what could not stand in one line of JSON as it is."""
    if data is None or b"\n" in data or b"\r" in data:
        return None
    found = _parsed(data)
    return found if isinstance(found, dict) else None


def _told(head: dict[str, Any] | None, body: dict[str, Any] | None, hashed: str) -> dict[str, Any]:
    """What a line says of these fields. What cannot be read is null, and so is a field that a payload does not have, which
    was not known when it was written; answers are none then."""
    told: dict[str, Any] = {name: (head or {}).get(name) for name in IN_HEADER}
    told |= {name: None if body is None else body.get(name, [] if name == "answers" else None) for name in IN_PAYLOAD}
    return told | {"hash": hashed}


def _line(entry: Entry, hashed: str, removed: Removal | None) -> bytes:
    return line_with(entry.header, entry.payload, entry.salt, hashed, None if removed is None else removed.value)


class _Refused(NamedTuple):
    cause: Cause
    says: str


def _parsed(raw: bytes) -> dict[str, Any] | _Refused:
    """A JSON object, of which nothing is said twice or cannot be held."""
    if depth(raw) > DEEPEST:
        return _Refused(Cause.TOO_DEEP, "is nested too deep")
    try:
        plain = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number, parse_int=_int, parse_float=_float
        )
    except UnicodeDecodeError:
        return _Refused(Cause.NOT_UTF8, "is not UTF-8")
    except _NoLine as error:
        return error.why
    except ValueError:
        if not raw.endswith(b"\n"):
            return _Refused(Cause.TRUNCATED, "ends in its middle: the file was cut off")
        return _Refused(Cause.NOT_JSON, "is not JSON")
    if not isinstance(plain, dict):
        return _Refused(Cause.NOT_OURS, "is neither a record nor a checkpoint")
    return plain


class _Whole(float):
    """A number that is written without a fraction and an exponent."""


class _NoLine(Exception):
    def __init__(self, cause: Cause, says: str) -> None:
        super().__init__(says)
        self.why = _Refused(cause, says)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _NoLine(Cause.DUPLICATE_KEY, "says one of its fields twice")
    return made


def _no_number(_name: str) -> float:
    raise _NoLine(Cause.NOT_A_NUMBER, "holds a number that JSON does not have")


def _int(text: str) -> float:
    """As a double, which is what JSON's numbers are to RFC 8785; a text of a million digits is not worth its time."""
    return _Whole(_float(text))


def _float(text: str) -> float:
    value = float(text) if len(text) <= LONGEST_NUMBER else float("inf")
    return value if abs(value) != float("inf") else _no_number(text)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a document, keys included."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one


def _same(one: Any, two: Any) -> bool:
    """The same JSON value: a number is no truth value, and half a document is none."""
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(_same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(_same, one, two))
    return isinstance(one, bool) == isinstance(two, bool) and bool(one == two)
