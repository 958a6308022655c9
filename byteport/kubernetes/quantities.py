"""Numbers with units as exact numbers: `100m`, `50Mi`, `1.5G`, `12e3`; what `df` and `du` print; percentages.

Peers were seen to misread `M` for `Mi` and `m` for mega; everything is a Fraction here, and what is no quantity is None.
The same letter means two things: a Kubernetes `G` is 10^9, one that `df -h` prints is 2^30. So each has its function.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from byteport.kubernetes import fields

_FORM = re.compile(
    r"([+-]?)([0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})(?:[eE]([+-]?[0-9]{1,2})|([numkMGTPE]|[KMGTPE]i)?)\Z"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def quantity(value: object) -> Fraction | None:
    """The number that `value` stands for, in units (cores, bytes, pieces); None when it is not a quantity."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Fraction(value) if abs(value) < 10**30 else None
    if isinstance(value, float):
        value = repr(value)
    if not isinstance(value, str) or len(value) > 64:
        return None
    form = _FORM.match(value.strip())
    if form is None:
        return None
    sign, digits, exponent, suffix = form.groups()
    number = Fraction(digits if not digits.endswith(".") else digits[:-1])
    if exponent is not None:
        number *= Fraction(10) ** int(exponent)
    elif suffix in _BINARY:
        number *= Fraction(1024) ** _BINARY[suffix]
    else:
        number *= Fraction(10) ** _DECIMAL[suffix or ""]
    return -number if sign == "-" else number


_PRINTED = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,9})?)(?:([KMGTPE])(iB?)?|([kMGTPE])B|B)?\Z")
_BINARY_LETTERS = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_PERCENT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s?%?\Z")
_MOST_PERCENT = 10**9


def bytes_of(value: object) -> int | None:
    """Bytes as `df -h`, `du -sh`, `free -h` and container runtimes print them; None when it is no size.

    A single letter is binary there (`3.1G`, `44K`), as are `Gi` and `GiB`; with a bare `B` after it (`143MB`, as runtimes
    print images) it is decimal. Figures are rounded by whoever printed them, so a fraction of a byte is dropped.
    """
    if not isinstance(value, str) or len(value) > 40:
        return None
    form = _PRINTED.match(value.strip())
    if form is None:
        return None
    digits, letter, _, decimal = form.groups()
    number = Fraction(digits)
    if decimal:
        return int(number * Fraction(10) ** _DECIMAL[decimal])
    return int(number * Fraction(1024) ** _BINARY_LETTERS[letter]) if letter else int(number)


def percent(value: object) -> Fraction | None:
    """A percentage (`87%`, `87`, 87.5), 87 for 87 %; None when it is none, or negative. More than 100 can be."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        value = repr(value)
    if not isinstance(value, str) or len(value) > 40:
        return None
    form = _PERCENT.match(value.strip())
    number = Fraction(form.group(1)) if form is not None else None
    return number if number is not None and number < _MOST_PERCENT else None


def demand(spec: object) -> dict[str, Fraction]:
    """What a pod spec asks a quota for, by the quota's own words (`requests.cpu`, `limits.memory`, `pods`).

    Init containers run one after the other, so the largest counts; native sidecars run beside the main containers
    and are added (the scheduler's own rule, simplified to the larger of the two sums).
    """
    total: dict[str, Fraction] = {"pods": Fraction(1), "count/pods": Fraction(1)}
    for section in ("requests", "limits"):
        main: dict[str, Fraction] = {}
        for container in fields.entries(fields.mapping(spec).get("containers")):
            _add(main, _section(container, section))
        peak: dict[str, Fraction] = {}
        for container in fields.entries(fields.mapping(spec).get("initContainers")):
            if container.get("restartPolicy") == "Always":
                _add(main, _section(container, section))
            else:
                for resource, amount in _section(container, section).items():
                    peak[resource] = max(peak.get(resource, Fraction(0)), amount)
        overhead = _amounts(fields.mapping(spec).get("overhead"))
        for resource in {*main, *peak, *overhead}:
            amount = max(main.get(resource, Fraction(0)), peak.get(resource, Fraction(0)))
            amount += overhead.get(resource, Fraction(0))
            total[f"{section}.{resource}"] = amount
            if section == "requests":
                total[resource] = amount
    return total


def _section(container: Mapping[str, Any], section: str) -> dict[str, Fraction]:
    resources = fields.mapping(container.get("resources"))
    found = _amounts(resources.get(section))
    if section == "requests":
        # The API server copies a limit into a missing request.
        for resource, amount in _amounts(resources.get("limits")).items():
            found.setdefault(resource, amount)
    return found


def _amounts(value: object) -> dict[str, Fraction]:
    read = {key: quantity(amount) for key, amount in fields.mapping(value).items() if isinstance(key, str)}
    return {key: amount for key, amount in read.items() if amount is not None}


def _add(total: dict[str, Fraction], more: Mapping[str, Fraction]) -> None:
    for resource, amount in more.items():
        total[resource] = total.get(resource, Fraction(0)) + amount
