"""From what `df -h`, `du -sh` and a runtime print, to numbers and paths. The lines die here.

They come from the node helper's pod, or from a saved bundle, where a person wrote them down as they pleased
(`df: /dev/vda1 200G 183G …`). So nothing is read by column: a line of `df` is a percentage with sizes before it and a
path behind it, whatever the language of the header. What does not fit, and what cannot be, is dropped. Never raises;
the work is linear in the text, of which only so much is looked at.

`node_reading.py` says afterwards whose paths they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from byteport.domain.base import Frozen
from byteport.domain.plans import Runtime

MOST_LINES = 2000
_LONGEST_LINE = 1024
_MOST_BYTES = 2**62
_MOST_FILES = 2**40
_SLACK = 4.0
"""Points by which a percentage may differ from its own sizes: `df -h` rounds each, and reserved blocks count as used."""

_UNITS = {"": 1, "B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50, "E": 2**60}
_SIZE = re.compile(r"([0-9]{1,18})(?:[.,]([0-9]{1,3}))?([BKMGTPE]?)(?:iB|i|B)?\Z", re.IGNORECASE)
_PERCENT = re.compile(r"([0-9]{1,4})(?:[.,][0-9]{1,2})?%\Z")
_WHOLE = re.compile(r"[0-9]{1,15}\Z")
_PATH = re.compile(r"/(?:[A-Za-z0-9_.~][-A-Za-z0-9_.~+:@]{0,254}(?:/|\Z))*\Z")
_LABEL = re.compile(r"(df|du|find|crictl|docker|containerd)\b[^:/]{0,24}:\s+", re.IGNORECASE)
_IMAGES = re.compile(r"([0-9]{1,7})\s+(?:images?|total)\b[^0-9]{1,40}([0-9]{1,7})\s+in\s+use\b", re.IGNORECASE)
_FILES = re.compile(r"([0-9]{1,13})\s+files?\b", re.IGNORECASE)
_VIRTUAL = frozenset(
    [
        "overlay",
        "tmpfs",
        "devtmpfs",
        "shm",
        "udev",
        "none",
        "proc",
        "sysfs",
        "cgroup",
        "cgroup2",
        "squashfs",
        "ramfs",
        "efivarfs",
        "mqueue",
        "nsfs",
        "fuse",
    ]
)
_INODES_MIN = 10_000
"""Without a size suffix and from so many on, the numbers of a `df -i` line are files."""


class Mounted(Frozen):
    """One line of `df`."""

    device: str
    """To tell whether two mounts are the same filesystem; never shown."""
    mount: str
    percent: float
    size_bytes: int = 0
    used_bytes: int = 0
    inodes: bool = False
    """The line counted files, not bytes."""
    hint: str = ""
    """`nodefs` or `imagefs` where somebody noted it."""


class Measured(Frozen):
    """One directory."""

    path: str
    used_bytes: int = 0
    files: int | None = None


class DiskOutput(Frozen):
    """Everything about a disk that the lines told."""

    mounts: tuple[Mounted, ...] = ()
    measured: tuple[Measured, ...] = ()
    images: int | None = None
    images_in_use: int | None = None
    runtime: Runtime | None = None
    """The one whose own command was run."""
    told: bool = False
    """There was any line that could be read."""


def read_disk_output(lines: Iterable[str]) -> DiskOutput:
    """`lines` of any of the commands, in any order."""
    mounts: dict[tuple[str, bool], Mounted] = {}
    measured: dict[str, Measured] = {}
    images: tuple[int, int] | None = None
    runtime: Runtime | None = None
    wrapped = ""
    for line in islice(lines, MOST_LINES):
        label, words = _words(line)
        if label in _RUNTIMES:
            runtime = _RUNTIMES[label]
            images = _images(line) or images
            continue
        mounted = _mounted([wrapped, *words] if wrapped and words and _SIZE.match(words[0]) else words, label)
        wrapped = words[0] if len(words) == 1 and words[0].startswith("/") and not label else ""
        if mounted is not None:
            mounts[mounted.mount, mounted.inodes] = mounted
            continue
        for found in _found(words) if label == "find" else _sizes(words) if label == "du" else _printed(words):
            measured[found.path] = found
    used = [found for found in mounts.values() if _real(found)]
    return DiskOutput(
        mounts=tuple(used),
        measured=tuple(measured.values()),
        images=images[0] if images else None,
        images_in_use=images[1] if images else None,
        runtime=runtime,
        told=bool(mounts or measured or images),
    )


_RUNTIMES = {"crictl": Runtime.CONTAINERD, "containerd": Runtime.CONTAINERD, "docker": Runtime.DOCKER}


def lines_of(text: object) -> list[str]:
    """The lines of one output; anything but text has none."""
    return text.split("\n", MOST_LINES)[:MOST_LINES] if isinstance(text, str) else []


def size(word: str) -> int | None:
    """Bytes of `df -h` and `du -h`, whose G is 2**30: 16G, 3.1G, 3,1G, 44K, 0; None for what is no size or too large."""
    match = _SIZE.match(word)
    if match is None:
        return None
    whole, fraction, unit = match.groups()
    factor = _UNITS[unit.upper()]
    found = int(whole) * factor + (int(fraction) * factor // 10 ** len(fraction) if fraction else 0)
    return found if found <= _MOST_BYTES else None


def _words(line: object) -> tuple[str, list[str]]:
    """A label such as `df -h:` if the line has one, and its words."""
    if not isinstance(line, str):
        return "", []
    plain = line[:_LONGEST_LINE]
    match = _LABEL.match(plain)
    if match is None:
        return "", plain.split()
    label = plain[: match.end()].lower()
    first = match.group(1).lower()
    return ("df -i" if first == "df" and "-i" in label else first), plain[match.end() :].split()


def _mounted(words: list[str], label: str) -> Mounted | None:
    """`device size used free percent% /mount`, with whatever stands behind it as a hint."""
    at = next((index for index, word in enumerate(words) if _PERCENT.match(word)), None)
    if at is None or at < 4 or at + 1 >= len(words) or not _path(words[at + 1]):
        return None
    match = _PERCENT.match(words[at])
    percent = float(match.group(1)) if match else 0.0
    total, used, free = words[at - 3 : at]
    numbers = [size(total), size(used), size(free)]
    if percent > 100 or any(number is None for number in numbers):
        return None
    whole, taken = numbers[0] or 0, numbers[1] or 0
    inodes = label == "df -i" or (label != "df" and _counts(total, used))
    if whole <= 0 or taken > whole or not _agrees(percent, taken, numbers[2] or 0):
        return None
    rest = " ".join(words[at + 2 : at + 8]).lower()
    hint = "imagefs" if "imagefs" in rest else "nodefs" if "nodefs" in rest else ""
    return Mounted(
        device=" ".join(words[: at - 3]),
        mount=words[at + 1],
        percent=percent,
        size_bytes=0 if inodes else whole,
        used_bytes=0 if inodes else taken,
        inodes=inodes,
        hint=hint,
    )


def _counts(total: str, used: str) -> bool:
    """Bare numbers are files: `df -h` gives every size but 0 a unit."""
    return bool(_WHOLE.match(total)) and bool(_WHOLE.match(used)) and int(total) >= _INODES_MIN


def _agrees(percent: float, used: int, free: int) -> bool:
    """Whether the percentage is that of its own sizes: `df` divides what is used by what is used or free."""
    return used + free > 0 and abs(100 * used / (used + free) - percent) <= _SLACK


def _real(mounted: Mounted) -> bool:
    """A disk's own filesystem, not memory, not a container's view."""
    return mounted.device not in _VIRTUAL and not mounted.device.startswith(("/dev/loop", "overlay"))


def _path(word: str) -> bool:
    return bool(_PATH.match(word)) and "/../" not in f"{word}/" and len(word) <= 512


def _printed(words: list[str]) -> Iterable[Measured]:
    """`114G /path`, as `du -sh` prints it: every size but 0 has a unit."""
    if len(words) == 2 and (words[0] == "0" or words[0][-1:].isalpha()):
        yield from _sizes(words)


def _sizes(words: list[str]) -> Iterable[Measured]:
    """Sizes and paths in pairs, as people write them down: `/path 114G, /other 3.1G`."""
    rest = iter(words)
    for left in rest:
        first, second = left.rstrip(","), next(rest, "").rstrip(",")
        path, amount = (first, second) if first.startswith("/") else (second, first)
        known = size(amount)
        if known is not None and _path(path):
            yield Measured(path=path.rstrip("/") or "/", used_bytes=known)


def _found(words: list[str]) -> Iterable[Measured]:
    """`/path 5611020 files`."""
    match = _FILES.match(" ".join(words[1:3])) if words and _path(words[0]) else None
    if match is not None and int(match.group(1)) <= _MOST_FILES:
        yield Measured(path=words[0].rstrip("/"), files=int(match.group(1)))


def _images(line: str) -> tuple[int, int] | None:
    """All, and those in use by a container."""
    match = _IMAGES.search(line[:_LONGEST_LINE])
    if match is None:
        return None
    total, used = int(match.group(1)), int(match.group(2))
    return (total, used) if used <= total else None
