"""One file of lines that only grows: what it holds already, what is appended to it, and that it is on the disk.

Before it comes `target.py`, after it `file.py`, which knows the hours. A line that a crash has torn was never confirmed to
anybody, so it is cut off before anything is written behind it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODE, FOLDER_MODE = 0o600, 0o700
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Held:
    """What a file holds: `next` is the number behind its last record's, or None where it holds none."""

    size: int
    next: int | None
    last_line: bytes


EMPTY = Held(0, None, b"")


def held(path: Path) -> Held:
    """Whole lines only. Raises `OSError`; a file that is not there holds nothing."""
    try:
        found = EMPTY
        for line, following in _numbered(path):
            found = Held(found.size + len(line) + 1, following, line)
        return found
    except FileNotFoundError:
        return EMPTY


def records(path: Path, first: int, last: int) -> dict[int, bytes]:
    """Whole lines of records `first` to `last`, without their newlines, the last of each number. Raises `OSError`."""
    found: dict[int, bytes] = {}
    for line, following in _numbered(path):
        if following is not None and first < following <= last + 1:
            found[following - 1] = line
    return found


def append(path: Path, lines: Sequence[bytes], before: Held) -> int:
    """Write `lines` behind what `before` says that there is, on the disk when this returns. Returns the new size.

    Raises `OSError`, with the file as it was where that can still be done.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        os.fchmod(descriptor, MODE)
        os.ftruncate(descriptor, before.size)
        os.lseek(descriptor, before.size, os.SEEK_SET)
        try:
            _write(descriptor, b"".join(line + b"\n" for line in lines))
            os.fsync(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, before.size)
            raise
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes) -> None:
    """The whole file anew, or as it was. Raises `OSError`."""
    beside = path.with_name(f".{path.name}.new")
    append(beside, data.removesuffix(b"\n").split(b"\n"), EMPTY)
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Names in it are on the disk when this returns."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else of ours writes in `folder`, in this process or another. Makes the folder."""
    for one in (folder.parent, folder):  # `parents` would make them readable by everybody
        one.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _numbered(path: Path) -> Iterator[tuple[bytes, int | None]]:
    """Each whole line, and the number behind the record in it, or the last one before a checkpoint."""
    following: int | None = None
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                return
            following = _behind(line[:-1], following)
            yield line[:-1], following


def _behind(line: bytes, following: int | None) -> int | None:
    """The number of the record behind this line; a checkpoint is none, a damaged record counts by its place."""
    try:
        told = json.loads(line)
        if isinstance(told, dict) and "sealed" not in told and "checkpoint" in told:
            return following
        seq = told["seq"]
    except (ValueError, KeyError, TypeError, RecursionError):
        seq = None
    if isinstance(seq, int) and not isinstance(seq, bool):
        return seq + 1
    return None if following is None else following + 1


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left[:_CHUNK]) :]
