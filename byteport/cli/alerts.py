"""`byteport alerts`: the door by which alerts from outside enter, over HTTPS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from byteport.cli.faces import served
from byteport.cli.output import note
from byteport.cli.session import client_with, keys_of, run, settings_of

if TYPE_CHECKING:
    from byteport.settings import Settings


def alerts(context: typer.Context) -> None:
    """Take in alerts of Alertmanager and SNS over HTTPS, and hand them to Temporal, until it is told to stop."""
    run(_serve(settings_of(context)))


async def _serve(settings: Settings) -> None:
    from byteport.alerts.assembly import assemble, by_temporal, telling
    from byteport.contracts.metrics import Door
    from byteport.settings import installation
    from byteport.telemetry import configure_logging
    from workers.door_metrics import door_metrics
    from workers.payload_keys import keys_followed

    configure_logging(settings.telemetry)
    ours = installation(settings)
    ring = await keys_of(settings)
    runtime, told = door_metrics(settings.telemetry.metrics_address, Door.ALERTS)
    client = await client_with(settings, ring, runtime)
    hand_over, tell_run = by_temporal(client, ours), telling(client)
    server = assemble(settings.alerts, ours, hand_over, settings.state_dir, tell_run=tell_run, told=told)
    async with keys_followed(ring, runtime.metric_meter if runtime else None):
        await served(server, f"alerts are taken in at https on port {server.port}, for cluster {ours.cluster_name}")
    note("stopped")
