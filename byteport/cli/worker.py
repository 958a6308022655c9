"""`byteport worker`: serves a process's queues until it is told to stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.output import note
from byteport.cli.session import run, settings_of
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from byteport.settings import Settings

PROCESSES = ("embedded", "cluster", "rest", "control", "ledger", "notify", "export", "signer")
"""`workers.processes.Process`, which is too slow to import for `--help`."""


def worker(
    context: typer.Context,
    process: Annotated[
        str,
        typer.Option(
            "--process", "-p", help=f"Which queues to serve, and so which credentials: {', '.join(PROCESSES)}."
        ),
    ] = "embedded",
) -> None:
    """Run a worker. It looks at everything it needs first, and does not start when something is missing."""
    if process not in PROCESSES:
        raise MalformedInput("--process", f"must be one of {', '.join(PROCESSES)}")
    settings = settings_of(context)
    run(_worker(settings, process))


async def _worker(settings: Settings, process: str) -> None:
    from byteport.telemetry import configure_logging
    from workers.processes import Process
    from workers.run import stop_on_signals
    from workers.start import start

    configure_logging(settings.telemetry)
    stop = asyncio.Event()
    with stop_on_signals(stop):
        await start(settings, Process(process), stop=stop, say=note)
    note("stopped")
