"""Every secret that the settings name, and which setting names it: for `byteport secrets check` and `byteport doctor`.

What names a secret is marked so in its annotation (`byteport/contracts/secret_names.py`); nobody keeps a list. Comes after
`model.py`.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from byteport.contracts.secret_names import NamesASecret


def named_secrets(settings: BaseModel) -> dict[str, str]:
    """Setting by the name of the secret, in the order of the settings; the first of several that name the same."""
    found: dict[str, str] = {}
    for key, name in _named(settings, ""):
        found.setdefault(name, key)
    return found


def _named(model: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    for field, about in type(model).model_fields.items():
        value, key = getattr(model, field), prefix + field
        marked = _is_marked(about.annotation) or any(isinstance(one, NamesASecret) for one in about.metadata)
        yield from _within(value, key, marked=marked)


def _within(value: Any, key: str, *, marked: bool) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        yield from _named(value, f"{key}.")
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _within(one, f"{key}.{name}", marked=marked)
    elif isinstance(value, tuple | list | frozenset):
        for one in value:
            yield from _within(one, key, marked=marked)
    elif marked and isinstance(value, str):
        yield key, value


def _is_marked(annotation: Any) -> bool:
    """`SecretName`, `SecretName | None`, a tuple of them, a mapping to them."""
    inner = typing.get_args(annotation)
    return any(isinstance(one, NamesASecret) for one in inner) or any(map(_is_marked, inner))
