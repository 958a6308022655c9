"""What the settings say of each source of metrics: where it is, and what of it is this cluster's. No key of any is among them.

The words of `clouds.sources` are `CloudSource` (`cloud.py`). Composed into the settings by `byteport/settings/clouds.py`;
`activities/cloud` holds one file for each. Who we are to a source is the pod's own identity, or a secret by its name.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TID251  as a type: nothing here opens a file
from typing import Annotated

from pydantic import Field

from byteport.contracts.receiver_addresses import ReceiverUrl
from byteport.contracts.secret_names import SecretName
from byteport.domain.base import Frozen


class AwsSource(Frozen):
    """CloudWatch, and the machines of this cluster in EC2; read by the role of the pod's ServiceAccount."""

    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] | None = None
    """Region of the cluster. Default: `AWS_REGION`, which EKS sets in every pod with an identity of its own."""
    cluster: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")] | None = None
    """The cluster's name in EKS: its machines carry it as a tag, Container Insights as a dimension. Default: `cluster.name`."""
    cloudwatch_endpoint: ReceiverUrl | None = None
    """Where CloudWatch is, for an interface endpoint without private DNS. Default: Amazon's own address of the region."""
    ec2_endpoint: ReceiverUrl | None = None
    """Where EC2 is, likewise. Default: Amazon's own address of the region."""


class PrometheusSource(Frozen):
    """A Prometheus, or what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics), over TLS."""

    url: ReceiverUrl | None = None
    """Where the HTTP API is, without `/api/v1`: `https://prometheus.monitoring.svc:9090`. Must be set where it is a source."""
    token: SecretName | None = None
    """Name of the secret whose value is shown as a bearer token. Default: none is shown."""
    ca_file: Path | None = None
    """PEM of authorities that signed its certificate, besides those that the system trusts. Default: none. There is no setting
    by which a certificate would not be verified."""
    client_cert_file: Path | None = None
    """PEM of the certificate that we show it, for mutual TLS. Default: none is shown."""
    client_key_file: Path | None = None
    """PEM of that certificate's key."""
    cluster_label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=100)] | None = None
    """Label that tells clusters apart, where it holds series of several. Default: none; all series are this cluster's."""
    cluster_value: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/-]{1,200}$")] | None = None
    """Value of that label for this cluster. Default: `cluster.name`."""
