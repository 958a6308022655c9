"""One file out of a folder that a kubelet writes, and no way out of that folder.

A kubelet swaps all files of a volume at once: each name is a link to `..data/name`, and `..data` is a link to a folder that it
replaces as a whole. Exactly such links are followed, one component at a time and from an open folder, so that neither a link
nor a swap in the middle leads anywhere else. Comes after `tmpfs.py` and before `k8s.py`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from activities.secrets.tmpfs import on_tmpfs

MOST_LINKS = 8
TRIES = 100
"""So often a file is looked for anew that a swap has taken away in the middle."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_SWAPPED = frozenset({errno.ENOENT, errno.ESTALE})


class Unsafe(Exception):
    """A file that is not read, in words of ours alone."""


def read_projected(root: Path, parts: list[str], largest: int) -> bytes:
    """The file at `parts` below `root` as it is now, at most `largest` + 1 bytes of it. Blocks.

    Raises `FileNotFoundError` where there is none, `Unsafe`, and `OSError`.
    """
    for left in reversed(range(TRIES)):
        try:
            return _read(root, parts, largest)
        except OSError as error:
            if error.errno not in _SWAPPED or not left:
                raise
    raise AssertionError("the last try returns or raises")


def _read(root: Path, parts: list[str], largest: int) -> bytes:
    with _opened(os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as top:
        folders = [top]
        with _closing(folders):
            descriptor = _walk(folders, parts)
        with _opened(descriptor) as file:
            _check(os.fstat(file))
            return os.read(file, largest + 1)


def _walk(folders: list[int], parts: list[str]) -> int:
    """The open file; every folder on the way is put on `folders`, whose last one is where we are."""
    left, links = list(parts), 0
    while left:
        part = left.pop(0)
        if part in ("", ".", "..") or "/" in part:
            raise Unsafe("a link leads out of the folder")
        target = _link(folders[-1], part)
        if target is not None:
            links += 1
            if links > MOST_LINKS or target.startswith("/"):
                raise Unsafe("a link leads out of the folder, or to another without end")
            left = target.rstrip("/").split("/") + left
            continue
        if left:
            folders.append(_open(part, _FOLDER, folders[-1]))
        else:
            return _open(part, _FILE, folders[-1])
    raise Unsafe("names no file")


def _open(part: str, how: int, folder: int) -> int:
    try:
        return os.open(part, how, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:  # it has become a link since it was looked at
            raise FileNotFoundError(errno.ENOENT, "swapped") from None
        raise


def _link(folder: int, part: str) -> str | None:
    try:
        return os.readlink(part, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return None
        raise


def _check(found: os.stat_result) -> None:
    """On a tmpfs only this pod reads it; anywhere else it must be closed to others, and nobody but its owner may write it."""
    if not stat.S_ISREG(found.st_mode):
        raise Unsafe("is no file")
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Unsafe("others than its owner may write it")
    if on_tmpfs(found):
        return
    if found.st_mode & stat.S_IRWXO:
        raise Unsafe("lies on a disk, and others may read it; mount it from memory, or run: chmod o= on it")
    if found.st_uid not in (0, os.geteuid()):
        raise Unsafe("lies on a disk, and belongs to somebody else")


@contextmanager
def _opened(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _closing(folders: list[int]) -> Iterator[None]:
    """All but the first, which is its opener's."""
    try:
        yield
    finally:
        for descriptor in folders[1:]:
            os.close(descriptor)
