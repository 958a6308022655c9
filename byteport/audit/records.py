"""The format of one audit record: a header that is chained, and a payload that the header commits to.

The header names the record, its place and its kind; everything that may ever have to be erased (names, targets, the
words of people) is payload. A payload and its salt can be destroyed and the chain still verifies. Both parts are kept
as the exact RFC 8785 bytes that were hashed. Comes after `chain`; `activities/audit` stores, `verify` checks.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeVar

from pydantic import AfterValidator, Field, ValidationError, model_validator

from byteport.audit.chain import commitment, record_hash
from byteport.audit.words import Decision, Event, Removal, Result
from byteport.domain.approvals import SignedAnswer
from byteport.domain.base import Frozen
from byteport.domain.canonical import canonical_bytes
from byteport.errors import MalformedInput

Hash = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
LARGEST_WHOLE = (1 << 53) - 1
"""Up to here every whole number is a double of its own, which is all that JSON's numbers are."""
Number = Annotated[int, Field(ge=1, le=LARGEST_WHOLE)]
"""Of a record."""
_MINUTE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


@lru_cache(maxsize=1 << 16)
def is_minute(text: str) -> bool:
    """Whether `2026-03-10T09:00` is one: a day that there is, from year 1 to 9999, and a time of day."""
    found = _MINUTE.fullmatch(text)
    try:
        return found is not None and date(int(found[1]), int(found[2]), int(found[3])).year > 0
    except ValueError:
        return False


def _is_time(text: str) -> str:
    if not is_minute(text[:16]):
        raise ValueError("there is no such time")
    return text


Timestamp = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]\.[0-9]{3}Z$"),
    AfterValidator(_is_time),
]
"""ISO 8601 in UTC with milliseconds, always the same width, so that text order is time order. There is such a time."""


class Header(Frozen):
    """What is chained. `seq` counts from 1 in each chain; a chain belongs to one tenant and cluster."""

    format: Literal["byteport-record-v1"] = "byteport-record-v1"
    tenant: str
    cluster_uid: str
    seq: Number
    prev_hash: Hash
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
    """UUIDv7."""
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Digest of the idempotency key under which the record was appended."""
    timestamp: Timestamp
    """Never earlier than that of the record before it, whatever the wall clock did."""
    event: Event
    decision: Decision
    action_id: str | None
    payload: Hash
    """Salted commitment to the payload."""


class Removed(Frozen):
    """Bodies that were destroyed: those of the records from `first` to `last`, both included."""

    first: Number
    last: Number
    cause: Removal

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.last < self.first:
            raise ValueError("the last record stands before the first")
        return self


class Payload(Frozen):
    """What the header commits to."""

    actor: Literal["byteport-agent"] = "byteport-agent"
    cluster: str
    signal_type: str
    signal_value: float
    runbook: str
    command: str | None
    """The kubectl line that a person would type, sanitised."""
    result: Result | None
    """None while it is not known."""
    mttr_seconds: Annotated[int, Field(ge=0, le=LARGEST_WHOLE)] | None
    """Seconds from signal to verified; None unless verified."""
    postmortem_url: str | None = None
    incident_id: str
    workflow_id: str
    target: str
    cause: str | None
    plan_digest: str | None
    approver: str | None
    """Principals whose yes it was, separated by `, `."""
    reason: str | None
    """Why, in the policy's stable words, separated by `, `."""
    note: str | None
    """Why, in a person's own words, sanitised."""
    runbook_version: str
    arguments_digest: str | None = None
    """On `started`: what the grant was bound to."""
    object_uid: str | None = None
    """On `started`: uid of the object that the call itself is sent to. Payloads of earlier versions lack it."""
    answers: tuple[SignedAnswer, ...] = ()
    """On `started`: the signed answers, so that an auditor can prove later who approved exactly what."""
    allowed_signers: str | None = None
    """On `started`: digest of the files against which the answers were checked."""
    removed: tuple[Removed, ...] = ()
    """On `pruned` and `erased`: whose bodies were destroyed. Payloads written before there was such a thing lack it."""


class Record(Frozen):
    """Header and payload as one: what people and exports are shown. Fields as in the public schema, then ours."""

    id: str
    timestamp: Timestamp
    actor: str
    cluster: str
    signal_type: str
    signal_value: float
    runbook: str
    decision: Decision
    command: str | None
    result: Result | None
    mttr_seconds: int | None
    postmortem_url: str | None
    hash: Hash
    seq: int
    prev_hash: Hash
    tenant: str
    cluster_uid: str
    event: Event
    incident_id: str
    workflow_id: str
    target: str
    cause: str | None
    plan_digest: str | None
    action_id: str | None
    arguments_digest: str | None
    object_uid: str | None
    approver: str | None
    reason: str | None
    note: str | None
    runbook_version: str
    answers: tuple[SignedAnswer, ...]
    allowed_signers: str | None

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.timestamp)

    def public(self) -> dict[str, Any]:
        """Exactly the fields of the public schema, in its order."""
        return self.model_dump(mode="json", include=set(PUBLIC_FIELDS))


PUBLIC_FIELDS = tuple(Record.model_fields)[:13]


class Entry(NamedTuple):
    """One record as it is stored. What the checker reads, a million at a time; it trusts none of it."""

    seq: int
    """Where the store says that it is."""
    header: bytes
    payload: bytes | None
    """None when it is not there: pruned, erased, or taken away."""
    salt: bytes | None
    hash: str
    unopened: bool = False
    """The body is there, and the key to open it is not at hand; nothing is said of it."""
    label: Removal | None = None
    """Why the body is not there, by what stands beside the record in an export. A store keeps no such word."""


_Part = TypeVar("_Part", Header, Payload)


def seal(header: Header, payload: Payload, salt: bytes) -> Entry:
    """The bytes and the hash of a new record. `header.payload` is filled in here.

    Raises `MalformedInput` for a value that JSON cannot hold exactly (a signal value that is no number).
    """
    if not math.isfinite(payload.signal_value):
        raise MalformedInput("record", "signal_value is not a number")
    try:
        body = canonical_bytes(payload)
        head = canonical_bytes(header.model_copy(update={"payload": commitment(salt, body)}))
    except ValueError as error:
        raise MalformedInput("record", "holds a value that JSON cannot") from error
    return Entry(seq=header.seq, header=head, payload=body, salt=salt, hash=record_hash(head))


def read_header(data: bytes) -> Header:
    """Raises `MalformedInput` unless `data` is the canonical form of a header."""
    return _read(data, Header, "record header")


def read_payload(data: bytes) -> Payload:
    """Raises `MalformedInput` unless `data` is the canonical form of a payload."""
    return _read(data, Payload, "record payload")


def record_of(entry: Entry) -> Record:
    """The record that `entry` holds, unverified. Raises `MalformedInput` when it cannot be read or was erased."""
    if entry.payload is None:
        raise MalformedInput(f"record {entry.seq}", "has no payload any more")
    header, payload = read_header(entry.header), read_payload(entry.payload)
    return Record.model_construct(
        **{name: getattr(header, name) for name in Header.model_fields if name in Record.model_fields},
        **{name: getattr(payload, name) for name in Payload.model_fields},
        hash=entry.hash,
    )


def timestamp(at: datetime) -> Timestamp:
    """`at` as records write it; parts of a millisecond are cut off."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read(data: bytes, part: type[_Part], where: str) -> _Part:
    try:
        plain = json.loads(data.decode("utf-8"), parse_int=float, parse_constant=_no_constant)
        if canonical_bytes(plain) != data:
            raise MalformedInput(where, "is not in canonical form")
        found = part.model_validate_json(data, strict=True)
        # A value that is taken in several spellings (a time with another zone) is written in one.
        if canonical_bytes(found.model_dump(mode="json", exclude_unset=True)) != data:
            raise MalformedInput(where, "holds a value in another spelling")
        return found
    except (ValueError, RecursionError, ValidationError) as error:
        raise MalformedInput(where, "is not what a record holds") from error


def _no_constant(name: str) -> float:
    raise ValueError(name)
