"""What can be set of metrics: which sources are polled, how often, and where each one is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from byteport.contracts.cloud import RIGHTS_EVERY_SECONDS, CloudSource
from byteport.contracts.cloud_azure import AzureSource
from byteport.contracts.cloud_gcp import GcpSource
from byteport.contracts.cloud_sources import AwsSource, PrometheusSource
from byteport.contracts.receiver_addresses import ProxyUrl
from byteport.settings.audit import one_or_several


class CloudsConfig(BaseModel):
    """Sources of metrics outside the cluster. Every one of them is read, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: Annotated[tuple[CloudSource, ...], BeforeValidator(one_or_several)] = ()
    """Sources that are polled, one or several: `aws`, `gcp`, `azure`, `prometheus`. Default: none."""
    every_seconds: Annotated[int, Field(ge=15, le=3600)] = 60
    """Seconds between two polls of a source. Default: a minute, as clouds measure; what is asked for costs money there."""
    rights_every_seconds: Annotated[int, Field(ge=300, le=86400)] = RIGHTS_EVERY_SECONDS
    """Seconds between two looks at what the identity of a source may do. Default: an hour; each look is a dozen questions at most, and in AWS
    most of them leave a refusal in CloudTrail. One that refuses a source is looked at again every five minutes."""
    paused: bool = False
    """Whether the Schedules rest: they stay, and start nothing. Default: no."""
    aws: AwsSource = AwsSource()
    gcp: GcpSource = GcpSource()
    azure: AzureSource = AzureSource()
    prometheus: PrometheusSource = PrometheusSource()
    ca_file: Path | None = None
    """PEM of authorities that signed the certificates of clouds' endpoints, besides those that the system trusts: of a
    proxy that looks into TLS. Default: none."""
    proxy: ProxyUrl | None = None
    """Proxy that opens tunnels (CONNECT) to the clouds. Default: none; the environment's is not taken."""

    @field_validator("sources")
    @classmethod
    def _each_once(cls, sources: tuple[CloudSource, ...]) -> tuple[CloudSource, ...]:
        if len(set(sources)) != len(sources):
            raise ValueError("names a source twice; there is one of each")
        return sources

    @model_validator(mode="after")
    def _complete(self) -> CloudsConfig:
        prometheus = self.prometheus
        if CloudSource.PROMETHEUS in self.sources and prometheus.url is None:
            raise ValueError("prometheus.url must be set: the settings name prometheus as a source")
        if (prometheus.client_cert_file is None) is not (prometheus.client_key_file is None):
            raise ValueError("prometheus.client_cert_file and prometheus.client_key_file are set both, or neither")
        if prometheus.token is not None and prometheus.url is None:
            raise ValueError("prometheus.url must be set beside prometheus.token")
        if CloudSource.GCP in self.sources and self.gcp.project is None:
            raise ValueError("gcp.project must be set: the settings name gcp as a source")
        if CloudSource.AZURE in self.sources and self.azure.missing is not None:
            raise ValueError(f"azure.{self.azure.missing} must be set: the settings name azure as a source")
        return self
