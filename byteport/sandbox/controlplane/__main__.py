"""`python -m byteport.sandbox.controlplane build|up|down|status`: the control plane by hand, and for the Makefile.

`up` starts one that outlives the command; `down` ends it. Exit codes: 0 done (for `status`: it runs), 1 failed, 2 wrong
usage, 3 for `status` when none runs, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from byteport.errors import BytePortError
from byteport.sandbox.controlplane.build import KUBERNETES, Progress, ensure_built
from byteport.sandbox.controlplane.start import ControlPlane, NotRunning

STATE = Path(".byteport") / "control-plane"
LINE_EVERY_SECONDS = 30.0
NOT_RUNNING = 3
INTERRUPTED = 130


class Teller:
    """Tells how far a build is: over one line on a terminal, else a line a step and every half minute."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self._step = ""
        self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        line = f"{progress.step}, {progress.seconds:.0f} s"
        if self._on_terminal:
            start = "\r" if progress.step == self._step or not self._step else "\n"
            sys.stderr.write(f"{start}{line}\033[K")
        elif progress.step != self._step or now - self._last >= LINE_EVERY_SECONDS:
            sys.stderr.write(f"{line}\n")
            self._last = now
        self._step = progress.step
        sys.stderr.flush()

    def close(self) -> None:
        """End the line that is being written over."""
        if self._on_terminal and self._step:
            sys.stderr.write("\n")


def build() -> int:
    """Build what is missing, and say where it is."""
    began = time.monotonic()
    teller = Teller()
    try:
        folder = ensure_built(teller)
    finally:
        teller.close()
    _say(f"Kubernetes {KUBERNETES} is in {folder} ({time.monotonic() - began:.1f} s)")
    return 0


def up(state: Path, nodes: int) -> int:
    """Start a control plane that outlives this command."""
    build()
    plane = ControlPlane(state, nodes=nodes, detached=True).start(_say)
    _say(f"server      {plane.server}\nkubeconfig  {plane.kubeconfig}\naudit log   {plane.audit_log}")
    return 0


def down(state: Path) -> int:
    """End it; fine when none runs."""
    plane = ControlPlane(state)
    was_running = plane.is_running()
    plane.stop()
    _say(f"ended; logs are in {plane.state_dir / 'logs'}" if was_running else "no control plane was running")
    return 0


def status(state: Path) -> int:
    """What runs, by process."""
    try:
        plane = ControlPlane.attach(state)
    except NotRunning as error:
        _say(error.message)
        return NOT_RUNNING
    _say(f"{plane.server}, kubeconfig {plane.kubeconfig}")
    for name, part in plane.parts().items():
        ended = "" if part.exit_code is None else f"ended with {part.exit_code}, "
        _say(f"  {name:24} pid {part.pid:<8} {ended}log {part.log}")
    return 0


def main() -> int:
    """Parse, run, and turn a failure into one message."""
    parser = argparse.ArgumentParser(prog="python -m byteport.sandbox.controlplane", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build the programs once; they are cached outside the checkout")
    for name, what in (("up", "start one"), ("down", "end it"), ("status", "show what runs")):
        command = commands.add_parser(name, help=what)
        command.add_argument("--state", type=Path, default=STATE, help=f"its folder ({STATE})")
        if name == "up":
            command.add_argument("--nodes", type=int, default=3, help="simulated nodes (3)")
    asked = parser.parse_args()
    try:
        match asked.command:
            case "build":
                return build()
            case "up":
                return up(asked.state, asked.nodes)
            case "down":
                return down(asked.state)
            case _:
                return status(asked.state)
    except BytePortError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; nothing of it was left running\n")
        return INTERRUPTED


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
