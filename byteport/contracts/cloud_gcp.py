"""What the settings say of Google Cloud's metrics: whose they are, which cluster's, and where its APIs are.

Composed into the settings' section `clouds`; `activities/cloud/gcp.py` reads them. No credential stands here, nor could one: who we
are is the identity of this pod's ServiceAccount.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from byteport.contracts.receiver_addresses import HostAndPort, ReceiverUrl
from byteport.domain.base import Frozen

PROJECT = r"^(?:[a-z0-9.-]{1,80}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$"


class GcpSource(Frozen):
    """Cloud Monitoring of one project."""

    project: Annotated[str, Field(pattern=PROJECT)] | None = None
    """Id (not the number) of the project in which the nodes run: the first part of a node's `spec.providerID`, `gce://project/…`.
    No default."""
    cluster: Annotated[str, Field(pattern=r"^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$")] | None = None
    """Name of the GKE cluster. Default: none; then only the CPU of the project's instances is read, since memory and disk are
    measured by GKE alone."""
    location: Annotated[str, Field(pattern=r"^[a-z]+-[a-z0-9]+(?:-[a-z0-9]{1,8})?$")] | None = None
    """Region or zone of the cluster, as `gcloud container clusters list` shows it. Goes with `cluster`."""
    logging_viewer: bool = False
    """Whether this identity is meant to hold `roles/logging.viewer`. Default: no; the agent reads no logs of Google Cloud, and
    `check` says that the right to is in excess."""
    endpoint: HostAndPort = "monitoring.googleapis.com:443"
    """Where the Monitoring API is. Default: Google's own address."""
    resource_manager: ReceiverUrl = "https://cloudresourcemanager.googleapis.com"
    """Where the Resource Manager API is, which is asked only what this identity may do. Default: Google's own address."""

    @model_validator(mode="after")
    def _cluster_and_location_belong_together(self) -> Self:
        if (self.cluster is None) != (self.location is None):
            raise ValueError("cluster and location belong together; set both or neither")
        return self
