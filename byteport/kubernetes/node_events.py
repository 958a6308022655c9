"""What a node's kubelet says of its own housekeeping, as times and numbers: the events whose words the class leaves out.

`events.py` has one class for everything by which a disk is called full. A prune needs to know more: whether it was the
kubelet's own collection that failed, what it found to remove, and whether it is inodes or memory that it must reclaim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from byteport.domain.base import Frozen, Instant
from byteport.kubernetes import fields
from byteport.kubernetes.events import EventClass, EventReading, read_event
from byteport.kubernetes.world import JSON

_ELIGIBLE = re.compile(r"(?:only found|freed) ([0-9]{1,18}) bytes")
_FAILED = ("FreeDiskSpaceFailed", "ImageGCFailed")
_ASKS_RUNTIME = ("ImageGCFailed", "ContainerGCFailed")
_NO_ANSWER = re.compile(
    "code = Unavailable|code = DeadlineExceeded|connection refused|read-only file system|input/output error"
)
_PULLS = (EventClass.PULLING, EventClass.PULLED)
_PULL_FAILS = (EventClass.PULL_FAILED, EventClass.PULL_BACKOFF)
_NOT_PULLED = "already present on machine"
"""The kubelet gives the reason `Pulled` to a container that starts from an image which was there, too."""


class NodeEvents(Frozen):
    """When what was last said."""

    free_failed_at: Instant | None = None
    free_eligible_bytes: int | None = None
    threshold_met_at: Instant | None = None
    reclaims_inodes: bool = False
    collected_at: Instant | None = None
    pulled_at: Instant | None = None
    pull_errors_at: Instant | None = None
    runtime_failed_at: Instant | None = None


class _Said(Frozen):
    at: Instant
    eligible: int | None = None
    inodes: bool = False


def read_node_events(events: Iterable[JSON], node: str, pods: frozenset[str]) -> NodeEvents:
    """The node's own events, and those of pulls on it; `pods` are its pods as `namespace/name`. Never raises."""
    failed: list[_Said] = []
    met: list[_Said] = []
    collected: list[datetime] = []
    pulled: list[datetime] = []
    refused: list[datetime] = []
    unanswered: list[datetime] = []
    for item in events:
        event = read_event(item)
        if event.last is None:
            continue
        if event.about_kind == "Node":
            if event.about == node:
                _of_node(item, event.last, failed, met, collected)
                if _runtime_failed(item):
                    unanswered.append(event.last)
        elif event.kind in _PULL_FAILS:
            refused.append(event.last)
        elif event.kind in _PULLS and (event.host == node or _about(event, item) in pods) and _is_pull(item):
            pulled.append(event.last)
    newest = max(failed, key=lambda said: said.at, default=None)
    latest = max(met, key=lambda said: said.at, default=None)
    return NodeEvents(
        free_failed_at=newest.at if newest is not None else None,
        free_eligible_bytes=newest.eligible if newest is not None else None,
        threshold_met_at=latest.at if latest is not None else None,
        reclaims_inodes=latest is not None and latest.inodes,
        collected_at=max(collected, default=None),
        pulled_at=max(pulled, default=None),
        pull_errors_at=max(refused, default=None),
        runtime_failed_at=max(unanswered, default=None),
    )


def disk_failures(events: Iterable[JSON]) -> Iterator[tuple[str, datetime]]:
    """Node and time of each failure of a kubelet's own collection: the symptom that comes before any condition."""
    for item in events:
        event = read_event(item)
        if event.about_kind == "Node" and event.about and event.last is not None and item.get("reason") in _FAILED:
            yield event.about, event.last


def _of_node(item: JSON, last: datetime, failed: list[_Said], met: list[_Said], collected: list[datetime]) -> None:
    reason, said = item.get("reason"), fields.message(item.get("message") or item.get("note"))
    if reason in _FAILED:
        match = _ELIGIBLE.search(said)
        failed.append(_Said(at=last, eligible=int(match.group(1)) if match else None))
    elif reason == "EvictionThresholdMet" and "memory" not in said and "pid" not in said:
        met.append(_Said(at=last, inodes="inodes" in said))
    elif reason == "NodeHasNoDiskPressure":
        collected.append(last)


def _runtime_failed(item: JSON) -> bool:
    """The kubelet could not ask the runtime at all, or the runtime could not write: whoever asks next fares no better."""
    said = fields.message(item.get("message") or item.get("note"))
    return item.get("reason") in _ASKS_RUNTIME and _NO_ANSWER.search(said) is not None


def _is_pull(item: JSON) -> bool:
    return _NOT_PULLED not in fields.message(item.get("message") or item.get("note"))


def _about(event: EventReading, item: JSON) -> str:
    about = fields.mapping(item.get("involvedObject")) or fields.mapping(item.get("regarding"))
    namespace = fields.name(about.get("namespace")) or fields.name(fields.metadata(item).get("namespace"))
    return f"{namespace}/{event.about}"
