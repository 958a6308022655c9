"""What is wrong with one record by itself: the exact and slow answer, which names the fault; and the words for what is
wrong between them. Comes before `walk`."""

from __future__ import annotations

import json
import re

from byteport.audit.chain import SALT_BYTES, commitment
from byteport.audit.findings import Fault, Finding
from byteport.audit.heads import Chain
from byteport.audit.nesting import DEEPEST, depth
from byteport.audit.records import Entry, Header, Payload, read_header, read_payload
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


def body_fault(entry: Entry, header: Header) -> tuple[Payload | None, Finding | None]:
    """The payload, and what is wrong with it."""
    if entry.payload is None or entry.salt is None:
        says = "has not all of its payload and its salt"
        if header.event in REMOVALS:
            says = "has no payload; one that tells of destroyed payloads is never destroyed itself"
        return None, _finding(Fault.PAYLOAD_MISSING, entry, says)
    if len(entry.salt) != SALT_BYTES or commitment(entry.salt, entry.payload) != header.payload:
        return None, _finding(Fault.PAYLOAD_MISMATCH, entry, "has a payload that was changed after it was appended")
    try:
        payload = read_payload(entry.payload)
    except MalformedInput:
        return None, _finding(Fault.BAD_JSON, entry, "has a payload that is no record's")
    if header.event in REMOVALS and any(each.cause.value != header.event.value for each in payload.removed):
        says = "tells of bodies that were destroyed for another cause than its own"
        return payload, _finding(Fault.FALSE_REMOVAL, entry, says)
    return payload, None


def id_in(header: bytes) -> str | None:
    """What a record says that it is, if it can still be read: only to name it."""
    try:
        return read_header(header).id
    except MalformedInput:
        return None


def unlinked(seq: int, before: bytes) -> Finding:
    """`before` is the header of the record before record `seq`, which names another one."""
    if seq == 1:
        return Finding(fault=Fault.UNLINKED, seq=1, says="is the first record but names one before it")
    says = f"is not the record that {seq} was appended to: one of the two was replaced"
    return Finding(fault=Fault.UNLINKED, seq=seq - 1, id=id_in(before), says=says)


def backdated(seq: int, id_: str | None) -> Finding:
    return Finding(fault=Fault.BACKDATED, seq=seq, id=id_, says="is earlier than the record before it, which none is")


def missing(gap: range, file: str | None, line: int | None) -> Finding:
    says = "is missing" if len(gap) == 1 else f"to {gap.stop - 1} are missing"
    return Finding(fault=Fault.MISSING, seq=gap.start, count=len(gap), says=says, file=file, line=line)


def bare_of_word(gone: range) -> Finding:
    says = "has no payload, and no later record says that it was destroyed"
    return Finding(fault=Fault.PAYLOAD_MISSING, seq=gone.start, count=len(gone), says=says)


def mislabelled(gone: range) -> Finding:
    says = "says another word of why its payload is gone than the record of its destruction"
    return Finding(fault=Fault.EDITED, seq=gone.start, count=len(gone), says=says)


def _is_object(data: bytes) -> bool:
    try:
        return depth(data) <= DEEPEST and isinstance(json.loads(data), dict)
    except ValueError:
        return False


def _finding(fault: Fault, entry: Entry, says: str) -> Finding:
    return Finding(fault=fault, seq=entry.seq, id=id_in(entry.header), says=says)
