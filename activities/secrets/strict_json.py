"""A JSON object out of an answer: whole, bounded and unambiguous, or nothing of it.

An error of Python's own decoder carries the text that it could not read. Here it dies where it is met: nothing that is raised
holds anything of what was read. Comes before `backend.py` and `asking.py`.
"""

from __future__ import annotations

import json
from typing import Any

LARGEST = 256 << 10


class NotPlain(Exception):
    """The text is no JSON object, is too large, or names a member twice. It holds nothing of the text."""


def plain_object(text: bytes | str) -> dict[str, Any]:
    """The object that `text` is. Raises `NotPlain`."""
    found: object = None
    if len(text) <= LARGEST:
        try:
            found = json.loads(text, object_pairs_hook=_unambiguous, parse_constant=_refuse)
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, dict):
        raise NotPlain
    return found


def plain_list(text: bytes) -> list[dict[str, Any]]:
    """The list of objects that `text` is. Raises `NotPlain`."""
    wrapped = plain_object(b'{"of":' + text + b"}")
    found = wrapped.get("of")
    if len(wrapped) != 1 or not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise NotPlain
    return found


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _refuse(_: str) -> Any:
    raise ValueError
