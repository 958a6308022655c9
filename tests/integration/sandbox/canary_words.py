"""A secret for each place in which one can stand, and the search for any of them, in every spelling, in whatever is given.

How a text may be spelled is written down here by itself, and not taken from the redactor's own list, which it would agree with.
Comes before `seeded_demo.py`, which plants them, and `test_canaries.py`, which looks for them.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from enum import StrEnum
from hashlib import sha256
from urllib.parse import quote

MOST_UNPACKED = 3


class Place(StrEnum):
    """Where a secret stands."""

    ENV = "env"
    ARGUMENT = "argument"
    COMMAND = "command"
    ANNOTATION = "annotation"
    LOG = "log"
    PREVIOUS_LOG = "previous-log"
    EVENT = "event"
    STDOUT = "stdout"
    STDERR = "stderr"
    EXCEPTION = "exception"
    PROCESS = "process"
    """A variable of the agent's own process."""
    HEADERS = "headers"
    """A file that the settings name."""
    BACKEND = "backend"
    """A value of the secret backend."""
    TOLD = "told"
    """Whatever is told: planted by a run that leaks, to see that it is found."""


WORDS: Mapping[Place, str] = {
    place: f"canary-{place.value}-{sha256(place.value.encode()).hexdigest()[:10]}" for place in Place
}
"""What a name can hold, so that nothing has to change it on its way."""
TAIL = '/"ü+<&%\\'
"""What each way to write a text writes differently."""
SECRETS: Mapping[Place, str] = {place: word + TAIL for place, word in WORDS.items()}


def spellings(text: str) -> Mapping[str, bytes]:
    """`text` as it may stand in bytes, by the name of the way to write it."""
    raw = text.encode()
    shifted = {f"base64, {shift} before": _middle(raw, shift) for shift in range(3)}
    return {
        "plain": raw,
        **shifted,
        **{f"url-safe {name}": core.replace(b"+", b"-").replace(b"/", b"_") for name, core in shifted.items()},
        "hex": raw.hex().encode(),
        "hex, upper": raw.hex().upper().encode(),
        "url": quote(raw, safe="").encode(),
        "json": json.dumps(text)[1:-1].encode(),
        "utf-16": text.encode("utf-16-le"),
        "utf-16, big": text.encode("utf-16-be"),
    }


def _middle(raw: bytes, shift: int) -> bytes:
    """The characters of its base64 that stay the same whatever stands before and after, with `shift` bytes (mod 3) before."""
    encoded = base64.b64encode(b"\0" * shift + raw)
    first, whole = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
    return encoded[first:whole]


SPELLED: tuple[tuple[Place, str, bytes], ...] = tuple(
    (place, way, form) for place in Place for way, form in spellings(WORDS[place]).items()
)
"""Of the words alone: a text that holds a secret holds its word, and in each of these ways as a part of the whole."""


def found(data: bytes) -> set[tuple[Place, str]]:
    """What stands in `data`, or in what it unpacks to."""
    parts = list(unpacked(data))
    return {(place, way) for place, way, form in SPELLED if any(form in part for part in parts)}


def unpacked(data: bytes, depth: int = 0) -> Iterator[bytes]:
    """`data`, and what is packed in it: gzip (one member or several, wherever it begins a file), tar."""
    yield data
    if depth == MOST_UNPACKED:
        return
    if data[:2] == b"\x1f\x8b":
        yield from unpacked(gzip.decompress(data), depth + 1)
    elif data[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                yield member.name.encode()
                content = archive.extractfile(member)
                if content is not None:
                    yield from unpacked(content.read(), depth + 1)
