"""How `enable`, `disable`, `halt` and `resume` are told whose hands to use: kubeconfig and context.

`activities/kubernetes/administer.py` has them, and is loaded late, since that takes a moment that `--help` does not have.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from byteport.kubernetes.hands import Hands

Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", help="Your own credentials; default: where kubectl looks.")
]
Context = Annotated[str | None, typer.Option("--context", help="Context in it; default: its current one.")]


@asynccontextmanager
async def hands_of(kubeconfig: Path | None, context: str | None, *, call_seconds: float = 10.0) -> AsyncIterator[Hands]:
    """The hands of whoever runs the command. Nothing is sent yet."""
    from activities.kubernetes.administer import administrator

    async with await administrator(kubeconfig, context, call_seconds=call_seconds) as hands:
        yield hands
