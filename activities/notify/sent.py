"""What was delivered by which channel, in a file that outlives the process: so that a retry repeats nothing.

No chat and no mail server takes a key by which it would know a message again. So a line is written here, and synced to the disk,
once a channel has taken a notice. A process that is killed between the two repeats that one message after its start; a file that is
lost makes each open incident begin a new thread. A disk that is full or broken keeps nobody from being told, and nothing makes it
repeat a notice: this process remembers by itself then. Comes before `remembered.py`, which waits for no disk that hangs; beside the
file of notices, on the same volume.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

MOST_HELD = 10_000
"""Deliveries that a process remembers while the disk takes none."""

logger = logging.getLogger("byteport.notify")


@dataclass
class _Known:
    delivered: set[tuple[str, str]] = field(default_factory=set)
    first: dict[tuple[str, str], str] = field(default_factory=dict)


class Sent:
    """Keyed by channel and notice; read on by each process that shares the file. `has`, `first` and `flush` block for a disk's
    time, however long that is; the others ask nothing of it and wait for nobody."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._known = _Known()
        self._read_to = 0
        self._held: dict[tuple[str, str], tuple[str, str]] = {}
        """What the disk has not taken: of a channel and a notice the incident and its `ref`."""
        self._one_at_a_time = threading.Lock()  # each channel asks in a thread of its own

    def has(self, channel: str, key: str) -> bool:
        """Whether that channel has taken the notice, as far as the disk and this process know."""
        with self._one_at_a_time:
            self._look()
            return self.recalls(channel, key)

    def recalls(self, channel: str, key: str) -> bool:
        """The same, as far as this process knows."""
        return (channel, key) in self._known.delivered or (channel, key) in self._held

    def first(self, channel: str, incident_id: str) -> str:
        """What that channel calls the first message of the incident; empty where there is none."""
        with self._one_at_a_time:
            self._look()
            return self.recalled_first(channel, incident_id)

    def recalled_first(self, channel: str, incident_id: str) -> str:
        """The same, as far as this process knows."""
        held = (
            ref for (by, _), (about, ref) in list(self._held.items()) if (by, about) == (channel, incident_id) and ref
        )
        return self._known.first.get((channel, incident_id), "") or next(held, "")

    def hold(self, channel: str, key: str, incident_id: str, ref: str) -> None:
        """Remember here, until `flush` has brought it to the disk."""
        self._held[(channel, key)] = (incident_id, ref)
        if len(self._held) > MOST_HELD:
            del self._held[next(iter(self._held))]

    def flush(self) -> None:
        """Write to the disk all that it has not taken before; what it does not take now stays held."""
        with self._one_at_a_time:
            held = list(self._held.items())
            if not held:
                return
            try:
                self._append([json.dumps([*name, *of], ensure_ascii=True) for name, of in held])
            except OSError as error:
                self._warn(error)
                return
            for name, _ in held:
                self._held.pop(name, None)

    def write(self, channel: str, key: str, incident_id: str, ref: str) -> None:
        """Both."""
        self.hold(channel, key, incident_id, ref)
        self.flush()

    def _append(self, lines: list[str]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self._catch_up(file)
            torn = file.seek(0, os.SEEK_END) > self._read_to
            file.write((b"\n" if torn else b"") + "".join(f"{line}\n" for line in lines).encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
            self._catch_up(file)

    def _look(self) -> None:
        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                self._catch_up(file)
        except FileNotFoundError:
            self._known, self._read_to = _Known(), 0
        except OSError as error:
            self._warn(error)

    def _catch_up(self, file: BinaryIO) -> None:
        """Learn what was written since the last look; a torn last line (a crash) is left out."""
        if file.seek(0, os.SEEK_END) < self._read_to:
            self._known, self._read_to = _Known(), 0
        file.seek(self._read_to)
        for line in file:
            if not line.endswith(b"\n"):
                break
            self._read_to += len(line)
            self._learn(line)

    def _learn(self, line: bytes) -> None:
        try:
            channel, key, incident_id, ref = (str(part) for part in json.loads(line))
        except (ValueError, TypeError, RecursionError):
            if line.strip():
                logger.warning("%s has a line that tells of no delivery", self.path)
            return
        self._known.delivered.add((channel, key))
        if ref:
            self._known.first.setdefault((channel, incident_id), ref)

    def _warn(self, error: OSError) -> None:
        why = error.strerror or "cannot be used"
        logger.warning("%s: %s; what has been told is remembered by this process alone", self.path, why)
