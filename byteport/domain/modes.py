"""How far the agent may go: said by the policy, and once more by the ceiling of a namespace, which only lowers it."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """How far the agent may go. `dry_run` is the default."""

    OBSERVE = "observe"
    DRY_RUN = "dry_run"
    AUTO = "auto"


def lowest(*modes: Mode) -> Mode:
    """The least of them: whoever says less is obeyed."""
    return min(modes, key=list(Mode).index)
