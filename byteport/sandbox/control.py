"""Starts, asks about and ends the sandbox's process (`daemon.py`) from another one.

Whether one runs is asked of the kernel (a lock on a file), not of a pid that may be somebody else's by now.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from byteport.domain.base import Frozen
from byteport.errors import BytePortError, Unavailable

LOCK = "sandbox.lock"
STATE = "sandbox.json"
LOG = Path("logs") / "sandbox.log"
STOP_SECONDS = 30.0


class SandboxFailed(BytePortError):
    """A step failed; the message says which, and where the logs are."""

    code = "sandbox_failed"


_DAEMON = [sys.executable, "-m", "byteport.sandbox.daemon"]


class State(Frozen):
    """Where everything of a running sandbox is."""

    pid: int
    temporal_pid: int
    cluster: str
    cluster_uid: str
    temporal_address: str
    ui_url: str | None
    codec_url: str
    kubeconfig: str | None
    """The administrator's, of a real control plane."""
    playground_url: str
    playground_token: str


def up(folder: Path, cluster: str, report: Callable[[str], None], *, export: Path | None = None) -> State:
    """Start the sandbox of `folder` and return once all of it is ready; the log goes to files in `export`, if anywhere.

    Raises `SandboxFailed`.
    """
    if (running := status(folder)) is not None:
        raise SandboxFailed(
            f"a sandbox runs already (pid {running.pid}, Temporal at {running.temporal_address}); "
            "end it with `byteport sandbox down`"
        )
    log = folder / LOG
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened = log.open("ab")
    except OSError as error:
        raise SandboxFailed(f"starting: {folder} cannot be used: {error.strerror}") from None
    with opened as output:
        process = subprocess.Popen(
            [*_DAEMON, str(folder.absolute()), cluster, *([str(export.absolute())] if export is not None else [])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
        )
    step = "starting"
    try:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            if "ready" in told:
                return State.model_validate(told["ready"])
            if "failed" in told:
                raise SandboxFailed(f"{step}: {told['failed']} (log: {log})")
            step = str(told["step"])
            report(step)
        raise SandboxFailed(f"{step}: the sandbox's process ended (log: {log})")
    except BaseException:
        _end(process.pid, lambda: process.poll() is not None)
        raise


def status(folder: Path) -> State | None:
    """The running sandbox of `folder`, or None. Raises `Unavailable` while one starts."""
    if not _locked(folder):
        return None
    try:
        return State.model_validate_json((folder / STATE).read_text())
    except (FileNotFoundError, ValidationError):
        raise Unavailable(f"a sandbox is starting in {folder}; ask again in a moment") from None


def down(folder: Path) -> bool:
    """End the sandbox and everything that it started. Returns whether one ran. Raises `SandboxFailed` when it stays."""
    running = status(folder)
    if running is None:
        return False
    if not _end(running.pid, lambda: not _locked(folder)):
        raise SandboxFailed(f"process {running.pid} does not end; see {folder / LOG}")
    return True


def _locked(folder: Path) -> bool:
    try:
        with (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _end(pid: int, ended: Callable[[], bool]) -> bool:
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if ended():
                return True
            time.sleep(0.05)
    return False
