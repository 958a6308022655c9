"""Reading JSON that somebody else wrote: every access is total, and what does not fit becomes nothing.

Objects reach us from an API server, a saved file or a mutilated bundle. A missing status, a null list, a number where a
mapping belongs, a NUL byte or a megabyte of text must never raise and never be believed: `pods.py`, `events.py`,
`owners.py` and `surroundings.py` look at objects through these functions only.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

_MAX_WHOLE = 2**31
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\Z")
_UID = re.compile(r"[A-Za-z0-9][-A-Za-z0-9]{0,127}\Z")
_VERSION = re.compile(r"[A-Za-z0-9]{1,64}\Z")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,500}\Z")
_HOST = re.compile(r"[A-Za-z0-9][-A-Za-z0-9.]{0,252}(:[0-9]{1,5})?\Z")
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def entries(value: object) -> list[Mapping[str, Any]]:
    """The mappings of a list; everything else in it, or in its place, is dropped."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def strings(value: object) -> list[str]:
    """The strings of a list."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def at(value: object, *path: str) -> object:
    """What lies under `path`, or None."""
    for key in path:
        value = mapping(value).get(key)
    return value


def whole(value: object) -> int | None:
    """A whole number within 32 bits; a bool, a fraction, NaN or anything else is None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and abs(value) < _MAX_WHOLE:
        return value
    return None


def count(value: object) -> int:
    """A whole number that cannot be negative; what is missing is 0."""
    return max(0, whole(value) or 0)


def instant(value: object) -> datetime | None:
    """An RFC 3339 time in UTC; the zero time and what cannot be read are None."""
    if isinstance(value, str):
        return _told(value) if 10 < len(value) <= 40 else None
    return _in_utc(value) if isinstance(value, datetime) else None


@lru_cache(maxsize=8192)
def _told(value: str) -> datetime | None:
    """Kept: the events of a namespace name few times, each again and again, and reading them was a sixth of a look."""
    try:
        return _in_utc(datetime.fromisoformat(value))
    except ValueError:
        return None


def _in_utc(value: datetime) -> datetime | None:
    if value.tzinfo is None or value.year < 1970:
        return None
    try:
        return value.astimezone(UTC)
    except (OverflowError, ValueError):
        return None


def text(value: object, limit: int = 8192) -> str:
    """A log to be classed and dropped: its last `limit` characters, without terminal escapes and control characters."""
    return _plain(value[-limit:]) if isinstance(value, str) else ""


def message(value: object, limit: int = 4096) -> str:
    """A sentence of the kubelet's or a controller's, to be classed and dropped: its first `limit` characters.

    It begins with their own fixed words; what comes last is often a program's (a probe's output), as long as that likes.
    """
    return _plain(value[:limit]) if isinstance(value, str) else ""


def _plain(value: str) -> str:
    return _CONTROL.sub(" ", _ESCAPES.sub(" ", value))


def name(value: object) -> str:
    """A DNS-1123 name, or nothing: only what can name an object may become one."""
    return value if isinstance(value, str) and _NAME.match(value) else ""


def uid(value: object) -> str:
    return value if isinstance(value, str) and _UID.match(value) else ""


def version(value: object) -> str:
    """A resourceVersion, opaque but never text."""
    return value if isinstance(value, str) and _VERSION.match(value) else ""


def image(value: object) -> str:
    """An image reference in the characters that one may have, or nothing."""
    return value if isinstance(value, str) and _IMAGE.match(value) else ""


_DEFAULT_REGISTRY = "docker" + ".io"
"""Where a runtime pulls a name without a host from. Put together here because no host of a registry stands in this tree."""


def registry(reference: str) -> str:
    """The host that an image is pulled from; Docker Hub where the reference names none."""
    head, slash, _ = reference.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost") and _HOST.match(head):
        return head.lower()
    return _DEFAULT_REGISTRY if reference else ""


def mark(value: object) -> str:
    """A short digest of any text, so that two texts can be compared after both are gone; empty for none."""
    if not isinstance(value, str) or not value:
        return ""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def metadata(item: object) -> Mapping[str, Any]:
    return mapping(at(item, "metadata"))


def labels(item: object) -> Mapping[str, Any]:
    return mapping(at(item, "metadata", "labels"))


def annotated(item: object) -> Mapping[str, Any]:
    return mapping(at(item, "metadata", "annotations"))


def condition(item: object, kind: str) -> Mapping[str, Any]:
    """The status condition of type `kind`, or an empty mapping."""
    found = (entry for entry in entries(at(item, "status", "conditions")) if entry.get("type") == kind)
    return next(found, {})
