"""What is around a target: nodes, neighbours, budgets, quota, leases."""

from __future__ import annotations

from byteport.domain.base import Frozen


class Surroundings(Frozen):
    """Everything outside the target that may be the cause, or may refuse the cure."""
