"""Which metrics of CloudWatch are looked at, and whose each is: pure, of what AWS lists.

Container Insights measures machines and pods by the minute, the CloudWatch agent memory and disks of a machine, EC2 itself
its CPU alone, every five minutes unless detailed monitoring is on. Where two measure the same of one machine, the first
of these is taken. Comes before `aws.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from byteport.contracts.cloud import Metric
from byteport.contracts.symptoms import Subject

INSIGHTS, AGENT, EC2 = "ContainerInsights", "CWAgent", "AWS/EC2"
PREFERENCE = (INSIGHTS, AGENT, EC2)
MINUTE, FIVE = timedelta(minutes=1), timedelta(minutes=5)
NODE_PATHS = frozenset({"/", "/var", "/var/lib", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/docker"})
"""Filesystems of a machine on which images and containers lie; volumes of pods are nobody's to clear."""
_INSTANCE, _CLUSTER, _POD, _NAMESPACE, _PATH = "InstanceId", "ClusterName", "FullPodName", "Namespace", "path"


@dataclass(frozen=True)
class Measure:
    """One metric by its name in CloudWatch, in percent."""

    namespace: str
    name: str
    metric: Metric
    of_pods: bool = False

    def filters(self, cluster: str) -> list[dict[str, str]]:
        """By which `ListMetrics` is narrowed to what may be ours."""
        return [{"Name": _CLUSTER, "Value": cluster}] if self.namespace == INSIGHTS else [{"Name": _INSTANCE}]


MEASURES = (
    Measure(INSIGHTS, "node_cpu_utilization", Metric.CPU),
    Measure(INSIGHTS, "node_memory_utilization", Metric.MEMORY),
    Measure(INSIGHTS, "node_filesystem_utilization", Metric.DISK),
    Measure(INSIGHTS, "pod_cpu_utilization_over_pod_limit", Metric.CPU, of_pods=True),
    Measure(INSIGHTS, "pod_memory_utilization_over_pod_limit", Metric.MEMORY, of_pods=True),
    Measure(AGENT, "mem_used_percent", Metric.MEMORY),
    Measure(AGENT, "disk_used_percent", Metric.DISK),
)
"""What is listed. The CPU of a machine needs no listing: EC2 has it of every one."""


@dataclass(frozen=True)
class Series:
    """One metric of one subject, and how CloudWatch knows it."""

    subject: Subject
    metric: Metric
    part: str
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    period: timedelta


def of_machine(instance: str, *, detailed: bool) -> Series:
    """A machine's CPU as EC2 measures it."""
    subject = Subject(kind="Node", provider_id=instance)
    period = MINUTE if detailed else FIVE
    return Series(subject, Metric.CPU, "", EC2, "CPUUtilization", {_INSTANCE: instance}, period)


def of_metric(
    measure: Measure, dimensions: Mapping[str, str], cluster: str, machines: Mapping[str, bool]
) -> Series | None:
    """None for what is not of this cluster, or of no one machine or pod: sums over several, volumes, workloads by name."""
    if measure.namespace == INSIGHTS and dimensions.get(_CLUSTER) != cluster:
        return None
    subject = _pod(dimensions) if measure.of_pods else _node(measure, dimensions, machines)
    path = dimensions.get(_PATH, "")
    if subject is None or (measure.name == "disk_used_percent" and path not in NODE_PATHS):
        return None
    return Series(subject, measure.metric, path, measure.namespace, measure.name, dict(dimensions), MINUTE)


def _node(measure: Measure, dimensions: Mapping[str, str], machines: Mapping[str, bool]) -> Subject | None:
    instance = dimensions.get(_INSTANCE, "")
    if instance not in machines:
        return None
    expected = {_CLUSTER, _INSTANCE, "NodeName"}
    if measure.namespace == INSIGHTS and set(dimensions) != expected:
        return None
    return Subject(kind="Node", provider_id=instance)


def _pod(dimensions: Mapping[str, str]) -> Subject | None:
    """By its full name alone: `PodName` is what its owner is called, and another's pods may be called the same."""
    if set(dimensions) != {_CLUSTER, _NAMESPACE, "PodName", _POD}:
        return None
    try:
        return Subject(kind="Pod", namespace=dimensions[_NAMESPACE], name=dimensions[_POD])
    except ValidationError:
        return None


def chosen(found: Iterable[Series]) -> Sequence[Series]:
    """One series for each metric of each subject and part; in an order that is the same at every listing."""
    best: dict[tuple[str, Metric, str], Series] = {}
    for one in sorted(found, key=_rank):
        best.setdefault((one.subject.model_dump_json(), one.metric, one.part), one)
    return [best[key] for key in sorted(best)]


def _rank(series: Series) -> tuple[int, int, list[tuple[str, str]]]:
    """Of several that the agent gives of one filesystem the one with the fewest dimensions."""
    return PREFERENCE.index(series.namespace), len(series.dimensions), sorted(series.dimensions.items())
