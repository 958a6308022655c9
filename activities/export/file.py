"""A folder of NDJSON files, one for each hour of each chain, for something outside of the cluster to collect.

    FOLDER/acme/5a0f2b7e-…/2026-03-10T09.ndjson         an hour that is over: nothing is written to it any more
    FOLDER/acme/5a0f2b7e-…/2026-03-10T10.ndjson.open    the hour that the log is in
    FOLDER/acme/5a0f2b7e-…/checkpoints.ndjson           the signed heads
    FOLDER/verify_byteport_log.py                       checks all that with nothing but Python

Comes after `ndjson.py` and `same.py`. A record counts as shipped once it is on the disk. What a file holds already is seen by
the records' numbers, and read and compared, so that the same batch again is written once, and another is not taken for it.
"""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from itertools import groupby
from pathlib import Path

from activities.export import ndjson
from activities.export.ndjson import Held
from activities.export.same import Occupied, is_held
from activities.export.target import Batch, Line, Shipped, checkpoint_line, lines_of
from byteport.contracts.stream_receivers import FileConfig
from byteport.errors import BytePortError, ConfigError, NotPermitted, Unavailable

FOLDER = "audit.export.file.folder"
CLOSED, OPEN = ".ndjson", ".ndjson.open"
CHECKPOINTS = "checkpoints.ndjson"
VERIFIER = "verify_byteport_log.py"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ELOOP, errno.EISDIR, errno.EEXIST})
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_HOUR = re.compile(r"\d{4}-\d\d-\d\dT\d\d")
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)


class Files:
    """Writes below one folder."""

    name = "file"

    def __init__(self, config: FileConfig) -> None:
        """Raises `ConfigError` for a setting that is missing."""
        if config.folder is None:
            raise ConfigError(FOLDER, "must be set where audit.export.target names file")
        self._folder = config.folder
        self._seen: dict[Path, Held] = {}
        """What was found in files that are written to; whoever else touched one has changed its size."""

    async def close(self) -> None:
        """No file is open between two batches."""

    async def ship(self, batch: Batch) -> Shipped:
        lines = lines_of(batch)
        try:
            await asyncio.to_thread(self._write, batch, lines)
        except OSError as error:
            raise _error(self._folder, error) from None
        return Shipped(batch.last, checkpoint=batch.checkpoint is not None)

    def _write(self, batch: Batch, lines: Sequence[Line]) -> None:
        folder = self._folder / _plain(batch.chain.tenant) / _plain(batch.chain.cluster_uid)
        with ndjson.locked(folder):
            self._bring_verifier()
            for hour, group in groupby(_with_hours(lines, folder), key=lambda one: one[0]):
                self._append(folder, hour, [line for _, line in group])
            self._close_all_but_the_newest(folder)
            if batch.checkpoint is not None:
                self._append_checkpoint(folder / CHECKPOINTS, checkpoint_line(batch.checkpoint))
            ndjson.sync_folder(folder)

    def _append(self, folder: Path, hour: str, lines: Sequence[Line]) -> None:
        now_open, closed = folder / f"{hour}{OPEN}", folder / f"{hour}{CLOSED}"
        if closed.exists() and not now_open.exists():
            if not self._missing(closed, ndjson.held(closed), lines):
                return
            closed.rename(now_open)
        before = self._held(now_open)
        if before.next is None:
            self._check_the_hour_before(folder, hour, lines)
        new = self._missing(now_open, before, lines)
        if new:
            size = ndjson.append(now_open, [line.text for line in new], before)
            self._seen[now_open] = Held(size, new[-1].seq + 1, new[-1].text)

    def _missing(self, path: Path, held: Held, lines: Sequence[Line]) -> list[Line]:
        """What the file does not hold. Raises `Occupied` where it holds something else under these numbers."""
        new = [line for line in lines if held.next is None or line.seq >= held.next]
        old = lines[: len(lines) - len(new)]
        there = ndjson.records(path, old[0].seq, old[-1].seq) if old else {}
        if not all(line.seq in there and is_held(there[line.seq], line.text) for line in old):
            raise Occupied(str(path.relative_to(self._folder)))
        return new

    def _check_the_hour_before(self, folder: Path, hour: str, lines: Sequence[Line]) -> None:
        """An hour that is later than all that lie here begins behind them; a log that was restored would begin in them."""
        known = [*_hours(folder, CLOSED), *_hours(folder, OPEN)]
        if not known or any(hour <= path.name.partition(".")[0] for path in known):
            return
        newest = max(known, key=lambda path: path.name)
        if (ndjson.held(newest).next or 0) > lines[0].seq:
            raise Occupied(str(newest.relative_to(self._folder)))

    def _append_checkpoint(self, path: Path, line: bytes) -> None:
        before = ndjson.held(path)
        if before.last_line != line:
            ndjson.append(path, [line], before)

    def _held(self, path: Path) -> Held:
        seen = self._seen.get(path)
        if seen is not None and path.exists() and path.stat().st_size == seen.size:
            return seen
        return ndjson.held(path)

    def _close_all_but_the_newest(self, folder: Path) -> None:
        for path in _hours(folder, OPEN)[:-1]:
            path.rename(path.with_name(path.name.removesuffix(OPEN) + CLOSED))
            self._seen.pop(path, None)

    def _bring_verifier(self) -> None:
        program = (files("byteport.audit") / "independent.py").read_bytes()
        path = self._folder / VERIFIER
        if not path.is_file() or path.read_bytes() != program:
            ndjson.replace(path, program)


def _with_hours(lines: Sequence[Line], folder: Path) -> Iterator[tuple[str, Line]]:
    """Each line with its record's hour; one that does not say lies where the one before it lies."""
    known = _hours(folder, OPEN) or _hours(folder, CLOSED)
    hour = known[-1].name.partition(".")[0] if known else _named(_BEFORE_ALL)
    for line in lines:
        if line.at is not None:
            hour = _named(line.at)
        yield hour, line


def _hours(folder: Path, ending: str) -> list[Path]:
    found = [path for path in folder.iterdir() if path.name.endswith(ending)]
    return sorted(path for path in found if _HOUR.fullmatch(path.name.removesuffix(ending)))


def _named(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H}"


def _plain(name: str) -> str:
    if not _PLAIN.fullmatch(name):
        raise NotPermitted("file: the chain's tenant or cluster has no name that a folder could have")
    return name


def _error(folder: Path, error: OSError) -> BytePortError:
    if error.errno in _FULL:
        return Unavailable(f"file: {folder} is full; make room, or name another in {FOLDER}")
    if error.errno in _REFUSED:
        return ConfigError(FOLDER, f"{folder} cannot be written to ({error.strerror})")
    return Unavailable(f"file: {folder} cannot be written ({error.strerror or type(error).__name__})")
