"""A piece of work that is killed with -9 at each of its steps towards the disk, one after the other.

Each try is a process of its own, forked from a clean one. A step is the moment before a call that opens, writes, syncs,
renames or runs a statement; production code knows of none of this.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

STEPS = frozenset(
    {"open", "fdopen", "write", "flush", "fsync", "replace", "rename", "unlink", "mkdir", "flock", "execute", "close"}
)
IN_MEMORY = "rfc8785"
"""Writes, but to no disk."""
MOST = 500


def killed_at_each_step(work: Callable[..., None], *arguments: Any, preload: list[str]) -> Iterator[int]:
    """Yields after each process that was killed, with the number of its step; ends when one got to its end.

    `work` must be importable by name.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, work.__module__, *preload])
    for step in range(1, MOST):
        process = context.Process(target=_until, args=(step, work, arguments))
        process.start()
        process.join(60)
        if process.exitcode == 0:
            return
        assert process.exitcode == -signal.SIGKILL, process.exitcode
        yield step
    raise AssertionError(f"it has more than {MOST} steps")


def _until(step: int, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    seen = 0

    def count(frame: FrameType, event: str, called: Any) -> None:
        nonlocal seen
        if event == "c_call" and called.__name__ in STEPS and IN_MEMORY not in frame.f_code.co_filename:
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(count)
    sys.setprofile(count)
    work(*arguments)
    sys.setprofile(None)
