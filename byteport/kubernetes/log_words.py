"""The words by which a log speaks of a cause, in the order of the causes' weight. Data for `logs.py`.

Wide on purpose: a class argues for leaving things alone, so a word too many costs an act that a person then takes, a
word too few costs a wrong one. Every pattern is linear; each is tried on single lines of bounded length.
"""

from __future__ import annotations

import re
from enum import StrEnum


class LogClass(StrEnum):
    """What a log tail speaks of. Several may hold; the order is that of weight."""

    MIGRATION = "migration"
    MIGRATED = "migrated"
    """One was carried out: older code may not read what it left. Nothing to hold against a pod; much against going back."""
    NODE_EXHAUSTED = "node_exhausted"
    """Processes, threads or watches. Goes first: a node without watches says *no space left on device* too."""
    NO_SPACE = "no_space"
    HARDWARE = "hardware"
    """A device, a disk that became read-only, a clock: the node's, not the program's."""
    OUT_OF_MEMORY = "out_of_memory"
    CERTIFICATE = "certificate"
    FORBIDDEN = "forbidden"
    DEPENDENCY = "dependency"
    CONFIG_MISSING = "config_missing"
    COMMAND = "command"
    PORT_IN_USE = "port_in_use"
    POISON = "poison"
    """One message, record or job that the program dies of: whoever gets it next dies too."""
    DATA_CORRUPT = "data_corrupt"
    WORKING = "working"
    """Busy with something long that it reports on: a replay, a rebuild, a restore."""
    LOCK = "lock"
    """Somebody else holds what it needs: a leader, a database lock."""
    STALE_FILE = "stale_file"
    """A lock or pid file of its former self."""
    SEGFAULT = "segfault"
    FAULT = "fault"
    """A bug's own words: a nil pointer, an index, a race. A stack trace alone is only how an error is told."""
    PANIC = "panic"


def _any(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


WORDS: tuple[tuple[LogClass, re.Pattern[str]], ...] = (
    (
        LogClass.MIGRATION,
        _any(
            r"\bmigrat(?:ion|ions|ing|e|ed)\b", r"\balembic\b", r"\bflyway\b", r"\bliquibase\b",
            r"schema (?:change|update|upgrade|version|mismatch)", r"\bALTER TABLE\b",
            r"(?:relation|table|column) .{0,80}does not exist", r"no such (?:table|column)", r"unknown column",
        ),
    ),
    (
        LogClass.MIGRATED,
        _any(
            r"\A(?!.*\b(?:no|0|not|without|nothing|skip\w*|disabled)\b)(?!.*up[ -]to[ -]date).*(?:\bmigrated\b|(?:applied|ran|executed|performed|completed|success\w*|finished) .{0,40}\bmigrations?\b|\bmigrations? .{0,30}(?:complete|finished|done|applied|success))",
        ),
    ),
    (
        LogClass.NODE_EXHAUSTED,
        _any(
            r"resource temporarily unavailable", r"pthread_create", r"\bEAGAIN\b", r"too many open files in system",
            r"unable to create (?:new )?native thread", r"can't start new thread",
            r"\binotify\b", r"\bfsnotify\b", r"file watchers", r"\bEMFILE\b.{0,60}\bwatch",
        ),
    ),
    (
        LogClass.NO_SPACE,
        _any(
            r"no space left on device", r"\bENOSPC\b", r"disk (?:is )?full", r"disk quota exceeded",
            r"database or disk is full",
        ),
    ),
    (
        LogClass.HARDWARE,
        _any(
            r"\bCUDA\b.{0,60}(?:error|fail|no device|not (?:found|available))", r"\bno .{0,20}(?:CUDA|GPU)s?\b", r"\bNVRM\b", r"\bXid\b", r"uncorrectable", r"\bECC error",
            r"machine check", r"read-only file ?system", r"input/output error", r"\bEROFS\b", r"\bEIO\b",
            r"clock (?:skew|drift|jump|went backwards)", r"illegal instruction", r"\bSIGBUS\b", r"bus error",
            r"cpu .{0,40}not support",
        ),
    ),
    (
        LogClass.OUT_OF_MEMORY,
        _any(
            r"outofmemory", r"out of memory", r"cannot allocate memory", r"\bENOMEM\b", r"heap limit",
            r"memory limit exceeded", r"\bMemoryError\b", r"std::bad_alloc", r"\boom[- ]?kill",
        ),
    ),
    (
        LogClass.CERTIFICATE,
        _any(
            r"x509", r"\b(?:bad|unknown|revoked) certificate", r"\btls: ", r"certificate.{0,80}(?:expired|not yet valid|verify failed|unknown authority|invalid)",
            r"\bcert(?:ificate)?_(?:has_)?expired", r"unable to get local issuer", r"PKIX path",
        ),
    ),
    (
        LogClass.FORBIDDEN,
        _any(
            r"\bforbidden\b", r"\bunauthori[sz]ed\b", r"\b(?:status|statuscode|http|code)[ =:\"']{0,3}40[13]\b",
            r"\b40[13] (?:forbidden|unauthorized)", r"permission denied", r"\bEACCES\b", r"\bEPERM\b",
            r"operation not permitted", r"access ?denied", r"authentication failed", r"password authentication",
            r"invalid (?:credentials|token|api key|password|signature|licen[cs]e)", r"(?<!execution )(?<!timeout )(?<!deadline )\bexpired\b", r"login failed",
            r"not authorized", r"\bdenied\b", r"not allowed", r"\bNOAUTH\b", r"\bWRONGPASS\b", r"licen[cs]e.{0,40}(?:invalid|missing|exceeded|not found)",
        ),
    ),
    (
        LogClass.DEPENDENCY,
        _any(
            r"\bECONN(?:REFUSED|RESET|ABORTED)\b", r"\bETIMEDOUT\b", r"\bEHOSTUNREACH\b", r"\bENOTFOUND\b", r"\bEAI_AGAIN\b",
            r"connection (?:refused|reset|timed out|closed|terminated)", r"connection attempt failed",
            r"connect(?:ion)? (?:error|failed|timeout)", r"connection is not available", r"connection pool",
            r"(?:could not|cannot|can't|can not|failed to|unable to|couldn't) (?:connect|reach|resolve(?! placeholder)|establish|open connection|contact|ping)",
            r"(?:could not|cannot|failed to|unable to) obtain .{0,20}connection", r"no route to host",
            r"network is unreachable", r"host is unreachable", r"no such host", r"name or service not known",
            r"temporary failure in name resolution", r"unknown ?host", r"getaddrinfo", r"\bdial (?:tcp|udp|unix)\b",
            r"\blookup \S{1,253} on\b", r"i/o timeout", r"context deadline exceeded",
            r"waiting for .{0,60}(?:to be (?:ready|available|up)|database|postgres|mysql|redis|kafka|mongo|rabbit|broker)",
            r"\b(?:502|503|504) (?:bad gateway|service unavailable|gateway)", r"service unavailable",
            r"upstream (?:connect error|timed out|unavailable)", r"\b429\b", r"too many requests", r"rate limit",
            r"no (?:healthy upstream|brokers? available|nodes? available|servers? available|reachable servers)",
            r"\bbroker .{0,40}not available", r"\"status\" ?: ?\"DOWN\"", r"the database system is (?:starting up|shutting down)",
            r"(?:database|db|redis|postgres(?:ql)?|mysql|mongo(?:db)?|kafka|rabbitmq|broker|upstream|backend|dependency) (?:is )?(?:down|unavailable|unreachable|not (?:ready|available|reachable))",
            r"too many (?:clients|connections)", r"server has gone away", r"\bServerSelectionTimeout",
            r"\bCommunications link failure", r"\btimed out\b", r"timeout (?:expired|exceeded|reached|waiting|after|while|on|of)\b",
            r"\b(?:read|connect|request|operation|call|query|login|handshake|socket|rpc)(?:ion)? time-?out\b",
            r"(?:Timeout|Connect(?:ion)?|Unavailable|Unreachable|Network|Socket|Unresolved|UnknownHost)\w{0,20}(?:Error|Exception|Failure|Loss|Lost)",
            r"failed to open .{0,20}connection", r"\bNo(?:Brokers?|Hosts?|Nodes?|Servers?)Available",
            r"\bno .{0,30}(?:leader|primary|response)\b", r"\bquorum\b", r"unknown .{0,20}\bhost\b", r"host not found", r"connection slots",
            r"available brokers", r"network-related", r"could not be established", r"\bis sealed\b", r"\bTNS[:-]", r"\bunreachable\b",
            r"broken pipe", r"\bbad address\b", r"\bEPIPE\b", r"\bEOF\b", r"temporarily unavailable", r"\b(?:returned|responded|status(?: ?code)?)[ =:\"']{1,3}(?:with )?5\d\d\b",
        ),
    ),
    (
        LogClass.CONFIG_MISSING,
        _any(
            r"(?:environment variable|env(?:ironment)? var|\benv\b).{0,80}(?:not set|missing|required|undefined|unset|is empty)",
            r"(?:missing|required|undefined|unset|invalid|unknown|unrecognized|bad|malformed).{0,60}(?:environment variable|env var|config|configuration|setting|option|flag|argument|parameter|property)",
            r"(?:config|configuration|settings?)\b.{0,80}(?:not found|missing|invalid|no such file|cannot be (?:read|parsed)|parse|error)",
            r"(?:failed|unable|cannot|could not) (?:to )?(?:load|read|parse|open|find) .{0,60}(?:config|settings|\.ya?ml|\.json|\.toml|\.ini|\.conf|\.env|\.properties|secret|credential)",
            r"\bKeyError\b", r"\bValidationError\b", r"could not resolve placeholder", r"yaml: line", r"\[emerg\]", r"\bSyntaxError\b",
            r"\b(?:json|yaml|toml|xml)\b.{0,60}(?:pars|decod|syntax|unexpected|invalid|malformed|error)", r"unexpected .{0,60}\b(?:json|yaml|toml|xml)\b",
            r"unknown (?:field|key|directive|command|subcommand|type)\b", r"unrecogni[sz]ed (?:arguments?|options?|flags?)", r"^usage: ",
            r"no such file or directory", r"\bENOENT\b", r"must be set", r"is required but", r"provided but not defined",
        ),
    ),
    (
        LogClass.COMMAND,
        _any(
            r"exec format error", r"executable file .{0,80}not found", r"command not found", r"not found in \$PATH",
            r"cannot execute", r"cannot find module", r"ModuleNotFoundError", r"ClassNotFoundException",
            r"NoClassDefFoundError", r"error while loading shared libraries", r"symbol lookup error", r"\bImportError\b",
            r"\bGLIBC", r"cannot open shared object", r"undefined symbol",
        ),
    ),
    (
        LogClass.PORT_IN_USE,
        _any(r"address already in use", r"\bEADDRINUSE\b", r"port .{0,20}(?:is )?already (?:in use|allocated)"),
    ),
    (
        LogClass.POISON,
        _any(
            r"deseriali[sz]", r"unmarshal", r"poison", r"dead.?letter", r"\boffset \d", r"offset out of range", r"codec can't (?:de|en)code",
            r"(?:malformed|invalid|corrupt(?:ed)?|bad|unexpected|undecodable) (?:message|record|event|payload|frame|job)",
            r"(?:cannot|could not|failed to|unable to|error) (?:parse|parsing|decode|decoding|process|processing|consume|handle) (?:message|record|event|payload|job|task)",
        ),
    ),
    (LogClass.DATA_CORRUPT, _any(r"\bcorrupt", r"checksum mismatch", r"disk image is malformed", r"invalid page", r"bad magic")),
    (
        LogClass.WORKING,
        _any(
            r"\b(?:replay|restor|rebuild|reindex|index|synchroni[sz]|sync|compact|load|warm|import|backfill|resum|recover|catch)ing\b.{0,120}\b[0-9]{1,3}(?:\.[0-9]{1,3})? ?%",
            r"\b(?:replaying|rebuilding|reindexing|restoring|resyncing|re-?synchroni[sz]ing|warming up|catching up|backfilling)\b",
            r"\bprogress[:= ]",
        ),
    ),
    (
        LogClass.STALE_FILE,
        _any(r"(?:stale )?(?:lock|pid) ?file", r"\S\.(?:lock|pid)\b.{0,60}(?:exist|held|stale|running|lock)", r"(?:exist|held|stale|lock|running).{0,60}\S\.(?:lock|pid)\b"),
    ),
    (
        LogClass.LOCK,
        _any(r"\block\b.{0,60}(?:held|in use|timeout|acquire)", r"(?:acquire|obtain|get).{0,40}\block\b", r"another (?:instance|process|member|node|server)\b", r"already registered", r"not (?:the )?leader", r"leader ?election (?:lost|failed)"),
    ),
    (LogClass.SEGFAULT, _any(r"segmentation fault", r"\bsegfault\b", r"\bSIGSEGV\b", r"core dumped")),
    (
        LogClass.FAULT,
        _any(
            r"nil pointer", r"null ?pointer", r"invalid memory address", r"out of (?:range|bounds)", r"concurrent map", r"data race",
            r"double free", r"use[- ]after[- ]free", r"heap corruption", r"stack (?:overflow|smashing)", r"divi(?:de|sion) by zero",
            r"\bassert(?:ion)?\b.{0,40}fail", r"\bunwrap\(\)", r"\bnil map\b", r"panic: runtime error", r"changed size during iteration", r"ConcurrentModification",
            r"all goroutines are asleep", r"unreachable code", r"fatal error has been detected by the Java", r"\bSIGABRT\b",
        ),
    ),
    (
        LogClass.PANIC,
        _any(
            r"\bpanic:", r"\bpanicked at\b", r"fatal error: ", r"unhandled (?:exception|rejection)", r"uncaught exception",
            r"traceback \(most recent call last\)", r"\bassertion\b.{0,40}failed", r"\bSIGABRT\b",
        ),
    ),
)  # fmt: skip

MIGRATION_OVER = _any(
    r"(?:no|0|without) (?:pending |new )?migrations?",
    r"migrations? (?:are |is )?(?:up[ -]to[ -]date|complete|completed|finished|done|not needed|skipped|disabled)",
    r"nothing to migrate",
    r"already up[ -]to[ -]date",
    r"skipping migrations?",
)
"""The last line that speaks of a migration says that there is none, or that it is over."""
