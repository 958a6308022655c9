"""What the simulated cluster says when it is asked for something that it does not model.

A simulation that guesses makes tests pass that would fail on a real cluster, so it refuses instead, by name. Comes
before everything else in this room. It is no `BytePortError`: nothing of ours may catch it and go on.
"""

from __future__ import annotations


class NotModelled(Exception):
    """The simulated cluster does not model this; the real control plane (`make cluster`) does."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the simulated cluster does not model {what}")
