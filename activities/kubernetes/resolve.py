"""RESOLVE_OUTCOME: whether an act whose answer was lost has taken effect. It does not decide what follows from that.

Comes after a `mutations.py` that ended in `UnknownOutcome`. A request may still be on its way until the grant has
ended, so *not applied* is said only after that; until then the answer is to ask again.
"""

from __future__ import annotations

from datetime import timedelta

from activities.clock import Clock
from activities.kubernetes.effects import Trace
from activities.kubernetes.grounds import Ground, deny
from activities.kubernetes.repertoire import Repertoire
from activities.performs import performs
from byteport.contracts.kubernetes import RESOLVE_OUTCOME, Outcome, ResolveOutcome
from byteport.errors import Unavailable
from byteport.kubernetes.port import ClusterPort
from byteport.trust.grants import GrantVerifier

ASK_AGAIN = timedelta(seconds=10)


class Outcomes:
    """Looks for traces on one cluster."""

    def __init__(self, cluster: ClusterPort, grants: GrantVerifier, *, cluster_uid: str, clock: Clock) -> None:
        self._grants = grants
        self._cluster_uid = cluster_uid
        self._clock = clock
        self._effects = Repertoire(cluster, cluster_uid=cluster_uid, clock=clock)

    @performs(RESOLVE_OUTCOME)
    async def resolve_outcome(self, call: ResolveOutcome) -> Outcome:
        warrant = call.warrant
        self._grants.verify(warrant.grant)
        if {warrant.grant.body.cluster_uid, warrant.plan.target.cluster_uid} != {self._cluster_uid}:
            raise deny(Ground.CLUSTER, "the warrant is for another cluster")
        trace = await self._effects.effect_of(warrant.plan).trace(warrant)
        now = self._clock()
        if trace is Trace.IN_PLACE:
            return Outcome(applied=True, at=now)
        if trace is Trace.CANNOT_TELL:
            return Outcome(applied=None, at=now)
        left = warrant.grant.body.lease_until - now
        if left > timedelta(0):
            raise Unavailable("not in place, but the request may still be on its way", delay=min(left, ASK_AGAIN))
        return Outcome(applied=False, at=now)
