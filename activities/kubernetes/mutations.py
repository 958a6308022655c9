"""The five acts that change something. Each takes a warrant and nothing else.

It does not decide; `admit.py` does, and this room obeys its order: check, look whether an earlier attempt has done it,
permit, prepare from fresh reads, and as the last line before the call the kill switch and the end of the grant, because
Temporal's time-out does not stop code that is running. Everything before the call has its own deadline, so that the
call can never begin when the activity is over. What is done alone is judged anew when the object moved between the read
and the call, as often as `MOST_CALLS` and that deadline allow: a pod whose status was just written is still the same
trouble. What a person agreed to is not: they are asked again.

After a call without an answer the target is read before anything else. Found in place: done. Else `UnknownOutcome`,
which nobody retries: the workflow asks RESOLVE_OUTCOME (`resolve.py`).
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from temporalio import activity

from activities.clock import Clock
from activities.kubernetes.admit import Admission, Checked, MutatingAct, may_ask
from activities.kubernetes.effects import AlreadyInPlace, Effect, Prepared, Trace, attribution, object_uid
from activities.kubernetes.recent import Recent
from activities.kubernetes.repertoire import Repertoire
from activities.performs import performs
from byteport.contracts.kubernetes import (
    DELETE_POD,
    PRUNE_IMAGES,
    RAISE_FLOOR,
    RESTORE_FLOOR,
    ROLL_BACK,
    Mutated,
    MutatingCall,
)
from byteport.domain.canonical import digest
from byteport.domain.warrants import Warrant
from byteport.errors import (
    BytePortError,
    Moved,
    NotPermitted,
    PreconditionFailed,
    TargetGone,
    TemporaryError,
    Unavailable,
    UnknownOutcome,
)
from byteport.kubernetes.port import ClusterPort

MARGIN_SECONDS = 1.0
"""Left of an attempt's time after the reads, the call, and the reading after it."""
REREAD_SECONDS = 2.0
"""For one look at what became of a call."""
MOST_CALLS = 3
"""Each after the API server refused the one before it, because the object had been written meanwhile."""
REMEMBERED = 4096


class Attempt(NamedTuple):
    """What Temporal says of this run of the activity; believed only where it can but refuse."""

    workflow_type: str | None
    run: tuple[str, str]
    """Which activity of which run: its attempts are counted from 1."""
    number: int


class Mutations:
    """The writes of one cluster worker."""

    def __init__(self, cluster: ClusterPort, admission: Admission, *, cluster_uid: str, clock: Clock) -> None:
        self._admission = admission
        self._clock = clock
        self._effects = Repertoire(cluster, cluster_uid=cluster_uid, clock=clock)
        self._done: Recent[str, Mutated] = Recent(REMEMBERED)
        self._begun: Recent[str, bool] = Recent(REMEMBERED)
        """Actions whose call was sent from here, with an outcome that is not known to be *nothing done*."""
        self._met: Recent[str, int] = Recent(REMEMBERED)
        """So many calls of an action met an object that had moved, whatever attempt made them."""
        self._unsent: Recent[tuple[str, tuple[str, str]], frozenset[int]] = Recent(REMEMBERED)
        """Attempts that ended here with nothing done: before their call, or put off by the server."""

    @performs(DELETE_POD)
    async def delete_pod(self, call: MutatingCall) -> Mutated:
        return await self._carry_out(DELETE_POD, self._effects.deletion, call.warrant)

    @performs(ROLL_BACK)
    async def roll_back(self, call: MutatingCall) -> Mutated:
        return await self._carry_out(ROLL_BACK, self._effects.rollback, call.warrant)

    @performs(PRUNE_IMAGES)
    async def prune_images(self, call: MutatingCall) -> Mutated:
        return await self._carry_out(PRUNE_IMAGES, self._effects.pruning, call.warrant)

    @performs(RAISE_FLOOR)
    async def raise_floor(self, call: MutatingCall) -> Mutated:
        return await self._carry_out(RAISE_FLOOR, self._effects.raising, call.warrant)

    @performs(RESTORE_FLOOR)
    async def restore_floor(self, call: MutatingCall) -> Mutated:
        return await self._carry_out(RESTORE_FLOOR, self._effects.restoring, call.warrant)

    async def _carry_out(self, act: MutatingAct, effect: Effect, warrant: Warrant) -> Mutated:
        """At most one effect per action id, whatever is retried, replayed or lost."""
        attempt = _attempt()
        retried = self._may_have_acted(warrant, attempt)
        try:
            checked = self._admission.check(act, warrant, workflow_type=attempt.workflow_type)
        except (NotPermitted, PreconditionFailed):
            # what was allowed once and is not any more may have been done in between: the record must say so
            if (
                retried
                and may_ask(act, attempt.workflow_type)
                and self._admission.was_granted(act, warrant)
                and await self._was_done_or_unread(effect, warrant)
            ):
                return self._mutated(warrant, already=True)
            raise
        action = warrant.grant.body.action_id
        done = self._done.get(action)
        if done is not None:
            return done.model_copy(update={"already": True})
        latest = asyncio.get_running_loop().time() + before_the_call(act)
        ours = False
        try:
            async with asyncio.timeout_at(latest):
                if retried and await self._was_done(effect, warrant):
                    return self._mutated(warrant, already=True)
                prepared = await self._prepared(act, effect, warrant, checked)
            ours = self._begun.get(action) is None
            self._begun.put(action, True)
            while True:
                try:
                    return await self._call(act, effect, warrant, prepared, retried=retried)
                except Moved:
                    self._met.put(action, (self._met.get(action) or 0) + 1)
                    if not warrant.auto or (self._met.get(action) or 0) >= MOST_CALLS:
                        raise
                async with asyncio.timeout_at(latest):
                    prepared = await self._prepared(act, effect, warrant, checked)
        except AlreadyInPlace:
            return self._mutated(warrant, already=True)
        except (TimeoutError, TemporaryError) as error:
            self._ended_unsent(warrant, attempt)
            if ours:
                self._begun.forget(action)
            if isinstance(error, TimeoutError):
                raise Unavailable("the cluster was too slow to be read before the act") from None
            raise

    async def _prepared(self, act: MutatingAct, effect: Effect, warrant: Warrant, checked: Checked) -> Prepared:
        """The call, permitted and made by what is there now, and let through by the last line; it is sent at once."""
        await self._admission.permit(warrant, checked)
        prepared = await effect.prepare(warrant)
        await self._admission.last_line(act, warrant, digest(prepared.arguments))
        return prepared

    async def _call(
        self, act: MutatingAct, effect: Effect, warrant: Warrant, prepared: Prepared, *, retried: bool
    ) -> Mutated:
        try:
            async with asyncio.timeout(act.client_timeout.total_seconds()):
                version = await prepared.send(attribution(warrant))
        except (TimeoutError, UnknownOutcome):
            if await self._found(effect, warrant):
                return self._mutated(warrant, already=True)
            raise UnknownOutcome(f"{act.name}: sent, and no answer came") from None
        except (PreconditionFailed, TargetGone):
            # an earlier attempt's request may have arrived after we looked for its trace
            if retried and await self._found(effect, warrant):
                return self._mutated(warrant, already=True)
            raise
        return self._mutated(warrant, already=False, resource_version=version, available=prepared.available)

    def _may_have_acted(self, warrant: Warrant, attempt: Attempt) -> bool:
        """Whether this action's call may have been sent before; an earlier attempt that ended unsent here has not."""
        body = warrant.grant.body
        unsent = self._unsent.get((body.action_id, attempt.run)) or frozenset()
        earlier = set(range(1, attempt.number)) - unsent
        return body.again or bool(earlier) or self._begun.get(body.action_id) is not None

    def _ended_unsent(self, warrant: Warrant, attempt: Attempt) -> None:
        key = (warrant.grant.body.action_id, attempt.run)
        self._unsent.put(key, (self._unsent.get(key) or frozenset()) | {attempt.number})

    async def _was_done(self, effect: Effect, warrant: Warrant) -> bool:
        """Whether an earlier attempt has acted. Raises `UnknownOutcome` when it may have, and nobody can tell."""
        trace = await effect.trace(warrant)
        if trace is Trace.CANNOT_TELL:
            raise UnknownOutcome("an earlier attempt may have acted, and the target has changed since")
        return trace is Trace.IN_PLACE

    async def _was_done_or_unread(self, effect: Effect, warrant: Warrant) -> bool:
        """`_was_done`, for an act that is refused anyway: False also when the target cannot be read now."""
        try:
            async with asyncio.timeout(REREAD_SECONDS):
                return await self._was_done(effect, warrant)
        except UnknownOutcome:
            raise
        except (TimeoutError, BytePortError):
            return False

    async def _found(self, effect: Effect, warrant: Warrant) -> bool:
        """Whether the effect is in place; False also when it cannot be read now."""
        try:
            async with asyncio.timeout(REREAD_SECONDS):
                return await effect.trace(warrant) is Trace.IN_PLACE
        except (TimeoutError, BytePortError):
            return False

    def _mutated(
        self, warrant: Warrant, *, already: bool, resource_version: str = "", available: int | None = None
    ) -> Mutated:
        mutated = Mutated(
            action_id=warrant.grant.body.action_id,
            already=already,
            at=self._clock(),
            object_uid=object_uid(warrant.plan),
            resource_version=resource_version,
            available_before=available,
        )
        self._done.put(mutated.action_id, mutated)
        return mutated


def _attempt() -> Attempt:
    info = activity.info()
    return Attempt(info.workflow_type, (info.workflow_run_id or "", info.activity_id), info.attempt)


def before_the_call(act: MutatingAct) -> float:
    """Seconds for all reads before the call: what is left of the deadline after the call and a look at its outcome."""
    return (act.deadline - act.client_timeout).total_seconds() - REREAD_SECONDS - MARGIN_SECONDS
