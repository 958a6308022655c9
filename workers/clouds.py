"""Wires the sources of metrics that the settings name, sees to their Schedules, and looks at what their identities may do.

Comes beside `wiring.py`, which asks here. A source is made at its first poll: a setting or an identity that is wrong is told
by its own poll, and keeps neither this process from starting nor another source from being read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from temporalio.client import Client

from activities.clock import Clock, utc_now
from activities.cloud.aws import AwsMetrics
from activities.cloud.azure import AzureMetrics
from activities.cloud.gcp import GcpMetrics
from activities.cloud.poll import Polling
from activities.cloud.prometheus import PrometheusMetrics
from activities.cloud.rights import Rights
from activities.cloud.source import Excess, MetricSource, RightFinding
from activities.kubernetes.policy_source import PolicySource
from activities.secrets.reading import chosen
from byteport.contracts.cloud import CloudSource
from byteport.contracts.workflows import Installation
from byteport.errors import BytePortError
from byteport.settings import Settings
from byteport.temporal.schedules import follow_polls
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy


def polling(settings: Settings, installation: Installation, policy: PolicySource, clock: Clock) -> Polling:
    """What the queue `cloud` serves, with what makes each source that is named."""
    return Polling(installation.cluster_uid, _named(settings, clock), policy, clock=clock)


def rights(settings: Settings, installation: Installation, clock: Clock) -> Rights:
    """What that queue serves beside it."""
    return Rights(installation.cluster_uid, _named(settings, clock), clock=clock)


async def start_polls(client: Client, installation: Installation, settings: Settings) -> None:
    """A Schedule for each source that is named, and none for any other."""
    clouds = settings.clouds
    every = timedelta(seconds=clouds.every_seconds)
    rights_every = timedelta(seconds=clouds.rights_every_seconds)
    await follow_polls(
        client, installation, clouds.sources, every=every, rights_every=rights_every, paused=clouds.paused
    )


async def check_clouds(settings: Settings) -> list[Check]:
    """One line for each source: whether its identity has exactly the rights that its policy gives."""
    return [await _check(source, make) for source, make in _named(settings, utc_now).items()]


async def _check(source: CloudSource, make: Callable[[], MetricSource]) -> Check:
    name = f"metrics {source.value}"
    way = remedy(Amiss.CLOUD_RIGHTS, source=source.value)
    try:
        made = make()
        try:
            findings = await made.check()
        finally:
            await made.close()
    except BytePortError as error:
        return Check(name, Outcome.FAILED, error.message, way)
    amiss = [one.says for one in findings if one.what is not Excess.CANNOT_TELL]
    if amiss:
        return Check(name, Outcome.FAILED, "; ".join(amiss), way)
    return Check(name, Outcome.OK, f"no right too many or too few was found{_untold(findings)}")


def _untold(findings: tuple[RightFinding, ...]) -> str:
    untold = [one.permission for one in findings if one.what is Excess.CANNOT_TELL]
    return f"; of these it cannot be told: {', '.join(untold)}" if untold else ""


def _named(settings: Settings, clock: Clock) -> dict[CloudSource, Callable[[], MetricSource]]:
    """What makes each source that the settings name."""
    makers = _makers(settings, clock)
    return {source: makers[source] for source in settings.clouds.sources}


def _makers(settings: Settings, clock: Clock) -> dict[CloudSource, Callable[[], MetricSource]]:
    clouds, cluster = settings.clouds, settings.cluster.name
    ca_file, proxy = clouds.ca_file, clouds.proxy
    return {
        CloudSource.AWS: lambda: AwsMetrics(clouds.aws, cluster, ca_file=ca_file, proxy=proxy, clock=clock),
        CloudSource.GCP: lambda: GcpMetrics(clouds.gcp, ca_file=ca_file, proxy=proxy, clock=clock),
        CloudSource.AZURE: lambda: AzureMetrics(clouds.azure, ca_file=ca_file, proxy=proxy, clock=clock),
        CloudSource.PROMETHEUS: lambda: PrometheusMetrics(
            clouds.prometheus, cluster, secrets=lambda: chosen(settings.secret, clock), clock=clock
        ),
    }
