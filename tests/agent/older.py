"""`byteport` as it was before any gate of its workflows: the version that a rolling upgrade leaves running for a while.

A gate (`workflow.patched`) is where today's code does something that earlier code did not. Here each is shut and leaves
no marker, so that this process writes histories as that code wrote them, and cannot replay one that has gone through a
gate. Started by `processes.py` as a program of its own.
"""

from __future__ import annotations

from temporalio import workflow

from byteport.cli.main import main


def shut(_: str) -> bool:
    """As where the gate had not been built yet."""
    return False


if __name__ == "__main__":
    workflow.patched = shut  # type: ignore[assignment]
    main()
