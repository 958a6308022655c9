"""`byteport api`: the ledger's HTTP face, which takes in the logs of many clusters, outside of each of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from byteport.cli.output import note
from byteport.cli.session import run, settings_of

if TYPE_CHECKING:
    from byteport.settings import Settings


def api(context: typer.Context) -> None:
    """Take in the logs of agents over HTTPS, and give them out to readers, until it is told to stop."""
    run(_serve(settings_of(context, without_cluster=True)))


async def _serve(settings: Settings) -> None:
    import secrets

    from activities.clock import utc_now
    from byteport.api.assembly import assemble
    from byteport.ledger.opening import open_store
    from byteport.telemetry import configure_logging
    from workers.run import stop_on_signals

    configure_logging(settings.telemetry)
    store = open_store(settings.ledger, settings.tenant, clock=utc_now, randomness=secrets.token_bytes)
    try:
        server = assemble(settings.api, store)
        stop = asyncio.Event()
        with stop_on_signals(stop):
            serving = asyncio.create_task(server.serve())
            stopping = asyncio.create_task(stop.wait())
            note(f"the log is taken in at https on port {server.port}, in {store.name}")
            if server.health_port is not None:
                note(f"health at http on port {server.health_port}, for this machine")
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            stopping.cancel()
            await serving
    finally:
        store.close()
    note("stopped")
