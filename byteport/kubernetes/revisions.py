"""Which revision to go back to: the newest that is known to be good, not blindly the one before.

`kubectl rollout undo` takes N-1, which after two bad releases in a row is the other bad one, and the undo of that is
the first again. Good is what serves now; or, for a person to decide, what was once seen to. `release.py` measures the
newest revision's failure against the one that is found here.
"""

from __future__ import annotations

from collections.abc import Sequence

from byteport.domain.base import Frozen
from byteport.kubernetes.pods import PodReading
from byteport.kubernetes.rollouts import RevisionReading, RolloutReading


class KnownGood(Frozen):
    """A revision to go back to, and what lies between it and the newest."""

    revision: RevisionReading
    serves: bool
    """It has available pods now; otherwise it is only remembered."""
    skipped: tuple[int, ...] = ()
    """Numbers of the revisions in between, none of which serves: releases that failed as well."""


def known_good_revision(rollout: RolloutReading, pods: Sequence[PodReading] = ()) -> KnownGood | None:
    """The newest older revision that has available pods now, else the newest that is remembered as available.

    A revision whose own pods are seen failing is passed over, whatever its counters say. Returns None when no revision
    qualifies; the caller escalates. `rollout.older` is ordered newest first, as kubectl numbers revisions.
    """
    older = [found for found in rollout.older if not found.deleting]
    serving = [found for found in older if found.available > 0 and not _fails(found, pods)]
    remembered = [found for found in older if found.remembered and not _fails(found, pods)]
    chosen = next(iter(serving), None) or next(iter(remembered), None)
    if chosen is None:
        return None
    between = tuple(found.number for found in older if found.number > chosen.number and found.available == 0)
    return KnownGood(revision=chosen, serves=chosen.available > 0, skipped=between)


def same_release_before(rollout: RolloutReading, good: RevisionReading | None) -> RevisionReading | None:
    """An earlier revision by which the newest is shown to be no new release at all: then the release is not the cause.

    That is the one right before it, or the known-good one. What differs only in annotations (a restart, a checksum) is
    the same release. Walking further back to a revision that does differ is not justified by such a failure.
    """
    before = next(iter(rollout.older), None)
    for found in (before, good):
        if found is not None and found.release_digest == rollout.release_digest:
            return found
    return None


def pods_of(revision: RevisionReading, pods: Sequence[PodReading]) -> list[PodReading]:
    """The living pods of a revision: neither terminating nor finished records."""
    return [pod for pod in pods if pod.owner.replica_set_uid == revision.uid and not pod.deleting and not pod.finished]


def _fails(revision: RevisionReading, pods: Sequence[PodReading]) -> bool:
    """Whether every pod of it that was read is failing, or was a moment ago: then its counters are old, or it flaps."""
    own = pods_of(revision, pods)
    failing = all(not pod.ready or pod.cause is not None or pod.unproven_seconds for pod in own)
    return bool(own) and failing and len(own) >= revision.available
