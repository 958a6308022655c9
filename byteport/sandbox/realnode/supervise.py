"""The process that owns a real node: makes its control groups and namespaces, joins its ports, watches, and ends it.

`node.py` starts it in a session of its own and reads one JSON object a line from it until `running` or `failed`. It
ends the node when it is told to (SIGTERM, SIGINT), when the process that it was started for is gone, and when one of
the node's programs ends. Killed itself, it takes the node's first process along, and that every other one of the node;
`cleanup.py` then removes what the kernel does not.
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, NoReturn

from byteport.sandbox.realnode import groups
from byteport.sandbox.realnode.forward import Forwarder, Route, network_of, own_network
from byteport.sandbox.realnode.machine import NAMESPACES

JSON = dict[str, Any]

WATCH_SECONDS = 0.5
CLEANED_IN_SECONDS = 30.0
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Supervisor:
    """One node, from its groups to their end."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self._asked = asked
        self._files: Path = asked.state / "files"
        self._cleanup: subprocess.Popen[bytes] | None = None
        self._node: subprocess.Popen[bytes] | None = None

    def bring_up(self) -> None:
        """Make the node; what it says from now on comes out of `lines`."""
        if abandoned := groups.left():
            groups.remove(abandoned)
        made = groups.make(f"{groups.PREFIX}{os.getpid()}")
        self._cleanup = _waiting(self._files, made)
        with (self._asked.state / "logs" / "inside.log").open("wb") as log:
            self._node = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                preexec_fn=lambda: _apart(made),
            )

    def watch(self) -> None:
        """Pass on what the node says, join its ports when it has loopback, and return when it is to end."""
        said = _of(self._node).stdout
        if said is None:
            raise ValueError("the node was started without a pipe")
        while self._asked.parent in (0, os.getppid()):
            if not select.select([said], [], [], WATCH_SECONDS)[0]:
                continue
            line = said.readline()
            if not line:
                _tell({"failed": "the node's first process ended"})
                return
            document = json.loads(line)
            if "network" in document:
                self._join()
                continue
            _tell(document)
            if "failed" in document:
                return

    def bring_down(self) -> None:
        """End the node, all of it at once; returns when nothing of it is left."""
        if self._node is not None:
            self._node.kill()
            self._node.wait()
        if self._cleanup is not None and self._cleanup.stdin is not None:
            self._cleanup.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._cleanup.wait(CLEANED_IN_SECONDS)

    def _join(self) -> None:
        own, its = own_network(), network_of(_of(self._node).pid)
        api = Route(listens=its, reaches=own, port=self._asked.api_port)
        kubelet = Route(listens=own, reaches=its, port=self._asked.kubelet_port)
        self._forwarder = Forwarder([api, kubelet])

    def _command(self) -> list[str]:
        asked = self._asked
        apart = ["unshare", *NAMESPACES, "--fork", "--kill-child=SIGKILL", "--propagation", "private", "--"]
        inside = [sys.executable, "-m", "byteport.sandbox.realnode.inside", "--files", str(self._files)]
        inside += ["--logs", str(asked.state / "logs"), "--node", asked.node, "--linker-path", asked.linker_path]
        return [*apart, *inside, "--programs", str(asked.programs), "--tools", str(asked.tools)]


def _waiting(files: Path, made: list[Path]) -> subprocess.Popen[bytes]:
    """Who cleans up: started before there is anything to clean, in a session of its own."""
    command = [sys.executable, "-m", "byteport.sandbox.realnode.cleanup", "--files", str(files), *map(str, made)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    _first_line(process.stdout)
    return process


def _first_line(pipe: IO[bytes] | None) -> None:
    if pipe is None or not pipe.readline():
        raise OSError("what removes the node's groups did not start")


def _apart(made: list[Path]) -> None:
    if LIBC is not None:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    groups.enter(made)


def _of(process: subprocess.Popen[bytes] | None) -> subprocess.Popen[bytes]:
    if process is None:
        raise ValueError("the node was not started")
    return process


def _tell(line: JSON) -> None:
    with suppress(BrokenPipeError):  # whoever asked has gone; `watch` sees to it
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _stop(_number: int, _frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise SystemExit(0)


def main() -> None:
    """Hold the state folder's lock for as long as anything of this node may run."""
    arguments = argparse.ArgumentParser(prog="python -m byteport.sandbox.realnode.supervise")
    for name in ("state", "programs", "tools"):
        arguments.add_argument(f"--{name}", type=Path, required=True)
    for name in ("api-port", "kubelet-port", "parent"):
        arguments.add_argument(f"--{name}", type=int, required=True)
    arguments.add_argument("--node", required=True)
    arguments.add_argument("--linker-path", required=True)
    asked = arguments.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    with (asked.state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        supervisor = Supervisor(asked)
        try:
            supervisor.bring_up()
            supervisor.watch()
        except OSError as error:
            _tell({"failed": str(error)})
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            supervisor.bring_down()


if __name__ == "__main__":
    main()
