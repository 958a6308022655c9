"""What the receivers of notices take, as their own documentation says: strict, and sharing nothing with what sends.

Each module has `shown(...)`, which refuses what the receiver would refuse, and gives what a person would then see: words that are
shown as they are, words that are looked through for signs, and the addresses that a press would open.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class Refused(Exception):
    """The receiver would not take it, and why."""


@dataclass
class Shown:
    """What a person would see."""

    literal: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    """Literal too, to be copied as they are."""
    links: list[str] = field(default_factory=list)


def need(holds: bool, what: str) -> None:
    """Refuse unless it holds."""
    if not holds:
        raise Refused(what)


def only(found: dict[str, object], *keys: str) -> None:
    """Refuse a field that is not in the documentation."""
    need(set(found) <= set(keys), f"unknown fields {sorted(set(found) - set(keys))}")
