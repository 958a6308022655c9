"""A pipe, or whatever else can be read once alone, copied to a file that is gone afterwards. Comes before `log_files`.

A named pipe that nobody writes to is not waited for, and what never ends is refused: there is a bound.
"""

from __future__ import annotations

import os
import select
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from byteport.cli.output import note
from byteport.errors import MalformedInput

LARGEST = 4 << 30
PATIENCE_MS = 5_000
"""For the first byte."""
_AT_ONCE = 1 << 20


@contextmanager
def readable_again(paths: Sequence[Path], option: str = "--file") -> Iterator[list[Path]]:
    """`paths`, with a file in place of each that is neither file nor folder. Raises `MalformedInput`, naming `option`."""
    with tempfile.TemporaryDirectory(prefix="byteport-") as folder:
        found = []
        for number, path in enumerate(paths):
            if path.exists() and not path.is_file() and not path.is_dir():
                note(f"{path} can be read once: it is copied to a file that is deleted at the end")
                copied = Path(folder) / f"{number}-{path.name}"
                _copy(path, copied, option)
                path = copied
            found.append(path)
        yield found


def _copy(path: Path, to: Path, option: str) -> None:
    try:
        pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(pipe, "rb", buffering=0) as source, to.open("wb") as file:
            waiting = select.poll()
            waiting.register(pipe, select.POLLIN)
            if not waiting.poll(PATIENCE_MS):
                raise MalformedInput(option, f"{path} is a pipe that nobody writes to")
            os.set_blocking(pipe, True)
            left = LARGEST
            while data := source.read(_AT_ONCE):
                left -= len(data)
                if left < 0:
                    raise MalformedInput(option, f"more than {LARGEST} bytes came out of {path}: put them into a file")
                file.write(data)
    except OSError as error:
        raise MalformedInput(option, f"{path} cannot be read: {error.strerror}") from error
