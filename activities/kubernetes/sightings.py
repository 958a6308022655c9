"""From one object to a reported symptom: dropped, looked at, reduced to its owner, folded, reported.

`streams.py` calls `see` for each object that appears or changes, `second_looks.py` for each that is looked at again. Nothing
of a healthy object is kept; of a failing one, the digest of what was last reported; of one that time alone may make a
symptom of, its name.
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
from byteport.kubernetes.glimpses import Glimpse
from byteport.kubernetes.port import JSON
from byteport.kubernetes.ripening import ripens
from byteport.kubernetes.symptoms import Symptom, symptom_of, too_young

REMEMBERED = 10_000

logger = logging.getLogger("byteport.watch")


class _Reported(NamedTuple):
    """What was last reported of an object, and where it lies."""

    digest: str
    kind: str
    namespace: str


class _Young(NamedTuple):
    """A pod to be looked at again, and when."""

    at: datetime
    namespace: str
    name: str


class Ripening(NamedTuple):
    """An object of which time alone may make a symptom."""

    kind: str
    namespace: str
    name: str
    uid: str


class Sightings:
    """Reports each symptom once per evidence digest, as long as this object lives."""

    def __init__(
        self,
        sink: SymptomSink,
        owners: OwnerResolver,
        enabled: EnabledNamespaces,
        clock: Clock,
        *,
        ripening: dict[str, Ripening],
        off: frozenset[Failure] = frozenset(),
    ) -> None:
        """`ripening`, by uid, outlives this object; `off`: failures that are not reported, since their runbook is off."""
        self._off = off
        self._sink = sink
        self._owners = owners
        self._enabled = enabled
        self._clock = clock
        self._reported: Recent[str, _Reported] = Recent(REMEMBERED)
        self._young: dict[str, _Young] = {}
        self._ripening = ripening
        self._crowded: set[str] = set()
        self.reported = 0

    async def see(self, kind: str, glimpse: Glimpse) -> None:
        """Raises `Unavailable` when the report does not get through: the bookmark then stays where it is."""
        if glimpse.namespace not in self._enabled.names:
            return
        if glimpse.calm:
            self._forget(glimpse.uid)
            return
        item, now = glimpse.whole(), self._clock()
        key = glimpse.uid
        symptom = symptom_of(kind, item, now=now)
        self._young.pop(key, None)
        self._remember_ripening(kind, glimpse, ripens(kind, item, symptom, now=now))
        if symptom is None:
            self._reported.forget(key)
            self._remember_young(kind, glimpse, item, now)
            return
        if FAILURE_OF[symptom.type] in self._off:
            return
        told = _Reported(symptom.evidence_digest, kind, glimpse.namespace)
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

    def forget(self, kind: str, glimpse: Glimpse) -> None:  # noqa: ARG002  uids are enough here
        self._forget(glimpse.uid)

    def forget_uids(self, uids: frozenset[str]) -> None:
        for uid in uids:
            self._forget(uid)

    def remembered(self, kind: str, namespace: str) -> frozenset[str]:
        """Uids of which something is kept."""
        kept = [
            *((uid, told.kind, told.namespace) for uid, told in self._reported.items()),
            *((uid, "Pod", young.namespace) for uid, young in self._young.items()),
            *((uid, one.kind, one.namespace) for uid, one in self._ripening.items()),
        ]
        return frozenset(uid for uid, of, place in kept if of == kind and namespace in ("", place))

    def ripe(self) -> list[tuple[str, str]]:
        """Namespace and name of the pods that were too young to be a symptom and are not any more; each is told once."""
        now = self._clock()
        due = [key for key, young in self._young.items() if young.at <= now]
        return [(young.namespace, young.name) for young in map(self._young.pop, due)]

    def ripening(self) -> list[Ripening]:
        """What is to be looked at again before long, though no event may come of it."""
        return list(self._ripening.values())

    def crowded(self) -> list[str]:
        """Namespaces with more of it than is remembered: everything in them is to be looked at again. Each is told once."""
        crowded, self._crowded = sorted(self._crowded), set()
        return crowded

    def _forget(self, uid: str) -> None:
        self._reported.forget(uid)
        self._young.pop(uid, None)
        self._ripening.pop(uid, None)

    def _remember_ripening(self, kind: str, glimpse: Glimpse, ripens_later: bool) -> None:  # noqa: FBT001
        if not ripens_later:
            self._ripening.pop(glimpse.uid, None)
        elif glimpse.uid in self._ripening or len(self._ripening) < REMEMBERED:
            self._ripening[glimpse.uid] = Ripening(kind, glimpse.namespace, glimpse.name, glimpse.uid)
        else:
            self._crowded.add(glimpse.namespace)

    def _remember_young(self, kind: str, glimpse: Glimpse, item: JSON, now: datetime) -> None:
        at = too_young(kind, item, now=now)
        if at is not None and len(self._young) < REMEMBERED:  # what does not fit ripens like everything else
            self._young[glimpse.uid] = _Young(at, glimpse.namespace, glimpse.name)

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
