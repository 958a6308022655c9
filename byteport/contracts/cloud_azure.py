"""What the settings say of Azure Monitor: whose metrics they are, which cluster's, and where its APIs are.

Composed into the settings' section `clouds`; `activities/cloud/azure.py` reads them. No credential stands here, nor could one: who
we are is the workload identity of this pod's ServiceAccount.
"""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import Field, model_validator

from byteport.contracts.receiver_addresses import ReceiverUrl
from byteport.domain.base import Frozen

UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
GROUP = r"[A-Za-z0-9_()-](?:[A-Za-z0-9_.()-]{0,88}[A-Za-z0-9_()-])?"
CLUSTER = rf"^/subscriptions/({UUID})/resource[gG]roups/{GROUP}/providers/Microsoft\.ContainerService/managedClusters/[A-Za-z0-9][A-Za-z0-9_-]{{0,62}}$"


class AzureSource(Frozen):
    """Azure Monitor of the machines in one resource group."""

    subscription: Annotated[str, Field(pattern=rf"^{UUID}$")] | None = None
    """Id of the subscription in which the nodes run: a node's `spec.providerID` names it. No default."""
    node_resource_group: Annotated[str, Field(pattern=rf"^{GROUP}$")] | None = None
    """Resource group of the nodes, as a node's `spec.providerID` names it: for AKS `MC_…`, not that of the cluster. No
    default."""
    region: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{1,39}$")] | None = None
    """Region of the nodes, `westeurope`: metrics are asked of each region's own address. No default."""
    cluster_id: Annotated[str, Field(pattern=CLUSTER, max_length=400)] | None = None
    """Resource id of the AKS cluster, as `az aks show --query id` prints it. Default: none; then no disk is read, since a
    machine's own metrics do not say how full a disk is."""
    workspace: Annotated[str, Field(pattern=rf"^{UUID}$")] | None = None
    """Id of the Log Analytics workspace of Container insights. Default: none. With it the disks are read from there, and not from
    the cluster's metrics. Needs `cluster_id`, since clusters may share a workspace."""
    metrics: ReceiverUrl | None = None
    """Where the metrics of the region are. Default: `https://{region}.metrics.monitor.azure.com`."""
    management: ReceiverUrl = "https://management.azure.com"
    """Where Azure Resource Manager is. Default: that of the public cloud."""
    logs: ReceiverUrl = "https://api.loganalytics.io"
    """Where Log Analytics is. Default: that of the public cloud."""
    metrics_audience: ReceiverUrl = "https://metrics.monitor.azure.com"
    """Whom a token for metrics is for. Default: that of the public cloud."""
    management_audience: ReceiverUrl = "https://management.azure.com"
    """Whom a token for Azure Resource Manager is for. Default: that of the public cloud."""
    logs_audience: ReceiverUrl = "https://api.loganalytics.io"
    """Whom a token for Log Analytics is for. Default: that of the public cloud."""

    @model_validator(mode="after")
    def _of_one_subscription(self) -> Self:
        if self.workspace is not None and self.cluster_id is None:
            raise ValueError("workspace needs cluster_id: a workspace may hold the disks of several clusters")
        named = re.match(CLUSTER, self.cluster_id or "")
        if named is not None and named[1].lower() != (self.subscription or "").lower():
            raise ValueError("cluster_id is of another subscription; the metrics of one subscription are asked for")
        return self

    @property
    def missing(self) -> str | None:
        """The first setting that is needed and is not there."""
        named = ("subscription", "node_resource_group", "region")
        return next((one for one in named if getattr(self, one) is None), None)

    @property
    def metrics_url(self) -> str:
        return self.metrics or f"https://{self.region}.metrics.monitor.azure.com"
