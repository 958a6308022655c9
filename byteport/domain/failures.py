"""The five classes of trouble that a runbook treats, and the causes that a diagnosis may name."""

from __future__ import annotations

from enum import StrEnum


class Failure(StrEnum):
    """A class of trouble; one runbook treats each."""

    CRASHLOOP = "crashloop"
    BAD_ROLLOUT = "bad_rollout"
    DISK = "disk"
    MEMORY = "memory"
    CPU = "cpu"
