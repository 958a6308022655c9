"""The channel of the sandbox and of an installation without a pager: a file of JSON lines, and the process's own log.

The file is for programs (one object a line, `how_to_answer` included), the log line for a person who watches the
terminal. Names and numbers in a notice come from a cluster, so both are escaped: nothing in them can start a new line
or speak to a terminal.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections import deque
from functools import partial
from pathlib import Path
from typing import BinaryIO

from activities.notify.markdown import as_markdown
from activities.notify.volume import Volume
from byteport.contracts.people import Notice
from byteport.errors import Unavailable

LONGEST_FIELD = 300
MOST_LATELY = 1000
"""Notices that the process's own log remembers to have written."""

logger = logging.getLogger("byteport.notify")


class FileChannel:
    """Appends each notice once, keyed by `Notice.key`, also across restarts and between processes on one file."""

    name = "file"

    def __init__(self, path: Path) -> None:
        self._path = path
        self._delivered: set[str] = set()
        self._read_to = 0
        self._volume = Volume()

    async def deliver(self, notice: Notice) -> None:
        try:
            await self._volume.ask(partial(self._append, notice))
        except OSError as error:
            raise Unavailable(f"{self._path}: {error.strerror or 'cannot be written'}") from error

    def _append(self, notice: Notice) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._catch_up(file)
            if notice.key in self._delivered:
                return
            end = file.seek(0, os.SEEK_END)
            torn = end > 0 and not self._ends_with_newline(file, end)
            plain = notice.model_dump(mode="json") | {"markdown": as_markdown(notice)}
            line = json.dumps(plain, sort_keys=True, ensure_ascii=True)
            file.write((b"\n" if torn else b"") + line.encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
            self._catch_up(file)

    def _catch_up(self, file: BinaryIO) -> None:
        """Learn the keys of lines written since the last look; a torn last line (a crash) delivered nothing."""
        if file.seek(0, os.SEEK_END) < self._read_to:
            self._read_to = 0
            self._delivered.clear()
        file.seek(self._read_to)
        for line in file:
            if not line.endswith(b"\n"):
                break
            self._read_to += len(line)
            try:
                self._delivered.add(json.loads(line)["key"])
            except (ValueError, KeyError, TypeError, RecursionError):
                logger.warning("%s has a line that is no notice", self._path)

    @staticmethod
    def _ends_with_newline(file: BinaryIO, end: int) -> bool:
        file.seek(end - 1)
        return file.read(1) == b"\n"


class LogChannel:
    """One line in the process's log: what, where, why, and the command that answers. Once, though others are tried again."""

    name = "log"

    def __init__(self) -> None:
        self._lately: deque[tuple[str, int]] = deque(maxlen=MOST_LATELY)

    async def deliver(self, notice: Notice) -> None:
        if (notice.key, notice.rung) in self._lately:
            return
        self._lately.append((notice.key, notice.rung))
        logger.log(logging.WARNING if notice.rung else logging.INFO, "%s", log_line(notice))


def log_line(notice: Notice) -> str:
    """The notice on one line, each field printable and at most `LONGEST_FIELD` long, but for the answering command."""
    rung = "notice" if notice.rung == 0 else f"page {notice.rung}"
    why = ", ".join(reason.value for reason in notice.reasons)
    parts = [
        f"[{rung}] {printable(notice.title)}",
        f"{printable(notice.cluster)}/{printable(notice.target)}",
        *((printable(notice.symptom),) if notice.symptom else ()),
        *((f"since {notice.since:%Y-%m-%dT%H:%M:%SZ}",) if notice.since else ()),
        f"cause {printable(notice.cause)}" + (f" ({why})" if why else ""),
        *(printable(item) for item in (*notice.evidence, *notice.tried)),
    ]
    if notice.command:
        parts.append(f"plan: {printable(notice.command)}")
    if notice.inverse_command:
        parts.append(f"to undo it: {printable(notice.inverse_command)}")
    if notice.how_to_answer:
        parts.append(f"answer with: {printable(notice.how_to_answer, longest=2000)}")
    return " | ".join(parts)


def printable(text: str, longest: int = LONGEST_FIELD) -> str:
    """`text` with each control, bidirectional or otherwise unprintable character escaped, cut to `longest`."""
    escaped = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text[:longest]
    )
    return escaped if len(text) <= longest else escaped + "…"
