"""What Prometheus is asked, word for word: pure text. docs/reference/integrations.md shows the same, and a test compares.

Machines are measured by node_exporter, containers by the kubelet (cAdvisor) and their limits by kube-state-metrics, which
also says which machine has which address, and what its cloud calls it. A machine is known by that alone: `instance` is an
address, and a name that a label claims is anybody's. Comes before `prometheus.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from byteport.contracts.cloud import Metric
from byteport.contracts.cloud_sources import PrometheusSource

NODE_INFO = "kube_node_info"
RATE = "[2m]"
"""Two scrapes of a minute, or more of a shorter time."""
PATHS = "/|/var|/var/lib|/var/lib/(kubelet|containerd|docker)"
"""Filesystems of a machine on which images and containers lie; volumes of pods are nobody's to clear."""
CONTAINER = ("namespace", "pod", "container")


@dataclass(frozen=True)
class Query:
    """One range query. Its series are told apart by `by`; of machines by their address, of containers by their pod."""

    metric: Metric
    of_pods: bool
    text: str


def queries(config: PrometheusSource, cluster_name: str) -> Sequence[Query]:
    """Of every metric of machines and containers, in percent."""

    def of(name: str, *matchers: str) -> str:
        return selector(config, cluster_name, name, *matchers)

    idle = of("node_cpu_seconds_total", 'mode="idle"')
    available, total = of("node_memory_MemAvailable_bytes"), of("node_memory_MemTotal_bytes")
    disk = (f'mountpoint=~"{PATHS}"', 'fstype!~"tmpfs|overlay|squashfs|iso9660"')
    size, free, left = (of(f"node_filesystem_{what}_bytes", *disk) for what in ("size", "free", "avail"))
    used = f"({size} - {free})"
    by = f"by ({', '.join(CONTAINER)})"
    of_container = ('container!=""', 'container!="POD"')
    working, seconds = (
        of(f"container_{what}", *of_container) for what in ("memory_working_set_bytes", "cpu_usage_seconds_total")
    )
    memory_limit, cpu_limit = (
        of("kube_pod_container_resource_limits", f'resource="{resource}"') for resource in ("memory", "cpu")
    )
    return (
        Query(Metric.CPU, False, f"100 * (1 - avg by (instance) (rate({idle}{RATE})))"),
        Query(Metric.MEMORY, False, f"100 * (1 - max by (instance) ({available} / {total}))"),
        Query(Metric.DISK, False, f"100 * max by (instance, mountpoint) ({used} / ({used} + {left}))"),
        Query(Metric.MEMORY, True, f"100 * max {by} ({working}) / max {by} ({memory_limit})"),
        Query(Metric.CPU, True, f"100 * sum {by} (rate({seconds}{RATE})) / max {by} ({cpu_limit})"),
    )


def selector(config: PrometheusSource, cluster_name: str, name: str, *matchers: str) -> str:
    """`name{…}`, of this cluster alone where the settings say by which label it is known."""
    ours = [] if config.cluster_label is None else [f'{config.cluster_label}="{config.cluster_value or cluster_name}"']
    every = ", ".join([*ours, *matchers])
    return f"{name}{{{every}}}" if every else name
