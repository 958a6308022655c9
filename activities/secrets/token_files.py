"""Files by which we show a backend who we are: read at each login, so that one that was renewed counts at once.

A token in a file that others may read is everybody's; it is refused, unless it lies on a tmpfs, where whoever could read it
is in this very pod. Comes after `tmpfs.py` and before the backends.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from activities.secrets.tmpfs import on_tmpfs
from byteport.errors import ConfigError

LARGEST_TOKEN = 16 << 10
_ONE_LINE = re.compile(r"[!-~]+")


def token_of(path: Path | None, setting: str) -> str:
    """The one word in the file. Raises `ConfigError` naming `setting` where there is none, or others may read it. Blocks."""
    if path is None:
        raise ConfigError(setting, "must be set")
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(setting, f"{path}: {error.strerror or 'cannot be read'}") from None
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ConfigError(setting, f"{path}: is no file")
        if found.st_mode & stat.S_IRWXO and not on_tmpfs(found):
            raise ConfigError(setting, f"{path}: others may read it; run: chmod o= {path}")
        text = os.read(descriptor, LARGEST_TOKEN + 1)
    except OSError as error:
        raise ConfigError(setting, f"{path}: {error.strerror or 'cannot be read'}") from None
    finally:
        os.close(descriptor)
    word = text.decode("ascii", "replace").strip()
    if len(text) > LARGEST_TOKEN or not _ONE_LINE.fullmatch(word):
        raise ConfigError(setting, f"{path}: does not hold one token, on one line")
    return word
