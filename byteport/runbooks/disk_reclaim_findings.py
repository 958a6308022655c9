"""What fills a node's disk, and whether it is full at all: the kubelet's condition held against what `df` says.

`disk_reclaim.py` asks it once per look. The order is the point: is anything wrong now, which filesystem is it, what is
on it. Only what is left of *images* after that is asked about in `disk_reclaim_guards.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from math import ceil

from byteport.domain.base import Frozen
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.node_state import DiskUser, Filesystem, FilesystemRole, NodeState, Use
from byteport.kubernetes.surroundings import Tri

FULL_PERCENT = 85.0
"""From so much on the kubelet's own collection works, and a filesystem is looked at here."""
TOO_FULL_PERCENT = 95.0
"""From so much on nothing is tried without a person: the runtime itself may fail for want of room."""
COLLECTION_PERIOD = timedelta(minutes=5)
"""The kubelet collects images so often."""
CHANCE = 2 * COLLECTION_PERIOD
"""So long above the threshold, without a fall, the kubelet's own collection has had its chance."""
TRANSITION = timedelta(minutes=5)
"""The kubelet leaves its condition True for so long after the pressure has ended."""
FAILED_LATELY = timedelta(hours=1)
LOOK_AGAIN = 60
_INODES_EMPTY = 95.0
_SLACK = timedelta(minutes=1)
_DISKS = (FilesystemRole.NODEFS, FilesystemRole.IMAGEFS, FilesystemRole.BOTH)
_OF_IMAGES = (FilesystemRole.IMAGEFS, FilesystemRole.BOTH)
_VOLUMES = "/var/lib/kubelet/pods/"

_BY_USE = {
    Use.CONTAINERS: Cause.DISK_CONTAINERS,
    Use.LOGS: Cause.DISK_LOGS,
    Use.EMPTY_DIR: Cause.DISK_EMPTY_DIR,
    Use.HOST_PATH: Cause.DISK_HOST_PATH,
    Use.VOLUME: Cause.DISK_VOLUME,
}


class DiskFinding(Frozen):
    """One node's disk trouble, with why nothing is to be done about it, or not alone."""

    cause: Cause
    reasons: tuple[Reason, ...] = ()
    full: Filesystem | None = None
    """The filesystem that it is about; None when nobody measured one."""
    user: DiskUser | None = None
    """Who takes most of it."""
    silent: bool = False
    look_again_seconds: int | None = None


def finding(node: NodeState, now: datetime, *, partial: bool) -> DiskFinding:
    """What is wrong with the node's disk. `partial`: read from saved objects, where a helper is taken for granted."""
    if node.reading.ready is not Tri.TRUE:
        return DiskFinding(cause=Cause.NODE_NOT_READY, reasons=(Reason.NODE_NOT_READY,), full=fullest(node))
    full = fullest(node)
    if full is None:
        return _unmeasured(node, now, partial=partial)
    if full.percent < FULL_PERCENT:
        return _not_full(node, full, now)
    if node.runtime_failed_at is not None and now - node.runtime_failed_at <= CHANCE:
        # Whatever its condition says: a prune goes through the very runtime that does not answer.
        return DiskFinding(cause=Cause.NODE_NOT_READY, reasons=(Reason.NODE_NOT_READY,), full=full)
    return _full(node, full, now)


def fullest(node: NodeState) -> Filesystem | None:
    """The fullest of those that the kubelet keeps anything on. Where two are alike, the one with the images."""
    disks = [found for found in node.filesystems if found.role in _DISKS and found.size_bytes > 0]
    return max(disks, key=lambda found: (found.percent, found.role in _OF_IMAGES), default=None)


def failed_lately(node: NodeState, now: datetime) -> bool:
    """The kubelet's own collection failed within the hour."""
    return node.free_failed_at is not None and now - node.free_failed_at <= FAILED_LATELY


def _unmeasured(node: NodeState, now: datetime, *, partial: bool) -> DiskFinding:
    """Nobody could ask `df`: the condition and the kubelet's events alone never lead to an act."""
    if node.disk_condition is Tri.FALSE and not failed_lately(node, now):
        return DiskFinding(cause=Cause.RECOVERED, reasons=(Reason.RECOVERED,), silent=True)
    why = Reason.CANNOT_TELL if partial and node.helper_absence is None else Reason.HELPER_ABSENT
    inodes = _reclaims_inodes(node, now)
    return DiskFinding(
        cause=Cause.DISK_INODES if inodes else Cause.DISK_CONTENTS_UNKNOWN,
        reasons=(Reason.INODES, why) if inodes else (why,),
        user=_largest(node.users),
    )


def _not_full(node: NodeState, full: Filesystem, now: datetime) -> DiskFinding:
    """There is room by bytes: then it is inodes, somebody's volume, the kubelet's threshold, or over."""
    counted = [found.inodes_percent for found in node.filesystems if found.inodes_percent is not None]
    inodes = max(counted, default=0.0)
    if node.disk_condition is not Tri.TRUE:
        if inodes < _INODES_EMPTY:
            return DiskFinding(cause=Cause.RECOVERED, reasons=(Reason.RECOVERED,), full=full, silent=True)
        return DiskFinding(cause=Cause.DISK_INODES, reasons=(Reason.INODES,), full=full, user=_most_files(node.users))
    if inodes >= FULL_PERCENT or _reclaims_inodes(node, now):
        return DiskFinding(cause=Cause.DISK_INODES, reasons=(Reason.INODES,), full=full, user=_most_files(node.users))
    disagree = (Reason.CONDITION_AND_DF_DISAGREE,)
    volume = next((found for found in node.filesystems if _is_full_volume(found)), None)
    if volume is not None:
        return DiskFinding(cause=Cause.DISK_VOLUME, reasons=(*disagree, Reason.NOT_IMAGES), full=volume)
    wait = _condition_lags(node, now)
    if wait is not None:
        return DiskFinding(
            cause=Cause.DISK_THRESHOLD, reasons=(Reason.COLLECTOR_AT_WORK,), full=full, look_again_seconds=wait
        )
    return DiskFinding(cause=Cause.DISK_THRESHOLD, reasons=disagree, full=full)


def _reclaims_inodes(node: NodeState, now: datetime) -> bool:
    """The last that the kubelet said to be reclaiming, since its condition began or just now, was inodes."""
    met, since = node.threshold_met_at, node.disk_condition_since
    if not node.reclaims_inodes or met is None:
        return False
    return now - met <= CHANCE or (node.disk_condition is Tri.TRUE and since is not None and met >= since - _SLACK)


def _is_full_volume(found: Filesystem) -> bool:
    return found.role is FilesystemRole.OTHER and found.mount.startswith(_VOLUMES) and found.percent >= FULL_PERCENT


def _condition_lags(node: NodeState, now: datetime) -> int | None:
    """Seconds to wait while the condition may only be late: it has just begun, or the pressure has just ended."""
    since, met = node.disk_condition_since, node.threshold_met_at
    if since is not None and timedelta(0) <= now - since < TRANSITION:
        return ceil((TRANSITION - (now - since)).total_seconds())
    if met is not None and _SLACK < now - met <= TRANSITION + _SLACK:
        return LOOK_AGAIN
    return None


def _full(node: NodeState, full: Filesystem, now: datetime) -> DiskFinding:
    """Full by bytes. While the condition does not agree, that is the kubelet's to mend, unless it has failed to."""
    reasons: list[Reason] = []
    if full.percent >= TOO_FULL_PERCENT:
        reasons.append(Reason.TOO_FULL)
    if node.disk_condition is not Tri.TRUE:
        if not reasons and not failed_lately(node, now):
            return DiskFinding(cause=Cause.HEALTHY, reasons=(Reason.COLLECTOR_AT_WORK,), full=full, silent=True)
        reasons.append(Reason.CONDITION_AND_DF_DISAGREE)
    found = _on_nodefs(node, full) if full.role is FilesystemRole.NODEFS else _with_images(node, full)
    return found.model_copy(update={"reasons": (*reasons, *found.reasons)})


def _on_nodefs(node: NodeState, full: Filesystem) -> DiskFinding:
    """Images lie elsewhere, so that removing them frees nothing here."""
    user = _largest(_on(node, full))
    cause = _BY_USE.get(user.use) if user is not None and _explains(user, node, full) else None
    if cause is None or cause is Cause.DISK_CONTAINERS:
        return DiskFinding(cause=Cause.DISK_OTHER_FILESYSTEM, reasons=(Reason.OTHER_FILESYSTEM,), full=full, user=user)
    return DiskFinding(cause=cause, reasons=(Reason.OTHER_FILESYSTEM, Reason.NOT_IMAGES), full=full, user=user)


def _with_images(node: NodeState, full: Filesystem) -> DiskFinding:
    """The images are on it; whether they are what fills it is for `du` to say."""
    user = _largest(_on(node, full))
    if user is None or not _explains(user, node, full):
        reasons = (Reason.CANNOT_TELL,)
        return DiskFinding(cause=Cause.DISK_CONTENTS_UNKNOWN, reasons=reasons, full=full, user=user)
    others = [found for found in node.filesystems if found.role in _DISKS and found is not full]
    beside = (Reason.OTHER_FILESYSTEM,) if any(found.percent >= FULL_PERCENT for found in others) else ()
    if user.use is Use.IMAGES:
        return DiskFinding(cause=Cause.DISK_IMAGES, reasons=beside, full=full, user=user)
    cause = _BY_USE.get(user.use, Cause.DISK_CONTENTS_UNKNOWN)
    return DiskFinding(cause=cause, reasons=(Reason.NOT_IMAGES, *beside), full=full, user=user)


def _on(node: NodeState, full: Filesystem) -> list[DiskUser]:
    """Those whose directory lies on this filesystem: below one of its mounts, and below no deeper one of another.

    The helper sees few mounts; what is below none of them lies where the kubelet's own directory does.
    """
    mounts = {mount: found for found in node.filesystems for mount in (found.mount, *found.also)}
    of_pods = (FilesystemRole.NODEFS, FilesystemRole.BOTH)
    else_on = next((found for found in node.filesystems if found.role in of_pods), None)
    return [user for user in node.users if mounts.get(_mount_of(user.path, mounts), else_on) is full]


def _mount_of(path: str, mounts: Iterable[str]) -> str:
    above = [mount for mount in mounts if path == mount or path.startswith(f"{mount.rstrip('/')}/")]
    return max(above, key=len, default="")


def _explains(user: DiskUser, node: NodeState, full: Filesystem) -> bool:
    """What nobody measured is less than the largest that somebody did."""
    rest = full.used_bytes - sum(found.used_bytes for found in _on(node, full))
    return user.used_bytes > 0 and user.used_bytes >= rest


def _largest(users: Sequence[DiskUser]) -> DiskUser | None:
    return max(users, key=lambda user: user.used_bytes, default=None)


def _most_files(users: Sequence[DiskUser]) -> DiskUser | None:
    counted = [user for user in users if user.files is not None]
    return max(counted, key=lambda user: user.files or 0, default=None)
