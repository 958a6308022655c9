"""`byteport api`: the ledger's HTTP face, which takes in the logs of many clusters, outside of each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from byteport.cli.faces import served
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

    configure_logging(settings.telemetry)
    store = open_store(settings.ledger, settings.tenant, clock=utc_now, randomness=secrets.token_bytes)
    try:
        server = assemble(settings.api, store)
        await served(server, f"the log is taken in at https on port {server.port}, in {store.name}")
    finally:
        store.close()
    note("stopped")
