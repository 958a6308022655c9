"""What forbids that a node's unused images are removed, or asks for a person, or for a little patience.

Asked by `disk_reclaim.py` once it is images that fill the disk. Each guard stands for a harm that somebody met: an image
that cannot be pulled again, a race with the kubelet, an init container that ran twice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil

from byteport.domain.base import Frozen
from byteport.domain.plans import Runtime
from byteport.domain.reasons import Reason
from byteport.kubernetes.node_disk import UNPACKED
from byteport.kubernetes.node_state import NodeState
from byteport.kubernetes.surroundings import RESTART_SILENCE
from byteport.runbooks.disk_reclaim_findings import (
    CHANCE,
    FULL_PERCENT,
    LOOK_AGAIN,
    DiskFinding,
    failed_lately,
)

PULLED_LATELY = timedelta(minutes=5)
"""An image that was just pulled belongs to no container yet, and looks unused."""
CREATING_AT_MOST = timedelta(minutes=30)
"""A container that is being created for longer waits for something else; a person may judge."""
PULL_ERROR_LATELY = timedelta(minutes=30)

SOFT = frozenset(
    {
        Reason.TOO_FULL,
        Reason.CANNOT_TELL,
        Reason.CONDITION_AND_DF_DISAGREE,
        Reason.NODE_UNSCHEDULABLE,
        Reason.COLLECTOR_AT_WORK,
        Reason.DOCKER_PRUNE,
    }
)
"""What a person may overrule by a yes to the very plan; everything else is refused."""
_SKEW = timedelta(minutes=1)


class Guarded(Frozen):
    """Why not, or why not alone, or when to look again."""

    reasons: tuple[Reason, ...] = ()
    look_again_seconds: int | None = None


def guards(found: DiskFinding, node: NodeState, now: datetime, *, partial: bool) -> Guarded:
    """Everything that argues against a prune, the plainest first. Patience only where nothing else argues."""
    firm = [*_forbidden(node, partial=partial), *_not_again(node, now), *_prunable(found, node, now)]
    firm += _cannot_tell(node, partial=partial)
    waits = [*_collector(node, now), *_restarted(node, now), *_pulls(node, now)]
    reasons = tuple(dict.fromkeys([*firm, *(reason for reason, _ in waits)]))
    patient = [seconds for _, seconds in waits if seconds is not None]
    if firm or found.reasons or len(patient) < len(waits) or not waits:
        return Guarded(reasons=reasons)
    return Guarded(reasons=reasons, look_again_seconds=max(1, max(patient)))


def _forbidden(node: NodeState, *, partial: bool) -> list[Reason]:
    reasons = []
    if node.reading.deleting:
        reasons.append(Reason.BEING_DELETED)
    if node.prune_forbidden:
        reasons.append(Reason.PRUNE_FORBIDDEN)
    if node.helper is None and not (partial and node.helper_absence is None):
        reasons.append(Reason.HELPER_ABSENT)
    if node.runtime is Runtime.DOCKER and (node.exited_of_live_pods or 0) > 0:
        reasons.append(Reason.RERUNS_INIT_CONTAINERS)
    if node.reading.unschedulable:
        reasons.append(Reason.NODE_UNSCHEDULABLE)
    return reasons


def _not_again(node: NodeState, now: datetime) -> list[Reason]:
    """What is removed and cannot be pulled again is lost."""
    refused = node.pull_errors_at is not None and now - node.pull_errors_at <= PULL_ERROR_LATELY
    return [Reason.IMAGES_NOT_PULLABLE] if node.never_pulls or refused else []


def _prunable(found: DiskFinding, node: NodeState, now: datetime) -> list[Reason]:
    """Said before the act: nothing is unused, or all that is unused could not bring it below the threshold."""
    nothing = [Reason.NOTHING_PRUNABLE]
    if node.images_unused is None:
        kubelet_found_none = failed_lately(node, now) and node.free_eligible_bytes == 0
        return nothing if kubelet_found_none else [Reason.CANNOT_TELL]
    if node.images_unused == 0:
        return nothing
    full, freed = found.full, _could_free(found, node)
    if full is None or freed is None:
        return []
    return nothing if full.used_bytes - freed >= full.size_bytes * FULL_PERCENT / 100 else []


def _could_free(found: DiskFinding, node: NodeState) -> float | None:
    """Bytes that the unused images may take: by their weight, else by their share of all images in the runtime's place.

    The kubelet reports fifty images at most; of a node with more, only the numbers are known.
    """
    if node.images_unused_bytes is not None:
        return node.images_unused_bytes * UNPACKED
    if not node.images or node.images_unused is None or found.user is None:
        return None
    return found.user.used_bytes * node.images_unused / node.images


def _cannot_tell(node: NodeState, *, partial: bool) -> list[Reason]:
    unknown = node.runtime is Runtime.DOCKER and node.exited_of_live_pods is None
    return [Reason.CANNOT_TELL] if node.unseen_pods or unknown or (node.runtime is None and not partial) else []


def _collector(node: NodeState, now: datetime) -> list[tuple[Reason, int | None]]:
    """The kubelet removes the very same images, every five minutes: it goes first, unless it has failed."""
    since = max(
        (when for when in (node.disk_condition_since, node.collected_at) if when is not None and when <= now + _SKEW),
        default=None,
    )
    if node.free_failed_at is not None and failed_lately(node, now) and (since is None or node.free_failed_at >= since):
        return []
    if since is None:
        return [(Reason.COLLECTOR_AT_WORK, None)]
    left = CHANCE - (now - since)
    return [(Reason.COLLECTOR_AT_WORK, ceil(left.total_seconds()))] if left > timedelta(0) else []


def _restarted(node: NodeState, now: datetime) -> list[tuple[Reason, int | None]]:
    """After a restart the node's containers are made again, from images that nothing uses for a moment."""
    at = node.reading.restarted_at
    if at is None or not node.reading.restarted_lately(now):
        return []
    return [(Reason.TOO_EARLY, ceil((RESTART_SILENCE - (now - at)).total_seconds()))]


def _pulls(node: NodeState, now: datetime) -> list[tuple[Reason, int | None]]:
    waits: list[tuple[Reason, int | None]] = []
    if node.pulled_at is not None and now - node.pulled_at < PULLED_LATELY:
        waits.append((Reason.PULL_UNDER_WAY, ceil((PULLED_LATELY - (now - node.pulled_at)).total_seconds())))
    if node.creating_since is not None:
        stuck = now - node.creating_since > CREATING_AT_MOST
        waits.append((Reason.PULL_UNDER_WAY, None if stuck else LOOK_AGAIN))
    return waits
