"""What of a notice goes into a message that has a largest size: words are shortened first, and what a person copies stays.

Whoever names things in a cluster chooses how long the words are, and must not choose by that what people are asked. Comes after
`told.py`; before the channels whose service refuses a message that is too large.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from activities.notify.told import Section

FEWER = (12, 6, 3, 1)
"""Lines of a section, one try after the other."""
LEFT_OUT = "The rest does not fit here; byteport show has it all."


class Fitted(NamedTuple):
    """The sections that fit, and whether they are all, with all their lines."""

    sections: tuple[Section, ...]
    whole: bool


def fitted(sections: Sequence[Section], fits: Callable[[Fitted], bool]) -> Fitted:
    """The most of `sections` that `fits`: with fewer lines, then without the longest that holds no command, and so on."""
    found = Fitted(tuple(sections), whole=True)
    for most in FEWER:
        if fits(found):
            return found
        found = Fitted(tuple(_shorter(section, most) for section in sections), whole=False)
    while not fits(found) and found.sections:
        left_out = max(found.sections, key=lambda section: (not section.commands, size(section)))
        found = Fitted(tuple(section for section in found.sections if section is not left_out), whole=False)
    return found


def size(section: Section) -> int:
    """In characters."""
    return len(section.title) + sum(map(len, (*section.lines, *section.commands)))


def _shorter(section: Section, most: int) -> Section:
    left = len(section.lines) - most
    return replace(section, lines=(*section.lines[:most], f"and {left} more")) if left > 1 else section
