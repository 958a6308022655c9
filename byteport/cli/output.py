"""What is printed: answers on standard output, everything about getting them on standard error.

Names and texts may come from a cluster. They are printed as plain text with control characters escaped: never as
markup, never able to speak to the terminal.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from byteport.telemetry import printable

SLOW_SECONDS = 1.5
"""After this a person is told what is being waited for."""

Result = TypeVar("Result")


LONGEST_LINE = 2000
PIPED_WIDTH = 400
"""A table that a program reads is not folded to a terminal's width."""


def stdout() -> Console:
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, soft_wrap=True, width=PIPED_WIDTH)


def stderr() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def plain(value: object, style: str = "") -> Text:
    """Any value as text that cannot be markup; None and nothing are a dash."""
    text = "" if value is None else printable(str(value))
    return Text(text or "–", style=style if text else "dim")


def say(text: str, *, style: str = "") -> None:
    """A line for a person, on standard output."""
    stdout().print(Text("\n".join(printable(line) for line in text.split("\n")), style=style))


def note(text: str) -> None:
    """A line about what is going on, on standard error."""
    stderr().print(Text(printable(text), style="dim"))


def complain(text: str) -> None:
    """The one line of an error. It may repeat an argument: of a very long one the beginning is enough."""
    text = text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"
    stderr().print(Text.assemble(("error: ", "bold red"), printable(text)))


def print_json(value: Any) -> None:
    """One JSON document, keys in a fixed order, on standard output."""
    sys.stdout.write(json.dumps(_jsonable(value), indent=2, ensure_ascii=True) + "\n")


def table(*columns: str, rows: Iterable[Sequence[object]]) -> None:
    """Rows under headings. A cell that is already a `Text` keeps its style."""
    shown = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(cell if isinstance(cell, Text) else plain(cell) for cell in row))
    stdout().print(shown)


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Names and values, one pair a line, names in a column; pairs without a value are left out."""
    shown = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in pairs:
        if value not in (None, "", ()):
            shown.add_row(name, value if isinstance(value, Text) else plain(value))
    stdout().print(shown)


def ago(at: datetime, now: datetime | None = None) -> str:
    """`5 s`, `12 min`, `3 h`, `2 d`: how long before now."""
    seconds = max(0, int(((now or datetime.now(UTC)) - at).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


async def while_waiting(what: str, work: Awaitable[Result]) -> Result:
    """Await `work`; when it takes longer than a moment, say what is waited for, with a spinner where there is one."""
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=SLOW_SECONDS)
        if not done:
            console = stderr()
            if console.is_terminal:
                with console.status(printable(what)):
                    await asyncio.wait({task})
            else:
                note(f"{what} …")
        return await task
    except asyncio.CancelledError:
        task.cancel()
        raise


def _jsonable(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if hasattr(value, "_asdict"):
        return _jsonable(value._asdict())
    if isinstance(value, list | tuple | set | frozenset):
        return [_jsonable(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value
