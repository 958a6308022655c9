"""`byteport codec`: the codec server, by which Temporal UI shows payloads to the people who may read them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

from byteport.cli.output import note
from byteport.cli.session import keys_of, run, settings_of

if TYPE_CHECKING:
    from byteport.settings import Settings


def codec(context: typer.Context) -> None:
    """Decrypt payloads over HTTPS for Temporal UI and for people who have signed in there, until it is told to stop."""
    run(_serve(settings_of(context, without_cluster=True)))


async def _serve(settings: Settings) -> None:
    from byteport.codec.assembly import assemble
    from byteport.telemetry import configure_logging
    from workers.payload_keys import keys_followed
    from workers.run import stop_on_signals

    configure_logging(settings.telemetry)
    ring = await keys_of(settings)
    server = assemble(settings.codec, settings.temporal.namespace, ring)
    stop = asyncio.Event()
    async with keys_followed(ring, None):
        with stop_on_signals(stop):
            serving = asyncio.create_task(server.serve())
            stopping = asyncio.create_task(stop.wait())
            note(f"payloads are shown at https on port {server.port}, to {settings.codec.ui_origin}")
            if server.health_port is not None:
                note(f"health at http on port {server.health_port}, for this machine")
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            stopping.cancel()
            await serving
    note("stopped")
