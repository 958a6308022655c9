"""Does a repair hold? Looks again after an hour and a day, reports, and never acts.

Started by `phases/close.py` as an abandoned child, so that the remediation's id is free for the next failure.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from byteport.contracts.kubernetes import REPORT_SIGNAL, ReadSituation, Report
from byteport.contracts.ledger import RECORD, Decision, Event, RecordDraft, Result
from byteport.contracts.workflows import REOBSERVE, Reobserve, Reobserved
from byteport.domain.canonical import digest
from byteport.domain.diagnoses import Diagnosis
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import Source
from byteport.errors import BytePortError, PermanentError
from byteport.kubernetes.scaling import Brake
from byteport.kubernetes.situation import Situation
from byteport.runbooks.catalogue import runbook_for
from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows import metering
from workflows.perform import perform
from workflows.phases.asking import answer_of

MOST_LOOKS = 40
"""What is still too early to tell after so many looks (a release that is slow to start) is not the old trouble."""
LOAD = frozenset({Cause.CPU_LOAD, Cause.MEMORY_LOAD, Cause.AUTOSCALER_SATISFIED})
"""Causes that a raised floor treats, and that replicas carry."""


@workflow.defn(name=REOBSERVE)
class ReobserveWorkflow:
    """A fix that did not hold is a record of its own, counts against its runbook, and is reported as a recurrence."""

    @workflow.run
    async def run(self, call: Reobserve) -> Reobserved:
        looks = 0
        for seconds in call.after_seconds:
            wait = call.since + timedelta(seconds=seconds) - workflow.now()
            if wait > timedelta(0):
                await workflow.sleep(wait, summary="until it is looked at again")
            looks += 1
            try:
                found = await self._look(call)
                if found is not None:
                    await self._report(call, found, looks)
                    return Reobserved(held=False, looks=looks)
            except BytePortError as error:
                if looks == len(call.after_seconds):
                    raise ApplicationError(error.message, type=error.code, non_retryable=True) from error
        return Reobserved(held=True, looks=looks)

    async def _look(self, call: Reobserve) -> Diagnosis | None:
        """The diagnosis of what is wrong again, or None. What another runbook treats is not this one come back."""
        runbook = runbook_for(call.signal.failure)
        if runbook is None:
            return None
        for _ in range(MOST_LOOKS):
            seen = await perform(
                runbook.reads,
                ReadSituation(target=call.signal.target, failure=call.signal.failure, logs=False),
                cluster_uid=call.installation.cluster_uid,
            )
            if not seen.enabled or seen.situation.gone:
                return None
            diagnosis = answer_of(runbook.name, partial(runbook.diagnose, call.signal, seen.situation), otherwise=None)
            if diagnosis is None:
                raise PermanentError(f"{runbook.name} could not judge what was read")
            if diagnosis.silent or diagnosis.hand_over is not None:
                return None
            if diagnosis.look_again_seconds is None:
                return None if _carried(diagnosis, seen.situation) else diagnosis
            await workflow.sleep(max(1, diagnosis.look_again_seconds), summary="too early to tell; look again")
        return None

    async def _report(self, call: Reobserve, found: Diagnosis, looks: int) -> None:
        signal = call.signal.model_copy(
            update={
                "source": Source.REOBSERVATION,
                "observed_at": workflow.now(),
                "recurrence_of": call.incident_id,
                "evidence_digest": digest(["reobserved", call.incident_id, looks]),
            }
        )
        draft = RecordDraft(
            key=f"{call.incident_id}:reobserved:{looks}",
            cluster=call.installation.cluster_name,
            cluster_uid=call.installation.cluster_uid,
            tenant=call.installation.tenant,
            event=Event.REOBSERVED,
            decision=Decision.ACTED,
            result=Result.FAILURE,
            incident_id=call.incident_id,
            workflow_id=workflow.info().workflow_id,
            runbook=call.runbook,
            signal_type=signal.type.value,
            signal_value=signal.value,
            target=signal.target.ref,
            cause=found.cause.value,
            reasons=(Reason.DID_NOT_HOLD,),
        )
        metering.did_not_hold(call.runbook)
        await perform(RECORD, draft, cluster_uid=call.installation.cluster_uid)
        await perform(REPORT_SIGNAL, Report(signal=signal), cluster_uid=call.installation.cluster_uid)


def _carried(diagnosis: Diagnosis, situation: Situation) -> bool:
    """Load that is still high, but for which the autoscaler has all the replicas that it asks: the repair has held."""
    scaler = situation.scaling.autoscaler if situation.scaling is not None else None
    return (
        scaler is not None
        and diagnosis.cause in LOAD
        and scaler.brake is Brake.NONE
        and scaler.current >= scaler.desired
    )
