"""What Cloud Monitoring's series say of nodes: which machine a node's name is, and percent of what it may have. Pure.

A node's `spec.providerID` is `gce://project/zone/instance-name`. GKE's own metrics name a node, and the place of its *cluster*,
which is a region for a regional one; those of Compute Engine name an instance with its zone, its name and its id. So a name is
looked up among the instances of the project, and is only taken where it means one machine: the same name in two zones, or
under two ids (a machine that was made anew within the window), is left out. Comes after `gcp_requests.py`, before `gcp.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from activities.cloud.source import Point, Window
from byteport.contracts.cloud import Metric
from byteport.contracts.symptoms import Subject

PERIOD = timedelta(seconds=60)
"""How often Google samples these metrics, and the shortest alignment that the API takes."""
_LONGEST_NAME, _LONGEST_ZONE = 253, 63


@dataclass
class Series:
    """One series as it came, all its pages together: its labels, and its values by the end of each period."""

    resource: Mapping[str, str]
    metric: Mapping[str, str]
    values: dict[datetime, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Machines:
    """Instances of one project, by name; None for a name that does not mean one machine."""

    by_name: Mapping[str, str | None]

    @classmethod
    def of(cls, instances: Iterable[Series], project: str) -> Machines:
        """From series of `gce_instance`: resource labels `project_id`, `zone`, `instance_id`, metric label `instance_name`."""
        ids: dict[str, set[tuple[str, str]]] = {}
        for one in instances:
            zone, name = one.resource.get("zone", ""), one.metric.get("instance_name", "")
            plain = 0 < len(zone) <= _LONGEST_ZONE and 0 < len(name) <= _LONGEST_NAME
            if one.resource.get("project_id") == project and plain:
                ids.setdefault(name, set()).add((zone, one.resource.get("instance_id", "")))
        return cls(
            {
                name: f"projects/{project}/zones/{next(iter(found))[0]}/instances/{name}" if len(found) == 1 else None
                for name, found in ids.items()
            }
        )

    def subject(self, name: str) -> Subject | None:
        provider_id = self.by_name.get(name)
        return None if provider_id is None else Subject(kind="Node", provider_id=provider_id)


def aligned(window: Window) -> Window:
    """Whole minutes, the last of which ended at least a minute before `window.end`.

    The API aligns periods to the end of the interval that is asked for: whole minutes make two polls name the same periods, so
    that what both have seen is the same point. The minute that is running, and the one before it, are not asked for: what
    has not yet come of them would be missing from their mean. They come with the next poll.
    """
    end = _minute(window.end) - PERIOD
    return Window(min(_minute(window.start), end - PERIOD), end)


def shares(machines: Machines, series: Iterable[Series], metric: Metric) -> Iterator[Point]:
    """Of series that hold a fraction of 1 of each node. Several of one node (by system daemon) are parts: the largest holds."""
    largest: dict[tuple[str, datetime], float] = {}
    for one in series:
        name = one.resource.get("node_name", "") or one.metric.get("instance_name", "")
        for at, value in one.values.items():
            largest[name, at] = max(largest.get((name, at), value), value)
    yield from _points(machines, {key: value * 100 for key, value in largest.items()}, metric)


def parts(machines: Machines, used: Iterable[Series], of: Iterable[Series], metric: Metric) -> Iterator[Point]:
    """Of what is used and of what there is, of the same node in the same period; a half without its other half says nothing."""
    whole = {(one.resource.get("node_name", ""), at): value for one in of for at, value in one.values.items()}
    found = {}
    for one in used:
        name = one.resource.get("node_name", "")
        for at, value in one.values.items():
            if whole.get((name, at), 0) > 0:
                found[name, at] = value / whole[name, at] * 100
    yield from _points(machines, found, metric)


def _points(machines: Machines, percents: Mapping[tuple[str, datetime], float], metric: Metric) -> Iterator[Point]:
    for (name, at), percent in sorted(percents.items(), key=lambda item: item[0]):
        subject = machines.subject(name)
        if subject is not None:
            yield Point(subject, metric, percent, at, PERIOD)


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)
