"""What operators count of this face, in the text format of Prometheus: on the port in clear, which is loopback alone.

`guard` counts requests, `writing` what is taken and what its operator has to look at, `retention` what it destroys. Counted
in memory, so that a restart begins at nought, as Prometheus expects it. Labels are words of ours and names of the
enrolment file: nothing that was sent.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from enum import Enum

from byteport.audit.heads import Chain
from byteport.audit.words import Removal

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "byteport_ledger_"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
Labels = tuple[tuple[str, str], ...]


class Metric(Enum):
    """Name and help of each."""

    REQUESTS = ("requests_total", "Requests that were answered, by method and status.")
    REFUSALS = ("refusals_total", "Requests that were refused, by the code of the problem.")
    RECORDS = ("records_total", "Records that were taken in and were not here before, by tenant.")
    FORKS = ("forks_total", "Histories that contradict the one kept here, by chain: look at both.")
    LARGE_ERASURES = ("large_erasures_total", "Hand-ins after which more was erased in a day than is usual, by chain.")
    DESTROYED = ("bodies_destroyed_total", "Bodies destroyed here after a record of their chain said so, by tenant.")
    RETENTION_FAILURES = ("retention_failures_total", "Looks for bodies whose time has come that failed.")


class Counts:
    """Of one process; threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[Metric, Counter[Labels]] = {metric: Counter() for metric in Metric}

    def answered(self, method: str, status: int, code: str | None) -> None:
        """A request, and the code by which it was refused."""
        word = method if method in _METHODS else "other"
        self._add(Metric.REQUESTS, 1, method=word, status=str(status))
        if code is not None:
            self._add(Metric.REFUSALS, 1, code=code)

    def taken(self, tenant: str, records: int) -> None:
        self._add(Metric.RECORDS, records, tenant=tenant)

    def forked(self, chain: Chain) -> None:
        self._add(Metric.FORKS, 1, **_named(chain))

    def large_erasure(self, chain: Chain) -> None:
        self._add(Metric.LARGE_ERASURES, 1, **_named(chain))

    def destroyed(self, tenant: str, cause: Removal, bodies: int) -> None:
        self._add(Metric.DESTROYED, bodies, tenant=tenant, cause=cause.value)

    def retention_failed(self) -> None:
        self._add(Metric.RETENTION_FAILURES, 1)

    def text(self, chains: Iterable[Chain]) -> str:
        """Everything; of the enrolled `chains` what never happened too, so that its first time is a change."""
        with self._lock:
            found = {metric: Counter(counted) for metric, counted in self._of.items()}
        found[Metric.RETENTION_FAILURES][()] += 0
        for chain in chains:
            found[Metric.RECORDS][(("tenant", chain.tenant),)] += 0
            for metric in (Metric.FORKS, Metric.LARGE_ERASURES):
                found[metric][tuple(_named(chain).items())] += 0
        return "".join(_lines(metric, counted) for metric, counted in found.items())

    def _add(self, metric: Metric, count: int, **labels: str) -> None:
        with self._lock:
            self._of[metric][tuple(labels.items())] += count


def _named(chain: Chain) -> dict[str, str]:
    return {"tenant": chain.tenant, "cluster_uid": chain.cluster_uid}


def _lines(metric: Metric, counted: Counter[Labels]) -> str:
    name, says = metric.value
    head = f"# HELP {PREFIX}{name} {says}\n# TYPE {PREFIX}{name} counter\n"
    return head + "".join(f"{PREFIX}{name}{_braced(labels)} {count}\n" for labels, count in sorted(counted.items()))


def _braced(labels: Labels) -> str:
    """Values are words of ours and names that the enrolment file allows, none of which needs an escape."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}" if labels else ""
