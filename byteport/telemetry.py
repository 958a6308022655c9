"""How a process of ours speaks of itself: one line an event, on standard error, with nothing in it that could act.

`byteport/settings.py` composes the config; `workers/run.py` and the command line call `configure_logging` first.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from enum import StrEnum
from typing import TextIO

from pydantic import BaseModel, ConfigDict

from byteport.domain.listening import Address

LONGEST_LINE = 4000
OURS = ("byteport", "activities", "workflows", "workers", "temporalio.activity", "temporalio.workflow")
"""Loggers that speak our words; the last two are those by which acts and runs speak. What any other has to say below a
warning is somebody else's, and nobody has looked at what is in it: clients of clouds write down what they sign with."""
WORDED = ("byteport", "temporalio")
"""Packages whose exceptions say our words: those of Temporal carry what acts and runs have made of an error (`byteport/temporal/failures.py`)."""


class LogFormat(StrEnum):
    """`text` for a terminal, `json` for a collector."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class TelemetryConfig(BaseModel):
    """Logs and metrics."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    log_level: LogLevel = LogLevel.INFO
    """The least that is logged. Default: what an operator wants at rest."""
    log_format: LogFormat = LogFormat.TEXT
    """`text` or `json`. Default: a person reads it."""
    metrics_address: Address | None = None
    """`ip:port` on which Prometheus may scrape. Default: nowhere; a port is opened only when asked for."""
    health_address: Address | None = None
    """`ip:port` on which a worker answers `/livez` and `/readyz`; port 0 is any free one. Default: nowhere, as above."""


class OneLine(logging.Formatter):
    """A record on one line: control characters escaped, an exception as its class, no traceback.

    Texts in a log line may come from a cluster; nothing in them can start a new line or speak to a terminal. What an
    exception says is told where the words are ours; any other may quote whatever it met, a secret among it, so that its
    place in the code is told instead. Level debug, which is for a cluster of one's own, tells its words and its traceback.
    """

    def __init__(self, log_format: LogFormat, *, tracebacks: bool) -> None:
        super().__init__()
        self._format = log_format
        self._tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        message = printable(record.getMessage())
        if record.exc_info and record.exc_info[0] is not None:
            message += f" ({record.exc_info[0].__name__}: {self._told(record.exc_info[1])})"
            if self._tracebacks:
                message += " " + printable(self.formatException(record.exc_info).replace("\n", " | "))
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if self._format is LogFormat.JSON:
            entry = {"at": at, "level": record.levelname.lower(), "logger": record.name, "message": message}
            return json.dumps(entry, ensure_ascii=True)
        return f"{at} {record.levelname.lower():<7} {record.name}: {message}"

    def _told(self, error: BaseException | None) -> str:
        if self._tracebacks or type(error).__module__.partition(".")[0] in WORDED:
            return printable(str(error))
        return f"at {_place(error)}"


def _place(error: BaseException | None) -> str:
    """`module:line`, the innermost of ours, else the innermost."""
    passed = traceback.walk_tb(error.__traceback__ if error is not None else None)
    frames = [(str(frame.f_globals.get("__name__")), line) for frame, line in passed]
    ours = [(module, line) for module, line in frames if module.partition(".")[0] in OURS]
    module, line = (ours or frames or [("an unknown place", 0)])[-1]
    return f"{module}:{line}"


def configure_logging(config: TelemetryConfig, stream: TextIO | None = None) -> None:
    """Send every logger of this process to `stream` (default: standard error) in our form, replacing what was set.

    The level is that of our own loggers; all others say warnings and errors alone, whatever it is.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    debug = config.log_level is LogLevel.DEBUG
    level = getattr(logging, config.log_level.value.upper())
    handler.setFormatter(OneLine(config.log_format, tracebacks=debug))
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    for name in OURS:
        is_ours_alone = debug or not name.startswith("temporalio")
        logging.getLogger(name).setLevel(level if is_ours_alone else max(level, logging.WARNING))


def printable(text: str) -> str:
    """`text` with each unprintable character escaped, cut to `LONGEST_LINE` characters."""
    escaped = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text[:LONGEST_LINE]
    )
    return escaped if len(text) <= LONGEST_LINE else escaped + "…"
