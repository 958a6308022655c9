"""`byteport codec`: the codec server, by which Temporal UI shows payloads to the people who may read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from byteport.cli.faces import served
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
    from workers.door_metrics import codec_metrics
    from workers.payload_keys import keys_followed

    configure_logging(settings.telemetry)
    ring = await keys_of(settings)
    runtime, told = codec_metrics(settings.telemetry.metrics_address)
    server = assemble(settings.codec, settings.temporal.namespace, ring, told)
    async with keys_followed(ring, runtime.metric_meter if runtime else None):
        await served(server, f"payloads are shown at https on port {server.port}, to {settings.codec.ui_origin}")
    note("stopped")
