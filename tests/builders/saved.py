"""Bundles of pods as a person would save them: those that one delete mends, and those in which nothing is wrong.

A bundle holds the failing pod, its owners and its events, and seldom its siblings. `saved_escalated.py` has the kinds
that look alike and are a person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.builders.objects import (
    JSON,
    event,
    owner,
    pod,
    stamp,
    status,
    terminated,
)
from tests.builders.workload import Workload


class Saved(NamedTuple):
    """Objects and log lines of one bundle."""

    objects: Sequence[JSON]
    log_tail: Sequence[str] = ()


def of(shop: Workload, *keep: int, log: Sequence[str] = (), nodes: bool = False) -> Saved:
    """The bundle of a workload of which only the pods `keep` were saved."""
    shop.objects()
    kept = [shop.pods[index] for index in keep]
    around = shop.nodes if nodes else []
    return Saved([*kept, shop.deployment, *shop.replica_sets, *shop.events, *around, *shop.extra], log)


# what one pod's death and rebirth mends


def transient_crash() -> Saved:
    shop = Workload()
    shop.crash(0, code=2, since=35)
    return of(shop, 0, log=["panic: runtime error: index out of range [3] with length 3", "goroutine 1 [running]:"])


def stale_lock_in_scratch_space() -> Saved:
    shop = Workload()
    shop.crash(1, code=1)
    shop.pods[1]["spec"]["volumes"] = [{"name": "scratch", "emptyDir": {}}]
    return of(shop, 1, log=["FATAL: lock file /scratch/index.lock exists, is another process running?"], nodes=True)


def corrupt_cache_in_scratch_space() -> Saved:
    shop = Workload()
    shop.crash(2, code=134)
    shop.pods[2]["spec"]["volumes"] = [{"name": "cache", "emptyDir": {}}]
    return of(shop, 2, log=["cache segment 17: checksum mismatch, refusing to start"])


def wedged_on_its_own_connections() -> Saved:
    shop = Workload()
    found = shop.unready(3, since=25)
    shop.events.append(
        event(found, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", count=90)
    )
    return of(shop, 3, log=["HikariPool-1 - Connection is not available, request timed out after 30000ms"])


def wedged_for_want_of_descriptors() -> Saved:
    shop = Workload()
    shop.unready(4, since=90)
    return of(shop, 4, log=["accept4: too many open files; retrying in 1s"])


def wedged_with_its_sibling_saved() -> Saved:
    shop = Workload(replicas=2, nodes=2)
    shop.unready(0, since=50)
    return of(shop, 0, 1)


# nothing is wrong


def killed_once() -> Saved:
    shop = Workload()
    shop.pods[0]["status"]["containerStatuses"][0] |= {"restartCount": 1, "lastState": terminated(1, finished=20)}
    return of(shop, *range(5))


def restarts_of_last_month() -> Saved:
    shop = Workload()
    old = terminated(1, finished=20 * 24 * 60, started=21 * 24 * 60)
    shop.pods[0]["status"]["containerStatuses"][0] |= {"restartCount": 41, "lastState": old}
    return of(shop, *range(5))


def being_deleted() -> Saved:
    shop = Workload()
    shop.crash(0)["metadata"]["deletionTimestamp"] = stamp(1)
    return of(shop, 0)


def lost_status_after_an_eviction() -> Saved:
    shop = Workload()
    ended = terminated(137, "ContainerStatusUnknown", finished=600)
    gone = pod(
        "web-old",
        owners=[owner("ReplicaSet", shop.current["metadata"]["name"], shop.current["metadata"]["uid"])],
        phase="Failed",
        statuses=[status(state=ended, ready=False)],
        ready=False,
        created=6000,
    )
    shop.extra.append(gone)
    return of(shop, 1)


def finished_migration_pod() -> Saved:
    return Saved(
        [
            pod(
                "migrate-1-x",
                owners=[owner("Job", "migrate-1", api="batch/v1")],
                phase="Succeeded",
                ready=False,
                statuses=[status(state=terminated(0, "Completed"), ready=False)],
            )
        ]
    )
