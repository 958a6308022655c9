"""From one object to a reported symptom: dropped, looked at, reduced to its owner, folded, reported.

`watch.py` calls `see` for each object that appears, changes, or is looked at again. Nothing of a healthy object is
kept; of a failing one, the digest of what was last reported.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from activities.clock import Clock
from activities.kubernetes.enabled import EnabledNamespaces
from activities.kubernetes.owners import OwnerResolver
from activities.kubernetes.recent import Recent
from activities.orchestration import SymptomSink
from byteport.domain.failures import Failure
from byteport.domain.signals import FAILURE_OF, Signal, Source
from byteport.errors import MalformedInput, NotPermitted
from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON
from byteport.kubernetes.symptoms import Symptom, symptom_of, too_young

REMEMBERED = 10_000

logger = logging.getLogger("byteport.watch")


class _Reported(NamedTuple):
    """What was last reported of an object, and where it lies."""

    digest: str
    namespace: str


class _Young(NamedTuple):
    """A pod to be looked at again, and when."""

    at: datetime
    namespace: str
    name: str


class Sightings:
    """Reports each symptom once per evidence digest, as long as this object lives."""

    def __init__(
        self,
        sink: SymptomSink,
        owners: OwnerResolver,
        enabled: EnabledNamespaces,
        clock: Clock,
        *,
        off: frozenset[Failure] = frozenset(),
    ) -> None:
        """`off`: failures that are not reported, since their runbook is switched off."""
        self._off = off
        self._sink = sink
        self._owners = owners
        self._enabled = enabled
        self._clock = clock
        self._reported: Recent[str, _Reported] = Recent(REMEMBERED)
        self._young: dict[str, _Young] = {}
        self.reported = 0

    async def see(self, kind: str, item: JSON) -> None:
        """Raises `Unavailable` when the report does not get through: the bookmark then stays where it is."""
        if item not in self._enabled:
            return
        key, now = _uid(item), self._clock()
        symptom = symptom_of(kind, item, now=now)
        self._young.pop(key, None)
        if symptom is None:
            self._reported.forget(key)
            self._remember_young(kind, item, now)
            return
        if FAILURE_OF[symptom.type] in self._off:
            return
        told = _Reported(symptom.evidence_digest, fields.name(fields.metadata(item).get("namespace")))
        if self._reported.get(key) == told:
            return
        self._reported.put(key, told)
        try:
            await self._report(kind, item, symptom)
        except BaseException:
            self._reported.forget(key)
            raise

    def begin_anew(self, namespaces: Collection[str]) -> None:
        """They have just been enabled: what was reported when they were last is over, and is told again."""
        self._reported.forget_where(lambda told: told.namespace in namespaces)

    def forget(self, item: JSON) -> None:
        self._reported.forget(_uid(item))
        self._young.pop(_uid(item), None)

    def ripe(self) -> list[tuple[str, str]]:
        """Namespace and name of the pods that were too young to be a symptom and are not any more; each is told once."""
        now = self._clock()
        due = [key for key, young in self._young.items() if young.at <= now]
        return [(young.namespace, young.name) for young in map(self._young.pop, due)]

    def _remember_young(self, kind: str, item: JSON, now: datetime) -> None:
        at = too_young(kind, item, now=now)
        if at is not None and len(self._young) < REMEMBERED:  # what does not fit is seen at the next look at everything
            meta = fields.metadata(item)
            self._young[_uid(item)] = _Young(at, fields.name(meta.get("namespace")), fields.name(meta.get("name")))

    async def _report(self, kind: str, item: JSON, symptom: Symptom) -> None:
        target = await self._owners.target_of(kind, item)
        if target is None:
            return
        signal = Signal(
            type=symptom.type,
            value=symptom.value,
            threshold=symptom.threshold,
            target=target,
            observed_at=self._clock(),
            source=Source.WATCH,
            evidence_digest=symptom.evidence_digest,
        )
        try:
            await self._sink.report(signal)
        except (MalformedInput, NotPermitted) as error:
            logger.warning("a symptom of %s cannot be reported: %s", kind, error.message)
            return
        self.reported += 1


def _uid(item: JSON) -> str:
    return fields.uid(fields.metadata(item).get("uid"))
