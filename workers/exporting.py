"""Wires the receivers that the settings name, and sees to it that each has its run, and that no other one has.

Comes beside `wiring.py`, which asks here. A receiver is made when something is shipped to it: a setting that is wrong is told
by its own run, and keeps neither this process from starting nor another receiver from getting the log.
"""

from __future__ import annotations

from collections.abc import Callable

from temporalio.client import Client

from activities.clock import Clock
from activities.export.api import LedgerApi
from activities.export.file import Files
from activities.export.gcs import gcs_target
from activities.export.s3 import s3_target
from activities.export.ship import Named, Shipping
from activities.export.splunk import Splunk
from activities.export.syslog import Syslog
from activities.export.target import Target
from activities.export.webhook import Webhook
from byteport.contracts.receivers import TargetKind
from byteport.contracts.workflows import Installation
from byteport.ledger.store import Store
from byteport.settings import Settings
from byteport.temporal.exporting import start_export, wake_export


def shipping(settings: Settings, installation: Installation, store: Store, clock: Clock) -> Shipping:
    """What the queue `export` serves, with what makes each receiver that is named."""
    makers = _makers(settings, installation, clock)
    export, uid = settings.audit.export, installation.cluster_uid
    named = {kind: Named(export.cursor(kind, uid), makers[kind]) for kind in export.target}
    return Shipping(store, installation, named, clock=clock)


async def start_exports(client: Client, installation: Installation, settings: Settings) -> None:
    """A run for each receiver that is named. One that is named no more hears that a worker has started, and ends."""
    for kind in TargetKind:
        if kind in settings.audit.export.target:
            await start_export(client, installation, kind)
        else:
            await wake_export(client, installation, kind)


def _makers(settings: Settings, installation: Installation, clock: Clock) -> dict[TargetKind, Callable[[], Target]]:
    config, uid = settings.audit.export, installation.cluster_uid
    ca_file, proxy = config.ca_file, config.proxy
    return {
        TargetKind.S3: lambda: s3_target(config.s3, uid, ca_file=ca_file, proxy=proxy, clock=clock),
        TargetKind.GCS: lambda: gcs_target(config.gcs, uid, ca_file=ca_file, proxy=proxy, clock=clock),
        TargetKind.SYSLOG: lambda: Syslog(config.syslog, ca_file=ca_file),
        TargetKind.SPLUNK: lambda: Splunk(config.splunk, ca_file=ca_file, proxy=proxy, clock=clock),
        TargetKind.WEBHOOK: lambda: Webhook(config.webhook, ca_file=ca_file, proxy=proxy, clock=clock),
        TargetKind.FILE: lambda: Files(config.file),
        TargetKind.API: lambda: LedgerApi(config.api, ca_file=ca_file, proxy=proxy, clock=clock),
    }
