"""Whether the newest release itself has failed: evidence in its own pods, of one class, that it has brought about.

*Not progressing* is no such evidence: one bad node among ten, a large image, a slow load balancer or an autoscaler at
work all exceed the deadline, and a release that is undone for them can never be shipped. Comes after `revisions.py`,
before the rollback runbook, which turns what is found here into a diagnosis.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from byteport.domain.base import Frozen
from byteport.domain.reasons import Cause
from byteport.kubernetes.blame import argued_otherwise, blamed_on_release, told_by_events
from byteport.kubernetes.events import failed_pulls
from byteport.kubernetes.logs import LogReading
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.revisions import KnownGood, pods_of
from byteport.kubernetes.rollouts import RevisionReading, RolloutReading

MANY = 2
"""Failing pods, on as many nodes, that stand for a revision of which they are at least half."""
LONG_RUN = 5
"""A run of so many settle times, in a pod that was Ready once, is taken for service."""
ATTEMPTS = 3
"""Restarts or pulls, the least that is no accident."""


class Finding(StrEnum):
    """What the pods of the newest revision say about it."""

    FAILS = "fails"
    """The release fails, and has brought it about itself."""
    FAILS_OTHERWISE = "fails_otherwise"
    """Its pods fail for a cause that is not the release's, or that it did not change."""
    TOO_FEW = "too_few"
    """Some of its pods fail, others do not: no verdict on the release."""
    NODE = "node"
    """All that fail share a node on which something else fails, or which is not well."""
    STARTS_SLOWLY = "starts_slowly"
    NOTHING = "nothing"
    """Not available, and nothing says why."""


class Trial(Frozen):
    """The finding about the newest revision, with its numbers."""

    finding: Finding
    cause: Cause
    """The release's class when it fails; what the pods say otherwise."""
    failing: int = 0
    seen: int = 0
    nodes: int = 0
    attempts: int = 0
    """The least number of restarts or pulls of any failing pod."""
    span_seconds: int = 0
    """What the evidence's own timestamps span."""
    exit_code: int | None = None
    same_exit: bool = True
    container: str = ""
    node: str = ""
    """The node that all failing pods share, if they do."""
    by_events: bool = False
    """No pod was read: told from the ReplicaSet's counters and events about its pods."""


def has_served(rollout: RolloutReading, pods: Sequence[PodReading], now: datetime, settle: timedelta) -> bool:
    """Whether the newest revision was ever Available for the settle time: then it is no failed release.

    A moment of Ready between two crashes does not count. An available pod that was not read does, because nothing is
    known against it.
    """
    newest = rollout.newest
    if newest is None or rollout.took_over:
        return True
    settle = max(settle, timedelta(seconds=rollout.min_ready_seconds))
    own = pods_of(newest, pods)
    unread = newest.available - sum(1 for pod in own if pod.ready)
    return unread > 0 or any(_served(pod, rollout.began_at, now, settle) for pod in own)


def _served(pod: PodReading, began_at: datetime | None, now: datetime, settle: timedelta) -> bool:
    since = pod.ready_changed_at
    if pod.ready:
        return since is None or now - since >= settle
    if since is None or not pod.was_ready or (began_at is not None and since < began_at):
        return False
    if pod.restarts == 0:
        # It lost its readiness after its containers had run for a while, so it had been Ready.
        mains = [item.running_since for item in pod.containers if item.running_since is not None]
        return bool(mains) and since - max(mains) > settle
    runs = [item.last.lasted for item in pod.containers if item.last is not None and item.last.lasted is not None]
    return any(run >= LONG_RUN * settle for run in (*runs, pod.longest_run))


def try_release(
    rollout: RolloutReading,
    pods: Sequence[PodReading],
    good: KnownGood | None,
    now: datetime,
    *,
    sick_nodes: frozenset[str] = frozenset(),
    unread: LogReading | None = None,
) -> Trial:
    """What speaks against the newest revision, measured against the known-good one.

    `sick_nodes` are nodes that are not well themselves. `unread` is given where saved objects may lack the pods: the
    ReplicaSet's counters and events then stand for them, and it is the log tail whose container is not known.
    """
    newest = rollout.newest
    if newest is None:
        return Trial(finding=Finding.NOTHING, cause=Cause.UNKNOWN)
    own = pods_of(newest, pods)
    if not own:
        return _by_events(rollout, newest, good, now, unread)
    changes, waited = good.revision.changes if good else None, rollout.past_deadline(now)
    blame = {pod.uid: blamed_on_release(pod, newest, changes, now, waited=waited) for pod in own}
    failing = [pod for pod in own if blame[pod.uid] is not None or _fails(pod)]
    if not failing:
        slow = any(not pod.ready for pod in own) or newest.available < newest.ready
        finding = Finding.STARTS_SLOWLY if slow else Finding.NOTHING
        return Trial(finding=finding, cause=Cause.SLOW_START if slow else Cause.UNKNOWN, seen=len(own))
    otherwise = [pod for pod in failing if blame[pod.uid] is None]
    if otherwise:
        cause = argued_otherwise(item.log for pod in otherwise for item in pod.containers)
        cause = cause or otherwise[0].cause or Cause.UNKNOWN
        return _facts(otherwise, own).model_copy(update={"finding": Finding.FAILS_OTHERWISE, "cause": cause})
    cause = Counter(kind for kind in blame.values() if kind is not None).most_common(1)[0][0]
    alike = [pod for pod in failing if blame[pod.uid] is cause]
    facts = _facts(alike, own).model_copy(update={"cause": cause})
    if not _enough(newest, own, alike):
        return facts.model_copy(update={"finding": Finding.TOO_FEW})
    if _of_a_node(alike, frozenset(rollout.troubled_nodes), sick_nodes):
        return facts.model_copy(update={"finding": Finding.NODE})
    return facts


def _of_a_node(failing: Sequence[PodReading], troubled: frozenset[str], sick: frozenset[str]) -> bool:
    """All fail on one node where something else fails too, or all on nodes that are not well."""
    nodes = {pod.node for pod in failing if pod.node}
    return bool(nodes) and (nodes <= sick or (len(nodes) == 1 and nodes <= troubled))


def _enough(newest: RevisionReading, own: Sequence[PodReading], failing: Sequence[PodReading]) -> bool:
    """All of its pods, or at least two on two nodes that are at least half of them.

    Pods that the ReplicaSet counts and nobody read must at least not be Ready for the evidence to stand for them.
    """
    total = max(newest.present, len(own))
    half = 2 * len(failing) >= total
    ready_unread = newest.ready - sum(1 for pod in own if pod.ready)
    if len(failing) == len(own) and half and ready_unread <= 0:
        return True
    nodes = {pod.node for pod in failing if pod.node}
    return half and len(failing) >= MANY and len(nodes) >= MANY


def _fails(pod: PodReading) -> bool:
    """Failing now, or between two crashes at this very moment; not merely on its way."""
    if pod.cause in (None, Cause.SLOW_START):
        return False
    return not pod.ready or pod.restarts >= ATTEMPTS


def _facts(failing: Sequence[PodReading], own: Sequence[PodReading]) -> Trial:
    told = [pod for pod in failing if pod.events] or list(failing)  # of very many, some come without their detail
    blamed = [pod.blamed for pod in failing]
    exits = [item.final.exit_code if item is not None and item.final is not None else None for item in blamed]
    nodes = sorted({pod.node for pod in failing if pod.node})
    return Trial(
        finding=Finding.FAILS,
        cause=failing[0].cause or Cause.UNKNOWN,
        failing=len(failing),
        seen=len(own),
        nodes=len(nodes),
        attempts=min(attempts(pod) for pod in told),
        span_seconds=min(_span(pod) for pod in told),
        exit_code=exits[0],
        same_exit=len(set(exits)) == 1,
        container=failing[0].culprit,
        node=nodes[0] if len(nodes) == 1 else "",
    )


def attempts(pod: PodReading) -> int:
    """Restarts of the blamed container; for an image, pulls that failed."""
    blamed = pod.blamed
    if blamed is None:
        return pod.restarts
    if blamed.waiting.is_image:
        return max(1, failed_pulls([event for event in pod.events if event.container in ("", blamed.name)]))
    return blamed.restarts


def _span(pod: PodReading) -> int:
    """Seconds between the first and the last sign of trouble that carry a time of their own."""
    times = [at for event in pod.events for at in (event.first, event.last) if at is not None]
    for item in pod.containers:
        for end in (item.ended, item.last):
            times += [at for at in (end.started_at, end.finished_at) if at is not None] if end is not None else []
    if pod.restarts >= 1 and pod.started_at is not None:
        times.append(pod.started_at)
    return int((max(times) - min(times)).total_seconds()) if times else 0


def _by_events(
    rollout: RolloutReading, newest: RevisionReading, good: KnownGood | None, now: datetime, unread: LogReading | None
) -> Trial:
    """Counters and events in place of pods: only for a rollout past its deadline of which nothing is Ready."""
    nothing = Trial(finding=Finding.NOTHING, cause=Cause.UNKNOWN, by_events=True)
    if unread is None or newest.ready or newest.available or not newest.present or not rollout.past_deadline(now):
        return nothing
    told = told_by_events(newest, good.revision.changes if good else None, unread, now)
    if told.cause is Cause.UNKNOWN:
        return nothing
    return Trial(
        finding=Finding.FAILS if told.ours and told.count >= ATTEMPTS else Finding.FAILS_OTHERWISE,
        cause=told.cause,
        failing=newest.present,
        attempts=told.count,
        span_seconds=told.span_seconds,
        by_events=True,
    )
