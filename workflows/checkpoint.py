"""Has the log signed as it grows, and witnessed, without end; says it once when the signer refuses, and keeps looking.

The signer's memory is what protects the log, not this run: it only says when. A witness that does not answer holds up neither
the others nor the next signature. Started by every worker's start under one id, which also tells a running one what is set.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from byteport.contracts.checkpoints import (
    ALARM,
    CHECKPOINT,
    COSIGN,
    FOLLOW,
    KEEP_COSIGNATURES,
    NOTHING,
    SIGN_CHECKPOINT,
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

MOST_LOOKS = 300
"""In one run: each is a timer and a few acts."""
SILENT_AFTER = timedelta(minutes=30)
"""A log that nobody could sign for so long is a person's."""
SIGNER = "signer"
SILENT = f"{SIGNER}:silent"


@workflow.defn(name=CHECKPOINT)
class CheckpointWorkflow:
    """Never ends by itself; continues as new when its history has grown."""

    @workflow.init
    def __init__(self, start: FollowLog) -> None:
        self._start = start
        self._following = start.following
        self._witnessed = {one.witness: one.upto for one in start.witnessed}
        self._refused = dict.fromkeys(start.refused)
        self._notices = start.notices
        self._unsigned_since = start.unsigned_since
        self._news = False
        self._beside = Beside(lambda: None)

    @workflow.run
    async def run(self, _start: FollowLog) -> None:
        looks = 0
        while looks < MOST_LOOKS and not workflow.info().is_continue_as_new_suggested():
            looks += 1
            began, self._news = workflow.now(), False
            if not await self._look():
                await self._pause(began)
        await workflow.wait_condition(lambda: self._beside.idle and workflow.all_handlers_finished())
        workflow.continue_as_new(
            self._start.model_copy(
                update={
                    "following": self._following,
                    "witnessed": tuple(Witnessed(witness=name, upto=upto) for name, upto in self._witnessed.items()),
                    "refused": tuple(self._refused),
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
        if isinstance(answered.answer, Refusal):
            self._refuse(SIGNER, answered.answer)
            return False
        self._holds(SIGNER, answered.answer)
        if answered.answer.note:
            await asyncio.gather(*(self._ask(witness, answered.answer) for witness in self._following.witnesses))
        workflow.set_current_details(words.details(answered.answer, self._following.witnesses, self._witnessed))
        return answered.answer.more

    async def _ask(self, witness: str, signed: Signed) -> None:
        """One witness, in its own time: what it does not answer now, it is asked at the next look."""
        since = self._witnessed.get(witness, NOTHING)
        if since == signed.upto:
            return
        call = Cosign(cluster_uid=self._uid, witness=witness, upto=signed.upto, note=signed.note, since=since)
        try:
            answered = await perform(COSIGN, call, cluster_uid=self._uid, summary=f"Ask witness {witness}")
            if isinstance(answered.answer, Objection):
                self._refuse(witness, answered.answer)
                return
            kept = KeepCosignatures(cluster_uid=self._uid, note=signed.note, lines=answered.answer.lines)
            await perform(KEEP_COSIGNATURES, kept, cluster_uid=self._uid)
        except BytePortError as error:
            workflow.logger.warning("witness %s did not sign: %s", witness, error.code)
            return
        self._witnessed[witness] = signed.upto
        self._holds(witness, signed)

    # -- what people hear ---------------------------------------------------------------------------------------------

    def _refuse(self, who: str, refusal: Refusal | Objection) -> None:
        """Raise the alarm and page, once for each reason of each."""
        workflow.set_current_details(f"not signed: {refusal.says}")
        key = f"{who}:{refusal.because.value}"
        if key in self._refused:
            return
        self._refused[key] = None
        by = "byteport signer" if who == SIGNER else f"witness {who}"
        alarm = RaiseAlarm(cluster_uid=self._uid, name=ALARM, by=by, reason=refusal.says)
        self._beside.do(self._done(key, perform(RAISE_ALARM, alarm, cluster_uid=self._uid)))
        self._tell(key, words.refused(self._start.installation, self._next(), refusal))

    def _holds(self, who: str, signed: Signed) -> None:
        """What was refused is signed again: people hear that too, and clear the alarm when they know why."""
        over = [key for key in self._refused if key.startswith(f"{who}:")]
        if not over:
            return
        for key in over:
            del self._refused[key]
        self._tell("", words.signed_again(self._start.installation, self._next(), signed))

    def _not_signed(self, error: BytePortError) -> None:
        workflow.set_current_details(f"cannot be signed now: {error.message}")
        self._unsigned_since = self._unsigned_since or workflow.now()
        if workflow.now() - self._unsigned_since >= SILENT_AFTER and SILENT not in self._refused:
            self._refused[SILENT] = None
            self._tell(SILENT, words.silent(self._start.installation, self._next(), self._unsigned_since))

    def _tell(self, key: str, notice: Notice) -> None:
        self._beside.do(self._done(key, perform(NOTIFY, notice, cluster_uid=self._uid, summary="Tell people: the log")))

    async def _done(self, key: str, telling: words.Telling) -> None:
        """What could not be told is as if it had not been found, so that the next look tells it."""
        try:
            await telling
        except BytePortError:
            self._refused.pop(key, None)
            raise

    def _next(self) -> str:
        self._notices += 1
        return f"{workflow.info().first_execution_run_id}:{self._notices}"

    # -- waiting ------------------------------------------------------------------------------------------------------

    async def _pause(self, began: datetime) -> None:
        """Until the next look is due, or another pace is set."""
        left = began + timedelta(seconds=self._following.every_seconds) - workflow.now()
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
        self._following = following
        self._witnessed = {name: upto for name, upto in self._witnessed.items() if name in following.witnesses}
        self._news = True
