"""What is wrong with one record by itself: the exact and slow answer, which names the fault. Comes before `walk`."""

from __future__ import annotations

import json
import re

from byteport.audit.chain import SALT_BYTES, commitment
from byteport.audit.findings import Fault, Finding
from byteport.audit.heads import Chain
from byteport.audit.records import Entry, Header, Removed, read_header, read_payload
from byteport.audit.words import REMOVALS
from byteport.errors import MalformedInput

_FORMAT = re.compile(rb'"format":"(?!byteport-record-v1")([^"\\]{0,100})"')


def header_fault(entry: Entry, hashed: str, chain: Chain) -> tuple[Header | None, Finding | None]:
    """The header, or None and the fault that makes it unreadable; a foreign one is readable and a fault."""
    if hashed != entry.hash:
        return None, _finding(Fault.EDITED, entry, "was changed after it was appended")
    try:
        header = read_header(entry.header)
    except MalformedInput:
        if _FORMAT.search(entry.header) and _is_object(entry.header):
            return None, _finding(Fault.UNKNOWN_FORMAT, entry, "is of a format that this verifier does not know")
        return None, _finding(Fault.BAD_JSON, entry, "has a header that is no record's")
    if header.tenant != chain.tenant:
        return header, _finding(Fault.FOREIGN_TENANT, entry, "belongs to another tenant")
    if header.cluster_uid != chain.cluster_uid:
        return header, _finding(Fault.FOREIGN_CLUSTER, entry, "belongs to another cluster")
    return header, None


def body_fault(entry: Entry, header: Header) -> tuple[tuple[Removed, ...], Finding | None]:
    """Whose bodies the payload says were destroyed, where the record is one that can; or what is wrong with it."""
    if entry.payload is None or entry.salt is None:
        says = "has not all of its payload and its salt"
        if header.event in REMOVALS:
            says = "has no payload; one that tells of destroyed payloads is never destroyed itself"
        return (), _finding(Fault.PAYLOAD_MISSING, entry, says)
    if len(entry.salt) != SALT_BYTES or commitment(entry.salt, entry.payload) != header.payload:
        return (), _finding(Fault.PAYLOAD_MISMATCH, entry, "has a payload that was changed after it was appended")
    try:
        payload = read_payload(entry.payload)
    except MalformedInput:
        return (), _finding(Fault.BAD_JSON, entry, "has a payload that is no record's")
    return (payload.removed if header.event in REMOVALS else ()), None


def id_in(header: bytes) -> str | None:
    """What a record says that it is, if it can still be read: only to name it."""
    try:
        return read_header(header).id
    except MalformedInput:
        return None


def _is_object(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except (ValueError, RecursionError):
        return False


def _finding(fault: Fault, entry: Entry, says: str) -> Finding:
    return Finding(fault=fault, seq=entry.seq, id=id_in(entry.header), says=says)
