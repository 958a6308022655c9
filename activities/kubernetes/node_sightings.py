"""From a node, or an event about one, to a reported symptom. A node without a label of its own is dropped at once.

`streams.py` calls `see` for each node and each event of the namespace `default`, where the kubelets' own events lie. Kept
is of the enabled nodes in trouble the digest of what was last reported.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from activities.clock import Clock
from activities.kubernetes.recent import Recent
from activities.orchestration import SymptomSink
from byteport.domain.failures import Failure
from byteport.domain.signals import FAILURE_OF
from byteport.errors import MalformedInput, NotPermitted, TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.glimpses import Glimpse
from byteport.kubernetes.node_symptoms import NodeSymptom, node_signal, node_target, of_node, of_node_event
from byteport.kubernetes.port import JSON, ClusterPort

REMEMBERED = 10_000
_OF_CONDITIONS = frozenset({"disk_pressure", "memory_pressure"})

logger = logging.getLogger("byteport.watch")


class NodeSightings:
    """Reports each symptom of a node once per evidence digest, as long as this object lives."""

    def __init__(
        self,
        sink: SymptomSink,
        cluster: ClusterPort,
        cluster_uid: str,
        clock: Clock,
        *,
        off: frozenset[Failure] = frozenset(),
    ) -> None:
        """`off`: failures that are not reported, since their runbook is switched off."""
        self._off = off
        self._sink = sink
        self._cluster = cluster
        self._cluster_uid = cluster_uid
        self._clock = clock
        self._reported: Recent[tuple[str, str, str], str] = Recent(REMEMBERED)
        self.reported = 0

    async def see(self, kind: str, glimpse: Glimpse) -> None:
        """Raises `Unavailable` when the report does not get through: the bookmark then stays where it is."""
        if glimpse.calm:
            self.forget(kind, glimpse)
            return
        item = glimpse.whole()
        if kind == "Node":
            if not _enabled(item):
                return
            found = self._treated(of_node(item))
            name = fields.name(fields.metadata(item).get("name"))
            for symptom_type in _OF_CONDITIONS - {symptom.type.value for symptom in found}:
                self._reported.forget((kind, name, symptom_type))
            await self._report(kind, found, item)
            return
        for symptom in self._treated(of_node_event(item, self._clock())):
            if self._is_new(kind, symptom):
                node = await self._node(symptom.node)
                if node is not None:
                    await self._report(kind, [symptom], node)

    def forget(self, kind: str, glimpse: Glimpse) -> None:
        """A node that is well, or was deleted; events are deleted by time, which says nothing."""
        if kind == "Node":
            for symptom_type in _OF_CONDITIONS:
                self._reported.forget((kind, glimpse.name, symptom_type))

    def remembered(self, kind: str, namespace: str) -> frozenset[str]:  # noqa: ARG002  see below
        """None by its uid: another node of the name has another, and so another digest."""
        return frozenset()

    def forget_uids(self, uids: frozenset[str]) -> None:
        """There are none."""

    def _treated(self, symptoms: Iterable[NodeSymptom]) -> list[NodeSymptom]:
        return [symptom for symptom in symptoms if FAILURE_OF[symptom.type] not in self._off]

    async def _node(self, name: str) -> JSON | None:
        """The node that an event names, if it is there and given to us."""
        try:
            node = await self._cluster.get(port.NODES, "", name)
        except (TargetGone, NotPermitted):
            return None
        return node if _enabled(node) else None

    def _is_new(self, kind: str, symptom: NodeSymptom) -> bool:
        return self._reported.get((kind, symptom.node, symptom.type.value)) != symptom.evidence_digest

    async def _report(self, kind: str, symptoms: Iterable[NodeSymptom], node: JSON) -> None:
        for symptom in symptoms:
            if not self._is_new(kind, symptom):
                continue
            key = (kind, symptom.node, symptom.type.value)
            self._reported.put(key, symptom.evidence_digest)
            target = node_target(self._cluster_uid, symptom.node, node)
            try:
                await self._sink.report(node_signal(symptom, target, self._clock()))
            except (MalformedInput, NotPermitted) as error:
                logger.warning("a symptom of %s cannot be reported: %s", kind, error.message)
            except BaseException:
                self._reported.forget(key)
                raise
            else:
                self.reported += 1


def _enabled(node: JSON) -> bool:
    return fields.labels(node).get(ENABLED_LABEL) == "true"
