"""What Cloud Monitoring is asked: one filter for each metric, in its own grammar, of one project's nodes.

The names, kinds and delays are those of Google's lists of metrics (`kubernetes.io`, `compute.googleapis.com`). Comes before
`gcp_series.py`, which reads the answers, and `gcp.py`, which asks.
"""

from __future__ import annotations

from dataclasses import dataclass

from byteport.contracts.cloud_gcp import GcpSource

INSTANCE_CPU = "compute.googleapis.com/instance/cpu/utilization"
NODE_CPU = "kubernetes.io/node/cpu/allocatable_utilization"
NODE_MEMORY = "kubernetes.io/node/memory/allocatable_utilization"
DISK_USED = "kubernetes.io/node/ephemeral_storage/used_bytes"
DISK_TOTAL = "kubernetes.io/node/ephemeral_storage/total_bytes"
KEPT = "non-evictable"
"""Of a node's memory: what the kernel cannot take back when it is short."""


@dataclass(frozen=True)
class Query:
    """One request. `values`: whether the points are wanted, or only which series there are."""

    metric_type: str
    filter: str
    values: bool = True


def instances(config: GcpSource, *, values: bool) -> Query:
    """Every instance of the project that has said anything; by name, zone and id."""
    return _query(INSTANCE_CPU, "gce_instance", {"resource.labels.project_id": str(config.project)}, values=values)


def nodes(config: GcpSource, metric_type: str) -> Query:
    """The nodes of the cluster that the settings name."""
    labels = {
        "resource.labels.project_id": str(config.project),
        "resource.labels.location": str(config.location),
        "resource.labels.cluster_name": str(config.cluster),
    }
    if metric_type == NODE_MEMORY:
        labels["metric.labels.memory_type"] = KEPT
    return _query(metric_type, "k8s_node", labels, values=True)


def _query(metric_type: str, resource: str, labels: dict[str, str], *, values: bool) -> Query:
    """Patterns of the settings keep quotes and backslashes out of every label's value."""
    said = {"metric.type": metric_type, "resource.type": resource, **labels}
    return Query(metric_type, " AND ".join(f'{name} = "{value}"' for name, value in said.items()), values)
