"""Statements that are written once, as PostgreSQL's driver takes them; and its rows, read by name and by index."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from psycopg import Cursor
from psycopg.rows import RowMaker

from byteport.ledger.store import Parameters

_PARTS = re.compile(r"'(?:[^']|'')*'|::|:[a-z_]+|\?|%")


@lru_cache(maxsize=1024)
def placeholders(statement: str) -> str:
    """`?` and `:name` outside of quoted text become `%s` and `%(name)s`."""
    return _PARTS.sub(_placeholder, statement)


def _placeholder(match: re.Match[str]) -> str:
    part = match[0]
    if part == "?":
        return "%s"
    if part.startswith(":") and part != "::":
        return f"%({part[1:]})s"
    return part.replace("%", "%%")


def plain(parameters: Parameters) -> Sequence[Any] | Mapping[str, Any]:
    """Texts without NUL, which PostgreSQL cannot hold: people's words are never refused for one."""
    if isinstance(parameters, Mapping):
        return {name: _without_nul(value) for name, value in parameters.items()}
    return [_without_nul(value) for value in parameters]


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value


class Row(tuple[Any, ...]):
    """A row that is also read by its columns' names."""

    __slots__ = ()
    names: Mapping[str, int] = {}

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names[key] if isinstance(key, str) else key)


def rows(cursor: Cursor[Any]) -> RowMaker[Row]:
    """psycopg's row factory for `Row`."""
    columns = cursor.description
    return _maker(tuple(column.name for column in columns)) if columns else Row


@lru_cache(maxsize=256)
def _maker(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Row]:
    return type("NamedRow", (Row,), {"__slots__": (), "names": {name: at for at, name in enumerate(names)}})
