"""Postmortems as files: one of Markdown per incident, whole or not there, and never written over.

Comes after `filing.py`. A retry, a restart and another process on the same folder find the file that is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

from byteport.contracts.postmortems import Filed
from byteport.domain.postmortem_text import as_markdown
from byteport.domain.postmortems import Postmortem
from byteport.errors import Unavailable

READABLE = 0o640


class Folder:
    """One folder, made when it is missing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def file(self, told: Postmortem) -> Filed:
        """Raises `Unavailable` when the disk does not take it."""
        try:
            where = await asyncio.to_thread(self._write, told)
        except OSError as error:
            raise Unavailable(f"postmortem.folder: {error.strerror or 'cannot be written'}") from error
        return Filed(url=where.as_uri())

    def _write(self, told: Postmortem) -> Path:
        """A link of a name that is taken fails, so that of two who write at once the first one's stays."""
        where = self._path / f"{told.incident_id}.md"
        if where.exists():
            return where
        self._path.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=self._path)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(as_markdown(told).encode("utf-8"))
                file.flush()
                os.fchmod(file.fileno(), READABLE)
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(name, where)
        finally:
            Path(name).unlink()
        self._sync()
        return where

    def _sync(self) -> None:
        """The folder's own entry reaches the disk too."""
        folder = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
