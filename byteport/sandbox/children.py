"""Programs that the sandbox starts: each with a log file, an end that is waited for, and no way to outlive us.

`dev_server.py` is built on it. A child is tethered (`tether.py`) and started in a process group of its own, so that
Ctrl-C in a terminal reaches the sandbox alone, which then ends its children in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from byteport.errors import Unavailable
from byteport.sandbox import tether

GRACE_SECONDS = 5.0
"""Time between SIGTERM and SIGKILL."""

_kept: list[socket.socket] = []
"""Of the ports that were given out, so that the system gives them to nobody else."""


class Child:
    """One running program."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(cls, name: str, argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> Child:
        """Start `argv` (its first word an absolute path), output appended to `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        tethered = [sys.executable, "-S", "-E", tether.__file__, str(os.getpid()), *argv]
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *tethered,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if env is None else dict(env),
                start_new_session=True,
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.returncode is None

    def must_run(self) -> None:
        """Raise `Unavailable` naming the program, its exit code and its log when it has ended."""
        if not self.running:
            raise Unavailable(f"{self.name} ended with code {self._process.returncode}; its log is {self.log}")

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after the grace; returns when it is gone."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(GRACE_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
        await self._process.wait()

    async def kill(self) -> None:
        """SIGKILL at once, as a crash would."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        await self._process.wait()


def free_port() -> int:
    """A port of the loopback that nothing listens on, for a program that listens there later.

    Linux gives it to nobody else while this process lives, neither to who asks for any port nor to a connection; whoever
    asks for this very port may have it, since what listens sets `SO_REUSEADDR`, as every server of ours does.
    """
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    port: int = probe.getsockname()[1]
    if sys.platform == "linux":
        _kept.append(probe)
    else:  # elsewhere nobody could listen there beside it
        probe.close()
    return port
