"""The last lines of a log, reduced to classes and at most one named dependency. The lines die here.

A log is written by the program that is failing, by whoever talks to it, and by anybody who can make it print: it may
argue for leaving things alone (`FORBIDDEN`, `MIGRATION`, `DEPENDENCY`), and can never argue for an act. Sentences that
address the reader are words like any other and match no class. The words themselves are in `log_words.py`.
"""

from __future__ import annotations

import re

from byteport.domain.base import Frozen
from byteport.kubernetes import fields
from byteport.kubernetes.log_words import MIGRATION_OVER, WORDS, LogClass

__all__ = ["LogClass", "LogReading", "log_signature", "merged"]

_BY_CLASS = dict(WORDS)

TAIL_CHARACTERS = 65_536
"""What is looked at of a log: its end. 50 lines are rarely a tenth of that."""


class LogReading(Frozen):
    """A log tail as classes."""

    lines: int = 0
    classes: tuple[LogClass, ...] = ()
    host: str = ""
    """Host of the dependency that did not answer: a DNS name or an address."""
    port: int = 0

    def has(self, *wanted: LogClass) -> bool:
        return any(found in wanted for found in self.classes)


_ADDRESS = (
    re.compile(r"(?:tcp|udp)[ :/]{1,4}\[?([A-Za-z0-9][A-Za-z0-9.-]{0,252})\]?:([0-9]{2,5})\b"),
    re.compile(r"(?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ECONNRESET) ([A-Za-z0-9][A-Za-z0-9.-]{0,252}):([0-9]{2,5})\b"),
    re.compile(
        r"(?:@|//|\bto |\bat |\bhost |\baddress |\bserver |=|'|\")([A-Za-z0-9][A-Za-z0-9.-]{0,252}):([0-9]{2,5})\b"
    ),
    re.compile(r"\b([A-Za-z][A-Za-z0-9.-]{0,252}|(?:[0-9]{1,3}\.){3}[0-9]{1,3}):([0-9]{2,5})\b"),
)
_LOOKUP = re.compile(
    r"(?:\blookup|ENOTFOUND|EAI_AGAIN|resolve host(?:name)?|UnknownHostException:?|host name) [\"']?([A-Za-z][A-Za-z0-9.-]{0,252})"
)
_HOST_WORD = re.compile(r"\bhost(?:name)?[ =:]{1,3}[\"']?([A-Za-z][A-Za-z0-9.-]{0,252})")
_PORT_WORD = re.compile(r"\bport[ =:\"']{1,3}([0-9]{2,5})\b", re.IGNORECASE)


def log_signature(tail: object) -> LogReading:
    """The classes of a log's last 64 KiB, and whom it could not reach. Linear in the text; never raises."""
    said = fields.text(tail, TAIL_CHARACTERS)
    if not said.strip():
        return LogReading()
    lines = [line[:2000] for line in said.splitlines() if line.strip()][-200:]
    found = {kind for kind, pattern in WORDS if any(pattern.search(line) for line in lines)}
    if LogClass.MIGRATION in found and not _migrating(lines):
        found.discard(LogClass.MIGRATION)
    host, port = _dependency(lines) if LogClass.DEPENDENCY in found else ("", 0)
    if LogClass.STALE_FILE in found:
        found.discard(LogClass.LOCK)
    ordered = tuple(kind for kind, _ in WORDS if kind in found)
    return LogReading(lines=len(lines), classes=ordered, host=host, port=port)


def merged(*readings: LogReading) -> LogReading:
    """What several tails say together (the previous run's log and the termination message)."""
    classes = {kind for reading in readings for kind in reading.classes}
    named = next((reading for reading in readings if reading.host or reading.port), LogReading())
    return LogReading(
        lines=sum(reading.lines for reading in readings),
        classes=tuple(kind for kind, _ in WORDS if kind in classes),
        host=named.host,
        port=named.port,
    )


def _migrating(lines: list[str]) -> bool:
    """Whether the last line that speaks of a migration leaves it open."""
    spoken = [line for line in lines if _BY_CLASS[LogClass.MIGRATION].search(line)]
    return bool(spoken) and not MIGRATION_OVER.search(spoken[-1])


def _dependency(lines: list[str]) -> tuple[str, int]:
    """A name that could not be looked up, else the address that did not answer, else a host in words."""
    dependency = _BY_CLASS[LogClass.DEPENDENCY]
    spoken = [_without_credentials(line) for line in reversed(lines) if dependency.search(line)]
    for line in spoken:
        match = _LOOKUP.search(line)
        if match and _is_host(match.group(1)):
            return match.group(1).lower().rstrip("."), 0
    for pattern in _ADDRESS:
        for line in spoken:
            for host, port in pattern.findall(line):
                if _is_host(host) and 0 < int(port) < 65536:
                    return host.lower(), int(port)
    for line in spoken:
        match = _HOST_WORD.search(line)
        if match and _is_host(match.group(1)):
            return match.group(1).lower().rstrip("."), _port(lines)
    return "", _port(spoken)


_WORD_ENDS = re.compile(r"([\s\"'<>`]+)")


def _without_credentials(line: str) -> str:
    """`line` without what stands before an `@`: in a URL or a DSN that is a user and a password, never whom to reach."""
    if "@" not in line:
        return line
    return "".join("@" + word.rpartition("@")[2] if "@" in word else word for word in _WORD_ENDS.split(line))


def _port(lines: list[str]) -> int:
    found = (match for match in (_PORT_WORD.search(line) for line in lines) if match)
    return next((port for port in (int(match.group(1)) for match in found) if 0 < port < 65536), 0)


_CLOCK = re.compile(r"[0-9]{1,4}(?:[-T.:][0-9]{1,4})*\Z")


def _is_host(host: str) -> bool:
    """A DNS name or an IPv4 address; not a time of day, a file name with a line number, or a word of the sentence."""
    lowered = host.lower().rstrip(".")
    if not fields.name(lowered):
        return False
    if _CLOCK.match(lowered):
        return lowered.count(".") == 3
    return lowered.rpartition(".")[2] not in _FILES and lowered not in _WORDS


_FILES = frozenset(
    {"js", "ts", "py", "go", "java", "rb", "rs", "c", "cc", "cpp", "php", "log", "sh", "mjs", "jsx", "tsx", "cs"}
)
_WORDS = frozenset(
    {
        "error",
        "port",
        "line",
        "code",
        "errno",
        "status",
        "the",
        "localhost",
        "failed",
        "timeout",
        "warn",
        "info",
        "refused",
        "key",
        "pass",
        "passphrase",
        "passwd",
        "password",
        "pin",
        "pwd",
        "secret",
        "token",
        "user",
        "username",
    }
)
