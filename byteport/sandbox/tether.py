"""Runs a program that dies with the process that started it. Run as a file of its own, before the program replaces it:

    python tether.py PARENT_PID PROGRAM ARGUMENT…

A sandbox must leave nothing running, whatever kills it, kill -9 included; so the kernel is asked, not the program
(PR_SET_PDEATHSIG). It imports nothing of ours, to start in milliseconds. Where there is no such call (not Linux), the
program simply starts, and the sandbox ends it when it ends itself.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, program, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != int(parent):  # it died before the kernel was asked
            raise SystemExit(1)
    os.execv(program, [program, *arguments])  # noqa: S606 (a list, never a shell)


if __name__ == "__main__":
    main()
