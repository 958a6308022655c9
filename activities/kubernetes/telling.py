"""Kubernetes Events about what was planned, done and handed over: the one write of ours that takes no warrant.

It does not decide what happened; the workflow says which moment it is, and Temporal is believed in nothing else: the words are made
here (`byteport/kubernetes/told_events.py`) of words and numbers of ours, about a workload of a namespace that this worker itself
finds given to us, and so many a minute. Whoever reaches Temporal could have an Event written about what never happened: that is all
they could, and the log says what did. A halt stops it as it stops an act.
"""

from __future__ import annotations

import asyncio
from collections import deque

from temporalio import activity

from activities.clock import Clock
from activities.kubernetes.bounds import UNBOUNDED, Bounds
from activities.kubernetes.effects import FIELD_MANAGER
from activities.kubernetes.halt import HaltSwitch, refuse_when_halted
from activities.kubernetes.policy_source import PolicySource
from activities.kubernetes.situations import SituationReader
from activities.performs import performs
from byteport.contracts.events import TELL_EVENT, EventFate, EventTold, TellEvent
from byteport.contracts.workflows import REMEDIATION
from byteport.domain.failures import Failure
from byteport.domain.policy import Mode, Standing
from byteport.domain.targets import Target
from byteport.errors import NotPermitted
from byteport.kubernetes import fields
from byteport.kubernetes.port import Attribution, ClusterPort, Created
from byteport.kubernetes.told_events import TREATED, event_of
from byteport.runbooks.catalogue import runbook_for

MOST_A_MINUTE = 60
"""By one worker. Where hundreds of workloads are in trouble at once, people are told of the storm, and the API server has other work."""
MOST_OF_ONE = 30
"""The same, in one namespace: whoever breaks workloads there must not use up what all have."""
A_MINUTE = 60.0


class Events:
    """Of one cluster worker."""

    def __init__(
        self,
        cluster: ClusterPort,
        reader: SituationReader,
        *,
        cluster_uid: str,
        policy: PolicySource,
        halt: HaltSwitch,
        clock: Clock,
        on: bool,
        off: frozenset[Failure] = frozenset(),
        bounds: Bounds = UNBOUNDED,
    ) -> None:
        """`on`: whether settings have Events written at all. `off`: failures whose runbook is switched off."""
        self._cluster = cluster
        self._reader = reader
        self._cluster_uid = cluster_uid
        self._policy = policy
        self._halt = halt
        self._clock = clock
        self._on = on
        self._off = off
        self._bounds = bounds
        self._sent: deque[tuple[float, str]] = deque()
        """When, and in which namespace; of the last minute."""

    @performs(TELL_EVENT)
    async def tell_event(self, call: TellEvent) -> EventTold:
        """Raises `NotPermitted` for another cluster's target, and where the API server refuses; `Unavailable` without an answer."""
        telling = call.telling
        if activity.info().workflow_type != REMEDIATION:
            raise NotPermitted("only a remediation has an Event written")
        if telling.target.cluster_uid != self._cluster_uid:
            raise NotPermitted("the target is in another cluster than this worker's")
        if not self._on or call.failure in self._off:
            return EventTold(fate=EventFate.SWITCHED_OFF)
        standing = await self._standing(telling.target, call.failure)
        if standing is None:
            return EventTold(fate=EventFate.NOT_GIVEN)
        if standing.halted or await self._halted():
            return EventTold(fate=EventFate.HALTED)
        if not self._may_send(telling.target.namespace):
            return EventTold(fate=EventFate.TOO_MANY)
        by = Attribution(action_id="", audit_id="", field_manager=FIELD_MANAGER)
        event = event_of(telling, now=self._clock())
        created = await self._cluster.create_event(telling.target.namespace, event, by=by)
        return EventTold(fate=EventFate.TOLD if created is Created.NOW else EventFate.THERE_ALREADY)

    async def _standing(self, target: Target, failure: Failure) -> Standing | None:
        """What holds of its namespace; None where it is no workload of one in which something of ours may be written at all."""
        if not _is_workload(target):
            return None
        policy, runbook = self._policy.read(), runbook_for(failure)
        if runbook is None or policy.mode_for(runbook.name, target.namespace) is Mode.OBSERVE:
            return None
        if await self._reader.enabled_namespace(target.namespace, policy) is None:
            return None
        standing = await self._bounds.standing(target.namespace)
        observed = standing.ceiling is not None and standing.ceiling.mode is Mode.OBSERVE
        return None if observed else standing

    async def _halted(self) -> bool:
        try:
            await refuse_when_halted(self._halt)
        except NotPermitted:
            return True
        return False

    def _may_send(self, namespace: str) -> bool:
        """Whether fewer than may be were sent in the last minute, in all and there; if so, this is one more."""
        now = asyncio.get_running_loop().time()
        while self._sent and now - self._sent[0][0] >= A_MINUTE:
            self._sent.popleft()
        there = sum(where == namespace for _, where in self._sent)
        if len(self._sent) >= MOST_A_MINUTE or there >= MOST_OF_ONE:
            return False
        self._sent.append((now, namespace))
        return True


def _is_workload(target: Target) -> bool:
    """Whether it is named as an object of a namespace, of a kind of which Events are written."""
    named = (fields.name(target.namespace), fields.name(target.name), fields.uid(target.uid))
    return target.kind in TREATED and all(named) and named == (target.namespace, target.name, target.uid)
