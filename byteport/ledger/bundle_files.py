"""Where a bundle is written: a folder, an archive, or one file of lines. Whole or not at all, over nothing that is there.

Comes before `bundling`, which says what is written.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Protocol

from byteport.errors import MalformedInput, Unavailable

RECORDS = "log.ndjson"
ARCHIVE, LINES = ".zip", ".ndjson"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every file in an archive: what is in it says when things were."""


class Container(Protocol):
    """What takes the files of a bundle, one after the other."""

    holds_files: bool
    """Whether it holds anything but the records."""

    def file(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """A new file, to be written now."""

    def text(self, name: str, text: str) -> None:
        """A small one."""


@contextmanager
def new_container(path: Path) -> Iterator[Container]:
    """By the ending of `path`: `.zip`, `.ndjson`, or a folder. What was written inside is put there in one step at the end.

    Raises `MalformedInput` where something is there already, and `Unavailable` where it cannot be written.
    """
    if os.path.lexists(path):
        raise _taken(path)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.absolute().parent) as folder:
            part = Path(folder) / "part"
            with _container(part, path) as container:
                yield container
            _put_in_place(part, path)
    except OSError as error:
        raise Unavailable(f"{path}: {error.strerror or 'cannot be written'}") from None


class _Folder:
    """Files for their owner only."""

    holds_files = True

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(mode=0o700)

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        with _private(self._path / name) as out:
            yield out

    def text(self, name: str, text: str) -> None:
        with self.file(name) as out:
            out.write(text.encode("utf-8"))


class _Archive:
    """The same in one file."""

    holds_files = True

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        self._archive = archive
        self._folder = folder

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        about = zipfile.ZipInfo(f"{self._folder}/{name}", _EPOCH)
        about.compress_type = zipfile.ZIP_DEFLATED
        about.external_attr = 0o600 << 16
        with self._archive.open(about, "w", force_zip64=True) as out:
            yield out

    def text(self, name: str, text: str) -> None:
        with self.file(name) as out:
            out.write(text.encode("utf-8"))


class _Lines:
    """The records and the checkpoint alone, which are lines of one file."""

    holds_files = False

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        assert name == RECORDS
        with _private(self._path) as out:
            yield out

    def text(self, name: str, text: str) -> None:
        del name, text


@contextmanager
def _container(part: Path, path: Path) -> Iterator[Container]:
    if path.suffix == ARCHIVE:
        with _private(part) as out, zipfile.ZipFile(out, "w") as archive:
            yield _Archive(archive, path.stem)
    else:
        yield _Lines(part) if path.suffix == LINES else _Folder(part)


@contextmanager
def _private(path: Path) -> Iterator[IO[bytes]]:
    """A new file with mode 0600, on the disk when it is closed."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as out:
        yield out
        out.flush()
        os.fsync(out.fileno())


def _put_in_place(part: Path, path: Path) -> None:
    """In one step, and over nothing that has come there meanwhile."""
    try:
        if part.is_dir():
            path.mkdir(mode=0o700)  # a folder can be put over an empty one alone, and this one is ours
            part.rename(path)
        else:
            os.link(part, path)
    except FileExistsError:
        raise _taken(path) from None


def _taken(path: Path) -> MalformedInput:
    return MalformedInput("--to", f"{path} is there already, and nothing is written over")
