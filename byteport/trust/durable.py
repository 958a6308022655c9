"""A small file that is replaced whole, and is on the disk before anybody relies on it.

For keys, and for states that must never go back: that of the signer of the log (`activities/signer/state.py`) and that of
a witness (`byteport/witness/states.py`). Whoever is killed in the middle leaves the old content or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from byteport.errors import ConfigError, Unavailable

LARGEST = 1 << 20
AGAIN_SECONDS = 0.02
"""Between two tries for a lock."""


def replace(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` in the place of what `path` holds, durably: file and folder are synced when this returns.

    Raises `Unavailable` when the disk does not take it; then the old content stands.
    """
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror or 'unknown error'}") from error


def read(path: Path) -> bytes | None:
    """What `path` holds; None when there is no such file. Raises `Unavailable` when it is there and cannot be read."""
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unavailable(f"{path} is not a regular file")
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror or 'unknown error'}") from error
    if len(data) > LARGEST:
        raise Unavailable(f"{path} is larger than {LARGEST} bytes")
    return data


@contextlib.contextmanager
def alone(path: Path, setting: str, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """While inside, nobody else is inside for the same `path`, in this process or another; a killed one lets go.

    Raises `ConfigError` naming `setting` where no lock can be had, or when somebody else is inside and nobody waits;
    `Unavailable` when the wait was in vain. There is none without an end: it would hold up its thread for good.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigError(setting, f"{path}: {error.strerror or 'cannot be used'}") from None
    try:
        if not _locked(descriptor, wait_seconds):
            if wait_seconds:
                raise Unavailable(f"{path} was held by somebody else for {wait_seconds:g} s")
            raise ConfigError(setting, f"{path} is in use by another process")
        yield
    finally:
        os.close(descriptor)


def _locked(descriptor: int, wait_seconds: float) -> bool:
    end = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(AGAIN_SECONDS)
        else:
            return True


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
