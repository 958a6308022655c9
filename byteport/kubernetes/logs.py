"""The last lines of a log, reduced to classes and at most one named dependency. The lines die here.

A log is written by the program that is failing, by whoever talks to it, and by anybody who can make it print: it may
argue for leaving things alone (`FORBIDDEN`, `MIGRATION`, `DEPENDENCY`), and can never argue for an act. Sentences that
address the reader are words like any other and match no class.
"""

from __future__ import annotations

import re
from enum import StrEnum

from byteport.domain.base import Frozen
from byteport.kubernetes import fields

TAIL_CHARACTERS = 65_536
"""What is looked at of a log: its end. 50 lines are rarely a tenth of that."""


class LogClass(StrEnum):
    """What a log tail speaks of. Several may hold; the order is that of weight."""

    MIGRATION = "migration"
    NO_SPACE = "no_space"
    NODE_EXHAUSTED = "node_exhausted"
    OUT_OF_MEMORY = "out_of_memory"
    CERTIFICATE = "certificate"
    FORBIDDEN = "forbidden"
    DEPENDENCY = "dependency"
    CONFIG_MISSING = "config_missing"
    COMMAND = "command"
    PORT_IN_USE = "port_in_use"
    DATA_CORRUPT = "data_corrupt"
    LOCK = "lock"
    SEGFAULT = "segfault"
    PANIC = "panic"


class LogReading(Frozen):
    """A log tail as classes."""

    lines: int = 0
    classes: tuple[LogClass, ...] = ()
    host: str = ""
    """Host of the dependency that did not answer: a DNS name or an address."""
    port: int = 0

    def has(self, *wanted: LogClass) -> bool:
        return any(found in wanted for found in self.classes)


def _any(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


_CLASSES = (
    (
        LogClass.MIGRATION,
        _any(
            r"\bmigrat(?:ion|ions|ing|e)\b",
            r"\balembic\b",
            r"\bflyway\b",
            r"\bliquibase\b",
            r"schema (?:change|update|upgrade|version)",
            r"\bALTER TABLE\b",
        ),
    ),
    (
        LogClass.NO_SPACE,
        _any(
            r"no space left on device",
            r"\bENOSPC\b",
            r"disk (?:is )?full",
            r"disk quota exceeded",
            r"database or disk is full",
        ),
    ),
    (
        LogClass.NODE_EXHAUSTED,
        _any(
            r"resource temporarily unavailable",
            r"pthread_create",
            r"\bEAGAIN\b",
            r"unable to create (?:new )?native thread",
            r"can't start new thread",
            r"too many open files",
        ),
    ),
    (
        LogClass.OUT_OF_MEMORY,
        _any(
            r"outofmemory",
            r"out of memory",
            r"cannot allocate memory",
            r"\bENOMEM\b",
            r"heap limit",
            r"memory limit exceeded",
            r"\bMemoryError\b",
            r"std::bad_alloc",
            r"\boom[- ]?kill",
        ),
    ),
    (
        LogClass.CERTIFICATE,
        _any(
            r"x509",
            r"certificate.{0,80}(?:expired|not yet valid|verify failed|unknown authority|invalid)",
            r"\bcert(?:ificate)?_(?:has_)?expired",
            r"unable to get local issuer",
            r"PKIX path",
        ),
    ),
    (
        LogClass.FORBIDDEN,
        _any(
            r"\bforbidden\b",
            r"\bunauthori[sz]ed\b",
            r"\b(?:status|statuscode|http|code)[ =:\"']{0,3}40[13]\b",
            r"\b40[13] (?:forbidden|unauthorized)",
            r"permission denied",
            r"\bEACCES\b",
            r"\bEPERM\b",
            r"operation not permitted",
            r"access ?denied",
            r"authentication failed",
            r"password authentication",
            r"invalid (?:credentials|token|api key|password)",
            r"token (?:has |is )?expired",
            r"login failed",
            r"not authorized",
            r"\bNOAUTH\b",
            r"\bWRONGPASS\b",
        ),
    ),
    (
        LogClass.DEPENDENCY,
        _any(
            r"\bECONNREFUSED\b",
            r"\bECONNRESET\b",
            r"\bETIMEDOUT\b",
            r"\bEHOSTUNREACH\b",
            r"\bENOTFOUND\b",
            r"\bEAI_AGAIN\b",
            r"connection (?:refused|reset|timed out|closed|terminated)",
            r"connection attempt failed",
            r"connect(?:ion)? (?:error|failed|timeout)",
            r"(?:could not|cannot|can't|can not|failed to|unable to|couldn't) (?:connect|reach|resolve|establish|open connection|contact|obtain .{0,20}connection|ping)",
            r"no route to host",
            r"network is unreachable",
            r"no such host",
            r"name or service not known",
            r"temporary failure in name resolution",
            r"unknown ?host",
            r"getaddrinfo",
            r"host is unreachable",
            r"(?:dial tcp|lookup) ",
            r"i/o timeout",
            r"connection is not available",
            r"waiting for .{0,60}(?:to be (?:ready|available|up)|database|postgres|mysql|redis|kafka|mongo|rabbit|broker)",
            r"\b(?:503 service unavailable|502 bad gateway|504 gateway)",
            r"service unavailable",
            r"upstream (?:connect error|timed out|unavailable)",
            r"no (?:healthy upstream|brokers? available|nodes? available|servers? available|reachable servers)",
            r"\bbroker .{0,40}not available",
            r"(?:database|db|redis|postgres(?:ql)?|mysql|mongo(?:db)?|kafka|rabbitmq|broker|upstream|backend|dependency) (?:is )?(?:down|unavailable|unreachable|not (?:ready|available|reachable))",
            r"\"(?:db|redis|mongo|rabbit|kafka|elasticsearch|database)\" ?: ?\{ ?\"status\" ?: ?\"DOWN\"",
            r"the database system is (?:starting up|shutting down)",
            r"too many (?:clients|connections)",
            r"context deadline exceeded",
            r"connection pool",
            r"server has gone away",
            r"\bServerSelectionTimeout",
            r"\bCommunications link failure",
        ),
    ),
    (
        LogClass.CONFIG_MISSING,
        _any(
            r"(?:environment variable|env(?:ironment)? var|\benv\b).{0,80}(?:not set|missing|required|undefined|unset|is empty)",
            r"(?:missing|required|undefined|unset|invalid|unknown|unrecognized|bad|malformed).{0,60}(?:environment variable|env var|config|configuration|setting|option|flag|argument|parameter|property)",
            r"(?:config|configuration|settings?).{0,80}(?:not found|missing|invalid|no such file|cannot be (?:read|parsed)|parse|error)",
            r"(?:failed|unable|cannot|could not) to? ?(?:load|read|parse|open|find) .{0,60}(?:config|settings|\.ya?ml|\.json|\.toml|\.ini|\.conf|\.env|\.properties|secret|credential)",
            r"\bKeyError\b",
            r"\bValidationError\b",
            r"could not resolve placeholder",
            r"yaml: line",
            r"no such file or directory",
            r"\bENOENT\b",
            r"must be set",
            r"is required but",
        ),
    ),
    (
        LogClass.COMMAND,
        _any(
            r"exec format error",
            r"executable file not found",
            r"command not found",
            r"not found in \$PATH",
            r"cannot execute",
            r"cannot find module",
            r"ModuleNotFoundError",
            r"ClassNotFoundException",
            r"NoClassDefFoundError",
            r"error while loading shared libraries",
            r"symbol lookup error",
            r"\bImportError\b",
        ),
    ),
    (
        LogClass.PORT_IN_USE,
        _any(r"address already in use", r"\bEADDRINUSE\b", r"port .{0,20}(?:is )?already (?:in use|allocated)"),
    ),
    (
        LogClass.DATA_CORRUPT,
        _any(
            r"\bcorrupt",
            r"checksum mismatch",
            r"invalid page",
            r"\bpanic: .{0,40}(?:wal|snapshot|index)\b",
            r"read-only file system",
            r"input/output error",
            r"\bEROFS\b",
            r"\bEIO\b",
        ),
    ),
    (
        LogClass.LOCK,
        _any(
            r"lock(?:file)?.{0,60}(?:held|exists|in use|already|timeout|acquire)",
            r"(?:acquire|obtain|get).{0,40}lock\b",
            r"another (?:instance|process) is",
        ),
    ),
    (LogClass.SEGFAULT, _any(r"segmentation fault", r"\bsegfault\b", r"\bSIGSEGV\b", r"core dumped")),
    (
        LogClass.PANIC,
        _any(
            r"\bpanic:",
            r"\bpanicked at\b",
            r"fatal error: ",
            r"unhandled (?:exception|rejection)",
            r"uncaught exception",
            r"traceback \(most recent call last\)",
            r"\bassertion\b.{0,40}failed",
            r"\bSIGABRT\b",
        ),
    ),
)

_NOT_MIGRATING = _any(
    r"(?:no|0|without) (?:pending |new )?migrations?",
    r"migrations? (?:are |is )?(?:up[ -]to[ -]date|complete|completed|finished|done|not needed|skipped|disabled)",
    r"nothing to migrate",
    r"already up[ -]to[ -]date",
    r"skipping migrations?",
)
_MIGRATION = _CLASSES[0][1]

_ADDRESS = (
    re.compile(r"(?:tcp|udp)[ :/]{1,4}\[?([A-Za-z0-9][A-Za-z0-9.-]{0,252})\]?:([0-9]{2,5})\b"),
    re.compile(r"(?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ECONNRESET) ([A-Za-z0-9][A-Za-z0-9.-]{0,252}):([0-9]{2,5})\b"),
    re.compile(
        r"(?:@|//|\bto |\bat |\bhost |\baddress |\bserver |=|'|\")([A-Za-z0-9][A-Za-z0-9.-]{0,252}):([0-9]{2,5})\b"
    ),
    re.compile(r"\b([A-Za-z][A-Za-z0-9.-]{0,252}|(?:[0-9]{1,3}\.){3}[0-9]{1,3}):([0-9]{2,5})\b"),
)
_LOOKUP = re.compile(
    r"(?:lookup|ENOTFOUND|EAI_AGAIN|getaddrinfo|resolve(?: host(?:name)?)?|UnknownHostException:?) [\"']?([A-Za-z][A-Za-z0-9.-]{0,252})"
)
_HOST_WORD = re.compile(
    r"(?:host(?:name)?|server)[ =:]{1,3}[\"']?([A-Za-z][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9.-]{1,190})?)"
)
_PORT_WORD = re.compile(r"\bport[ =:\"']{1,3}([0-9]{2,5})\b", re.IGNORECASE)


def log_signature(tail: object) -> LogReading:
    """The classes of a log's last 64 KiB, and whom it could not reach. Linear in the text; never raises."""
    said = fields.text(tail, TAIL_CHARACTERS)
    if not said.strip():
        return LogReading()
    lines = [line[:2000] for line in said.splitlines() if line.strip()][-200:]
    found = {kind for kind, pattern in _CLASSES if any(pattern.search(line) for line in lines)}
    if LogClass.MIGRATION in found and not _migrating(lines):
        found.discard(LogClass.MIGRATION)
    host, port = _dependency(lines) if LogClass.DEPENDENCY in found else ("", 0)
    ordered = tuple(kind for kind, _ in _CLASSES if kind in found)
    return LogReading(lines=len(lines), classes=ordered, host=host, port=port)


def merged(*readings: LogReading) -> LogReading:
    """What several tails say together (the previous run's log and the termination message)."""
    classes = {kind for reading in readings for kind in reading.classes}
    named = next((reading for reading in readings if reading.host or reading.port), LogReading())
    return LogReading(
        lines=sum(reading.lines for reading in readings),
        classes=tuple(kind for kind, _ in _CLASSES if kind in classes),
        host=named.host,
        port=named.port,
    )


def _migrating(lines: list[str]) -> bool:
    """Whether the last line that speaks of a migration leaves it open."""
    spoken = [line for line in lines if _MIGRATION.search(line)]
    return bool(spoken) and not _NOT_MIGRATING.search(spoken[-1])


def _dependency(lines: list[str]) -> tuple[str, int]:
    dependency = dict(_CLASSES)[LogClass.DEPENDENCY]
    spoken = [line for line in reversed(lines) if dependency.search(line)]
    for pattern in _ADDRESS:
        for line in spoken:
            for host, port in pattern.findall(line):
                if _is_host(host) and 0 < int(port) < 65536:
                    return host.lower(), int(port)
    for pattern in (_LOOKUP, _HOST_WORD):
        for line in spoken:
            match = pattern.search(line)
            if match and _is_host(match.group(1)):
                return match.group(1).lower().rstrip("."), _port(lines)
    return "", _port(spoken)


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
    }
)
