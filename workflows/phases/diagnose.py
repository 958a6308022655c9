"""Signal to plan: read the situation, name the cause, and ask the runbook for its plan.

Comes first in `workflows/remediation.py`; `gate.py` is next. Evidence and the ledger's standing are read at the same
time, so the way from signal to act is three awaits: this one, the reservation, the act.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from functools import partial

from byteport.contracts.kubernetes import READ_SITUATION, REPORT_SIGNAL, ReadSituation, Report, Seen
from byteport.contracts.ledger import READ_STANDING, ReadStanding
from byteport.contracts.workflows import Phase
from byteport.domain.canonical import digest
from byteport.domain.failures import Failure
from byteport.domain.plans import AnyPlan, Refused, plan_digest
from byteport.domain.policy import STOPS, Standing
from byteport.domain.reasons import Reason
from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.errors import BytePortError
from byteport.kubernetes.usage_trend import sample_of
from byteport.runbooks.error_rate import called_over, measured_by_others
from temporalio import workflow

from workflows.incident import Incident
from workflows.perform import perform
from workflows.phases.asking import answer_of
from workflows.phases.outcomes import Diagnosed, Escalate, HandOver, Skip
from workflows.phases.trouble import tell

BETWEEN_LOOKS = timedelta(seconds=5)
"""Symptoms come in swarms: never look more often, however many are reported."""
LONGEST_LOOK = timedelta(minutes=30)
"""How long an incident is watched before it is called too early to tell for good."""

HEARS_WHILE_LOOKING = "hears-while-looking"
"""Runs from before it sleep through a symptom that came while they were reading."""
HEARS_ENDS = "hears-ends-while-looking"
"""Runs from before it sleep through word that their alerts are over."""

_SIGNAL_FOR = {
    Failure.CRASHLOOP: SignalType.POD_CRASHLOOP,
    Failure.BAD_ROLLOUT: SignalType.FAILED_DEPLOY,
    Failure.DISK: SignalType.DISK_PRESSURE,
    Failure.MEMORY: SignalType.MEMORY_PRESSURE,
    Failure.CPU: SignalType.CPU_SPIKE,
}


async def look(incident: Incident, *, logs: bool) -> Seen:
    """One reading of the target by its runbook's own act, with the policy as it stands.

    What it measured is handed to the next look, since a trend needs more than one.
    """
    seen = await perform(
        incident.runbook.reads if incident.runbook is not None else READ_SITUATION,
        ReadSituation(
            target=incident.start.target,
            failure=incident.the_signal.failure,
            logs=logs,
            earlier=incident.earlier,
        ),
        cluster_uid=incident.cluster_uid,
    )
    if seen.situation.target.uid:
        incident.target = seen.situation.target
    incident.measured(answer_of(incident.runbook_name, partial(sample_of, seen.situation), otherwise=None))
    return seen


async def standing_of(incident: Incident) -> Standing:
    """What the ledger says. Everything is halted when it cannot be read."""
    try:
        return await told_standing(incident)
    except BytePortError:
        return Standing(halted=True)


async def told_standing(incident: Incident, within: timedelta | None = None) -> Standing:
    """What the ledger says; raises the act's errors when it cannot be read, or not `within` a while."""
    answer = await perform(
        READ_STANDING,
        ReadStanding(target=incident.start.target, runbook=incident.runbook_name, signal=incident.the_signal),
        cluster_uid=incident.cluster_uid,
        within=within,
    )
    return answer.standing


def merged(ledger: Standing, cluster: Standing) -> Standing:
    """A stop is a stop, whoever saw it; how far a namespace was given to us, only the cluster knows."""
    stops = {name: getattr(ledger, name) or getattr(cluster, name) for name in STOPS}
    return cluster.model_copy(update=stops)


def not_enabled(seen: Seen, failure: Failure, target: Target) -> Reason:
    """Why nothing was read. A node stands by a label of its own, everything else by its namespace's."""
    if failure in seen.runbooks_off:
        return Reason.RUNBOOK_OFF
    return Reason.NODE_NOT_ENABLED if target.kind == "Node" else Reason.NAMESPACE_NOT_ENABLED


async def diagnose(incident: Incident) -> Diagnosed | Skip | HandOver | Escalate:
    """Name the cause, looking again while the runbook says that it is too early to tell."""
    signal = incident.the_signal
    runbook = incident.runbook
    incident.enter(Phase.DIAGNOSING, f"{signal.type.value} on {incident.start.target.ref}: {signal.value:g}")
    if runbook is None:
        return Escalate((Reason.NO_RUNBOOK,))
    began, before_it = workflow.now(), incident.reasons
    while True:
        heard, words = incident.reports, incident.alerts.words
        incident.by_others = measured_by_others(incident.the_signal)
        seen, ledger = await asyncio.gather(look(incident, logs=True), standing_of(incident))
        incident.policy = seen.policy
        if not seen.enabled:
            return Skip((not_enabled(seen, signal.failure, incident.start.target),))
        if seen.situation.gone:
            return Skip((Reason.TARGET_GONE,))
        incident.by_others = measured_by_others(incident.the_signal)
        try:
            diagnosis = runbook.diagnose(_asked(incident), seen.situation)
            plan = runbook.propose(diagnosis, seen.situation, seen.policy)
        except Exception:  # noqa: BLE001  a mistake of ours must page, not wedge the run
            workflow.logger.exception("%s could not judge what was read", runbook.name)
            return Escalate((Reason.FAILED,))
        again = diagnosis.look_again_seconds
        before, incident.diagnosis = incident.diagnosis, diagnosis
        if before is None or before.cause is not diagnosis.cause:
            incident.note(f"diagnosed: {diagnosis.cause.value}")
        if diagnosis.silent:
            return Skip(diagnosis.reasons or (Reason.HEALTHY,))
        if diagnosis.hand_over in seen.runbooks_off:  # its own runbook would do nothing, and say so to nobody
            incident.reasons = before_it
            tell(incident, seen.situation)
            return Escalate((*diagnosis.reasons, Reason.RUNBOOK_OFF))
        if diagnosis.hand_over is not None and _hands_over(diagnosis.hand_over):
            return await hand_over(incident, _SIGNAL_FOR[diagnosis.hand_over])
        if again is None or workflow.now() - began >= LONGEST_LOOK:
            incident.reasons = before_it
            tell(incident, seen.situation)
            return _planned(incident, seen, merged(ledger, seen.standing), plan)
        _say_why_it_waits(incident, diagnosis.reasons or (Reason.TOO_EARLY,))
        await _wait_to_look(incident, timedelta(seconds=max(1, again)), heard, words)


def _asked(incident: Incident) -> Signal:
    """What is asked of the cluster: of failing requests that their own alerts call over, whether the rollout is well."""
    signal = incident.the_signal
    over = measured_by_others(signal) and incident.alerts.all_over and workflow.patched(HEARS_ENDS)
    return called_over(signal) if over else signal


def _hands_over(to: Failure) -> bool:
    """Whether this run does it: one that began before memory had a runbook told of a kill for memory by itself."""
    return to is not Failure.MEMORY or workflow.patched("memory-takes-over-kills")


def _say_why_it_waits(incident: Incident, reasons: tuple[Reason, ...]) -> None:
    """Whoever asks meanwhile why nothing is done hears it; once for each new answer."""
    if incident.reasons != reasons:
        incident.reasons = reasons
        incident.note("looks again later: " + ", ".join(reason.value for reason in reasons))


async def _wait_to_look(incident: Incident, again: timedelta, heard: int, words: int) -> None:
    """Until the runbook's own time, or a little after the next symptom, or an alert's end: the controller may have given up
    meanwhile, or be well again.

    The next is one that was not `heard` of when the last look began: that look may have missed what it is about.
    """
    reports = heard if workflow.patched(HEARS_WHILE_LOOKING) else incident.reports
    ends = incident.alerts.any and workflow.patched(HEARS_ENDS)
    await workflow.sleep(min(again, BETWEEN_LOOKS), summary="too early to tell")
    if again > BETWEEN_LOOKS:
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: incident.reports > reports or (ends and incident.alerts.words > words),
                timeout=again - BETWEEN_LOOKS,
                timeout_summary="too early to tell; look again",
            )


def _planned(incident: Incident, seen: Seen, standing: Standing, plan: AnyPlan | Refused) -> Diagnosed:
    incident.forget_plan()
    if not isinstance(plan, Refused):
        incident.plan = plan
        incident.plan_digest = plan_digest(plan, seen.policy.version)
    return Diagnosed(seen.situation, standing, plan)


async def hand_over(incident: Incident, to: SignalType) -> HandOver:
    """Report the symptom to the runbook whose trouble it is; this incident is then closed."""
    signal = incident.the_signal
    handed = Signal(
        type=to,
        value=signal.value,
        threshold=signal.threshold,
        target=signal.target,
        observed_at=signal.observed_at,
        source=Source.HANDOVER,
        reporter=signal.reporter,
        fires=incident.alerts.handed_on(),
        evidence_digest=digest(["handover", incident.incident_id, signal.evidence_digest]),
    )
    await perform(REPORT_SIGNAL, Report(signal=handed), cluster_uid=incident.cluster_uid)
    return HandOver((Reason.HANDED_OVER,))
