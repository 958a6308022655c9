"""`byteport console`: the approvals page, on which people see what waits and answer through their identity provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from byteport.cli.faces import served
from byteport.cli.output import note
from byteport.cli.session import keys_of, run, settings_of

if TYPE_CHECKING:
    from byteport.settings import Settings


def console(context: typer.Context) -> None:
    """Show over HTTPS what waits, the runs and the log, and take answers from the browser, until it is told to stop."""
    run(_serve(settings_of(context)))


async def _serve(settings: Settings) -> None:
    from byteport.cli.ledger import log_of
    from byteport.console.assembly import assemble
    from byteport.contracts.metrics import Door
    from byteport.settings import installation
    from byteport.telemetry import configure_logging
    from byteport.temporal.connect import connect
    from workers.door_metrics import door_metrics
    from workers.payload_keys import keys_followed

    configure_logging(settings.telemetry)
    log = log_of(settings)
    ring = await keys_of(settings)
    runtime, told = door_metrics(settings.telemetry.metrics_address, Door.CONSOLE)
    client = await connect(settings.temporal, ring, identity="byteport-console", runtime=runtime)
    server = assemble(settings.console, client, installation(settings), log, settings.approvals.issuers, told)
    async with keys_followed(ring, runtime.metric_meter if runtime else None):
        await served(server, f"approvals at {settings.console.url}, served at https on port {server.port}")
    note("stopped")
