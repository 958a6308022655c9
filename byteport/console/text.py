"""What is shown of text that others wrote: nothing in it moves, hides or turns what stands around it.

HTML's own characters are escaped by the templates; this is for those that HTML leaves alone: control characters, line
separators, and the invisible ones that make `a` look like `b` or turn the direction of the line. Comes before `pages`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

LONGEST = 4000
"""Characters of one text; a name has hundreds, a reason 1000."""


def visible(text: str) -> str:
    """`text` with every character that is not printed written out as its number, cut where nobody would read on."""
    shown = text[:LONGEST] + ("…" if len(text) > LONGEST else "")
    if shown.isprintable():
        return shown
    return "".join(char if char.isprintable() else f"⟨U+{ord(char):04X}⟩" for char in shown)


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(time: timedelta) -> str:
    """How long that is, in the two words that matter."""
    seconds = int(abs(time.total_seconds()))
    for size, one, smaller, other in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            rest = seconds % size // smaller
            return f"{seconds // size} {one}" + (f" {rest} {other}" if rest else "")
    return f"{seconds} s"


def words(value: str) -> str:
    """A stable word as people read it."""
    return value.replace("_", " ")
