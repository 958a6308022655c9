"""Has the log signed as it grows, and witnessed, without end; says so when it is refused, and keeps looking.

The signer's memory is what protects the log, not this run: it only says when. While anybody objects the alarm is raised at every
look, since what takes the log back takes the alarm with it. A witness that does not answer holds up neither the others nor the
next signature. Started by every worker's start under one id, which also tells a running one what is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from byteport.contracts.checkpoints import (
    ALARM,
    CHECKPOINT,
    COSIGN,
    FOLLOW,
    KEEP_COSIGNATURES,
    NOTHING,
    SIGN_CHECKPOINT,
    Behind,
    Cosign,
    Following,
    FollowLog,
    KeepCosignatures,
    Objection,
    Refusal,
    SignCheckpoint,
    Signed,
    Witnessed,
)
from byteport.contracts.ledger import RAISE_ALARM, RaiseAlarm
from byteport.contracts.people import NOTIFY, Notice
from byteport.errors import BytePortError
from temporalio import workflow

from workflows.perform import perform
from workflows.phases import checkpoint_words as words
from workflows.phases.beside import Beside
from workflows.phases.objections import SIGNER, Objections, TellAgain, witness_named

MOST_LOOKS = 300
"""In one run: each is a timer and a few acts."""
REFUSED_SECONDS = 60
"""While anybody objects it is looked at least so often: an alarm that was cleared or lost stands again by then."""
SILENT_AFTER = timedelta(minutes=30)
"""A log that nobody could sign for so long is a person's."""
BEHIND_AFTER = timedelta(hours=6)
"""So is a witness that did not sign for so long."""
SILENT = "silent"


@workflow.defn(name=CHECKPOINT)
class CheckpointWorkflow:
    """Never ends by itself; continues as new when its history has grown."""

    @workflow.init
    def __init__(self, start: FollowLog) -> None:
        self._start = start
        self._following = start.following
        self._witnessed = {one.witness: one.upto for one in start.witnessed}
        self._behind = {one.witness: one.since for one in start.behind}
        self._objections = Objections(start)
        self._told = TellAgain(start.told)
        self._notices = start.notices
        self._unsigned_since = start.unsigned_since
        self._alarming: asyncio.Task[None] | None = None
        self._news = False
        self._beside = Beside(lambda: None)

    @workflow.run
    async def run(self, _start: FollowLog) -> None:
        looks = 0
        while looks < MOST_LOOKS and not workflow.info().is_continue_as_new_suggested():
            looks += 1
            began, self._news = workflow.now(), False
            more = await self._look()
            self._alarm()
            if not more:
                await self._pause(began)
        await workflow.wait_condition(lambda: self._beside.idle and workflow.all_handlers_finished())
        workflow.continue_as_new(
            self._start.model_copy(
                update={
                    "following": self._following,
                    "witnessed": tuple(Witnessed(witness=name, upto=upto) for name, upto in self._witnessed.items()),
                    "standing": self._objections.standing,
                    "told": self._told.carried(),
                    "alarmed": self._objections.alarmed,
                    "behind": tuple(Behind(witness=name, since=since) for name, since in self._behind.items()),
                    "notices": self._notices,
                    "unsigned_since": self._unsigned_since,
                }
            )
        )

    async def _look(self) -> bool:
        """Sign once, and ask the witnesses; whether there is more to be signed at once."""
        try:
            answered = await perform(SIGN_CHECKPOINT, SignCheckpoint(cluster_uid=self._uid), cluster_uid=self._uid)
        except BytePortError as error:
            self._not_signed(error)
            return False
        self._unsigned_since = None
        was_silent = self._told.forget(SILENT)
        if isinstance(answered.answer, Refusal):
            self._refuse(SIGNER, answered.answer)
            return False
        signed = answered.answer
        if was_silent:
            self._tell(words.heard_again(self._start.installation, self._next(), signed))
        self._signs(SIGNER)
        if signed.note:
            await asyncio.gather(*(self._ask(witness, signed) for witness in self._following.witnesses))
        self._all_sign(signed)
        workflow.set_current_details(
            words.details(signed, self._following.witnesses, self._witnessed, self._objections.standing)
        )
        return signed.more

    async def _ask(self, witness: str, signed: Signed) -> None:
        """One witness, in its own time: what it does not answer now, it is asked at the next look."""
        since = self._witnessed.get(witness, NOTHING)
        if since == signed.upto:
            return
        call = Cosign(cluster_uid=self._uid, witness=witness, upto=signed.upto, note=signed.note, since=since)
        try:
            answered = await perform(COSIGN, call, cluster_uid=self._uid, summary=f"Ask witness {witness}")
            if isinstance(answered.answer, Objection):
                self._heard(witness, answered.answer)
                return
            kept = KeepCosignatures(cluster_uid=self._uid, note=signed.note, lines=answered.answer.lines)
            await perform(KEEP_COSIGNATURES, kept, cluster_uid=self._uid)
        except BytePortError as error:
            workflow.logger.warning("witness %s did not sign: %s", witness, error.code)
            self._heard(witness, error)
            return
        self._heard(witness, signed)

    def _heard(self, witness: str, answer: Signed | Objection | BytePortError) -> None:
        """Nothing, where it was taken out of the settings while it was asked."""
        if witness not in self._following.witnesses:
            return
        if isinstance(answer, BytePortError):
            self._late(witness, answer)
            return
        self._behind.pop(witness, None)
        if isinstance(answer, Objection):
            self._refuse(witness_named(witness), answer)
            return
        self._witnessed[witness] = answer.upto
        self._signs(witness_named(witness))

    # -- what stands against the log ----------------------------------------------------------------------------------

    def _refuse(self, by: str, refusal: Refusal | Objection) -> None:
        """It stands from now on: the alarm at once and at every look, a page now and each day."""
        workflow.set_current_details(f"not signed: {refusal.says}")
        self._objections.objects(by, refusal)
        self._alarm()
        self._tell_daily(
            f"{by}:{refusal.because.value}", lambda number: words.refused(self._start.installation, number, refusal)
        )

    def _signs(self, by: str) -> None:
        self._objections.signs(by)
        self._told.forget_of(by)

    def _all_sign(self, signed: Signed) -> None:
        """Nobody objects any more: people hear that, and clear the alarm when they know why."""
        if self._objections.standing or not self._objections.alarmed:
            return
        self._objections.alarmed = False
        self._tell(words.signed_again(self._start.installation, self._next(), signed))

    def _alarm(self) -> None:
        """Raise it, whether or not it should stand already: another backup may have been restored meanwhile."""
        if not self._objections.standing or (self._alarming is not None and not self._alarming.done()):
            return
        first = self._objections.standing[0]
        self._objections.alarmed = True
        alarm = RaiseAlarm(cluster_uid=self._uid, name=ALARM, by=first.by, reason=first.says)
        self._alarming = self._beside.do(perform(RAISE_ALARM, alarm, cluster_uid=self._uid))

    # -- who does not answer ------------------------------------------------------------------------------------------

    def _not_signed(self, error: BytePortError) -> None:
        workflow.set_current_details(f"cannot be signed now: {error.message}")
        since = self._unsigned_since = self._unsigned_since or workflow.now()
        if workflow.now() - since >= SILENT_AFTER:
            self._tell_daily(SILENT, lambda number: words.silent(self._start.installation, number, since))

    def _late(self, witness: str, error: BytePortError) -> None:
        since = self._behind.setdefault(witness, workflow.now())
        if workflow.now() - since >= BEHIND_AFTER:
            self._tell_daily(
                f"{witness_named(witness)}:behind",
                lambda number: words.behind(self._start.installation, number, witness, since, error),
            )

    # -- what people hear ---------------------------------------------------------------------------------------------

    def _tell_daily(self, key: str, notice: words.Numbered) -> None:
        if self._told.due(key, workflow.now()):
            self._beside.do(self._telling(key, self._paging(notice(self._next()))))

    def _tell(self, notice: Notice) -> None:
        self._beside.do(self._paging(notice))

    async def _telling(self, key: str, paging: Coroutine[Any, Any, object]) -> None:
        """What could not be told is as if it had not been found, so that the next look tells it."""
        try:
            await paging
        except BytePortError:
            self._told.forget(key)
            raise

    async def _paging(self, notice: Notice) -> None:
        await perform(NOTIFY, notice, cluster_uid=self._uid, summary="Tell people: the log")

    def _next(self) -> str:
        self._notices += 1
        return f"{workflow.info().first_execution_run_id}:{self._notices}"

    # -- waiting ------------------------------------------------------------------------------------------------------

    async def _pause(self, began: datetime) -> None:
        """Until the next look is due, or another pace is set."""
        every = self._following.every_seconds
        if self._objections.standing:
            every = min(every, REFUSED_SECONDS)
        left = began + timedelta(seconds=every) - workflow.now()
        if left <= timedelta(0):
            return
        try:
            await workflow.wait_condition(lambda: self._news, timeout=left, timeout_summary="the next checkpoint")
        except TimeoutError:
            return

    @property
    def _uid(self) -> str:
        return self._start.installation.cluster_uid

    @workflow.signal(name=FOLLOW)
    def follow(self, following: Following) -> None:
        """What is set now; a worker's start says it."""
        if following == self._following:
            return
        gone = set(self._following.witnesses) - set(following.witnesses)
        self._following = following
        for witness in sorted(gone):
            self._witnessed.pop(witness, None)
            self._behind.pop(witness, None)
            self._told.forget_of(witness_named(witness))
        self._objections.only_of(following.witnesses)
        self._news = True
