r"""A record as syslog messages of RFC 5424: everything that a collector sorts by in front, the line of the export behind.

    <109>1 2026-03-10T09:00:00.000Z 5a0f2b7e-… byteport-agent acme finished [byteport@32473 id="…" seq="7" …] {"action_id":…}

Pure; before it comes `target.py`, after it `syslog.py`, which counts octets and sends. Texts in the structured data are cut
short and hold no character that a terminal acts on; `"`, `\` and `]` are escaped as the RFC says. The line itself is
whole: where it is longer than a message may be it goes in parts, which say so and lie one behind the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from activities.export.target import Batch, Line, checkpoint_id, checkpoint_line, lines_of
from byteport.audit.records import PUBLIC_FIELDS
from byteport.audit.words import Decision, Event
from byteport.contracts.stream_receivers import SyslogConfig

NIL = "-"
BOM = b"\xef\xbb\xbf"
LONGEST_VALUE = 200
"""Characters of a value, those included in which one that is not printable is written out."""
FIRST = ("id", "seq", "hash", "tenant")
"""What is never left out of the structured data, whatever else has no room."""
_ERROR, _WARNING, _NOTICE, _INFORMATIONAL = 3, 4, 5, 6
SEVERITIES = {
    Decision.ACTED: _NOTICE,
    Decision.ESCALATED: _WARNING,
    Decision.DRY_RUN_PLANNED: _INFORMATIONAL,
    Decision.SKIPPED: _INFORMATIONAL,
}
_PLAIN = re.compile(r"[!-~]+")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def messages(batch: Batch, config: SyslogConfig) -> Iterator[tuple[int, bytes]]:
    """Each message of a batch with the number of its record; the checkpoint's has that behind the last record's."""
    for line in lines_of(batch):
        header = _header(
            config,
            severity=_severity(line),
            at=line.word("timestamp") if _TIME.fullmatch(line.word("timestamp")) else NIL,
            host=batch.chain.cluster_uid,
            process=batch.chain.tenant,
            kind=line.word("event") if line.word("event") in frozenset(Event) else NIL,
        )
        values = {"id": line.id, "seq": line.seq, "hash": line.record.get("hash"), "tenant": batch.chain.tenant}
        others = {name: line.record.get(name) for name in PUBLIC_FIELDS if name not in FIRST}
        for message in _parts(header, {**values, **others}, line.text, config):
            yield line.seq, message
    if batch.checkpoint is not None:
        header = _header(
            config,
            severity=_INFORMATIONAL,
            at=NIL,
            host=batch.chain.cluster_uid,
            process=batch.chain.tenant,
            kind="checkpoint",
        )
        values = {"id": checkpoint_id(batch.checkpoint), "tenant": batch.chain.tenant}
        for message in _parts(header, values, checkpoint_line(batch.checkpoint), config):
            yield batch.last + 1, message


def _header(config: SyslogConfig, *, severity: int, at: str, host: str, process: str, kind: str) -> bytes:
    priority = config.facility * 8 + severity
    words = (f"<{priority}>1", at, _word(host, 255), config.app_name, _word(process, 128), kind)
    return " ".join(words).encode("ascii")


def _severity(line: Line) -> int:
    told = line.word("decision")
    return SEVERITIES[Decision(told)] if told in frozenset(Decision) else _ERROR


def _parts(header: bytes, values: Mapping[str, Any], text: bytes, config: SyslogConfig) -> Iterator[bytes]:
    """`text` in one message, or in as many as it takes; each part ends between two characters."""
    whole = b" ".join((header, _structured(values, config), _marked(text)))
    if len(whole) <= config.largest_message:
        yield whole
        return
    numbered = {**values, "part": "000", "parts": "000"}
    room = config.largest_message - len(b" ".join((header, _structured(numbered, config), BOM)))
    pieces = [*_cut(text, room)]
    for number, piece in enumerate(pieces, 1):
        element = _structured({**values, "part": number, "parts": len(pieces)}, config)
        yield b" ".join((header, element, _marked(piece)))


def _marked(text: bytes) -> bytes:
    """With a byte order mark where it is more than ASCII: so RFC 5424 tells a text in UTF-8 from one in anything."""
    return text if text.isascii() else BOM + text


def _cut(text: bytes, room: int) -> Iterator[bytes]:
    """`room` is that of a character at least: what is in front of a message's text has limits of its own."""
    at = 0
    while at < len(text):
        end = min(at + room, len(text))
        while end < len(text) and text[end] & 0xC0 == 0x80:
            end -= 1
        yield text[at:end]
        at = end


def _structured(values: Mapping[str, Any], config: SyslogConfig) -> bytes:
    """One element; values beyond half of a message are left out, as the line behind has them all."""
    element = f"[byteport@{config.enterprise_id}".encode("ascii")
    for name, value in values.items():
        if value is None:
            continue
        parameter = f' {name}="{_escaped(_shown(value))}"'.encode()
        if name in (*FIRST, "part", "parts") or len(element) + len(parameter) < config.largest_message // 2:
            element += parameter
    return element + b"]"


def _shown(value: object) -> str:
    text, shown = str(value), ""
    for char in text:
        written = char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        if len(shown) + len(written) > LONGEST_VALUE:
            return shown + "…"
        shown += written
    return shown


def _escaped(value: str) -> str:
    r"""RFC 5424, 6.3.3: `"`, `\` and `]` behind a backslash, and nothing else."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _word(text: str, longest: int) -> str:
    return text if len(text) <= longest and _PLAIN.fullmatch(text) else NIL
