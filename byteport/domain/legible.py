"""Numbers of a fact that nobody reads at three in the morning, with what they mean beside them: bytes, and seconds.

For notices and the approvals page. The number itself stays as it was measured; what is added is for the eye.
"""

from __future__ import annotations

import re

_FACT = re.compile(r"(?P<name>[A-Za-z_:]{1,80}) = (?P<number>[0-9]{1,18})(?:\.[0-9]{1,6})?")
_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")
STEP = 1024


def legible(line: str) -> str:
    """`about: name = value`, with the value in larger units behind it where `name` says that it is of bytes or seconds."""
    found = _FACT.fullmatch(line.rpartition(": ")[2])
    if found is None:
        return line
    number, words = int(found["number"]), found["name"].replace(":", "_").split("_")
    if words[-1] == "bytes" and number >= STEP:
        return f"{line} ({size(number)})"
    if "seconds" in words and number >= 60:
        return f"{line} ({duration(number)})"
    return line


def size(count: int) -> str:
    """Of so many bytes, at least `STEP`."""
    amount = float(count)
    for unit in _UNITS:
        amount /= STEP
        if amount < STEP:
            return f"{amount:.1f} {unit}"
    return f"{amount:.1f} {_UNITS[-1]}"


def duration(count: int) -> str:
    """Of so many seconds, in the two largest units."""
    minutes, seconds = divmod(max(count, 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    first = next((place for place, (number, _) in enumerate(units) if number), len(units) - 1)
    return " ".join(f"{number} {unit}" for number, unit in units[first : first + 2])
