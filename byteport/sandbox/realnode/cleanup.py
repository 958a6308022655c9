"""What must not outlive the node: its control groups and its files. Everything else goes with its first process.

A process of its own, without a parent that it could die with: it waits until nobody holds the other end of its standard
input any more, which is so whenever `supervise.py` is gone, killed or not, and then removes what it was told of.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from byteport.sandbox.realnode import groups

TRIES = 100
POLL_SECONDS = 0.05


def clean(made: list[Path], files: Path) -> None:
    """Kill, remove the groups, remove the files."""
    groups.remove(made)
    for _ in range(TRIES):
        with suppress(OSError):  # a mount of a namespace that is just being taken down
            shutil.rmtree(files)
        if not files.exists():
            return
        time.sleep(POLL_SECONDS)
    sys.stderr.write(f"{files} could not be removed\n")


def main() -> None:
    """Wait for the end, then clean."""
    arguments = argparse.ArgumentParser(prog="python -m byteport.sandbox.realnode.cleanup")
    arguments.add_argument("--files", type=Path, required=True)
    arguments.add_argument("groups", type=Path, nargs="+")
    asked = arguments.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    while sys.stdin.buffer.read(1):
        pass
    clean(asked.groups, asked.files)


if __name__ == "__main__":
    main()
