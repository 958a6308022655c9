"""Effect to certainty: look until it is healthy and stays so for the settle time, or until the deadline.

Comes after `act.py`. When it does not help, the guarded inverse runs here, and `remediation.py` escalates.
Ages of objects are told on the cluster worker's clock (`situation.now`); waiting is told on Temporal's.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from byteport.contracts.workflows import Phase
from byteport.domain.plans import AnyPlan, Refused, RollbackPlan
from byteport.domain.reasons import Reason
from byteport.errors import BytePortError
from byteport.kubernetes.situation import Situation
from byteport.runbooks.base import Checked, Health
from temporalio import workflow

from workflows.incident import Incident
from workflows.phases import events
from workflows.phases.act import act, finish
from workflows.phases.asking import answer_of
from workflows.phases.diagnose import look, standing_of
from workflows.phases.outcomes import Acted, Go, Leased, NotHealthy, Verified

FIRST_LOOK = timedelta(seconds=1)
SLOWEST_LOOK = timedelta(seconds=15)
LONGEST_UNDOING = timedelta(minutes=10)
"""How long an inverse waits for another act on the same workload to end."""
BETWEEN_TRIES = timedelta(seconds=20)
ASKS_FOR_ALARMS = "alarm-before-verified"
"""Runs from before it have called a repair verified by the target alone."""


async def verify(incident: Incident, acted: Acted) -> Verified | NotHealthy:
    """Healthy means healthy without a break for the settle time; deleted or scaled to nothing is failure, not health."""
    incident.enter(Phase.VERIFYING, "looking whether it helped")
    outcome = await _watch_it(incident, acted)
    if isinstance(outcome, Verified):
        incident.decided = True
        incident.mttr_seconds = outcome.mttr_seconds
        await finish(incident, acted.go, acted.action_id, "done", (), verified=True, mttr_seconds=outcome.mttr_seconds)
        incident.note(f"verified after {outcome.mttr_seconds} s")
    else:
        await finish(incident, acted.go, acted.action_id, "done", outcome.reasons, verified=False)
        incident.deed("it did not help: " + ", ".join(reason.value for reason in outcome.reasons))
    return outcome


async def _watch_it(incident: Incident, acted: Acted) -> Verified | NotHealthy:
    assert incident.runbook is not None
    policy = incident.the_policy
    settle = timedelta(seconds=policy.settle_seconds)
    deadline = workflow.now() + timedelta(seconds=policy.verify_deadline_seconds)
    healthy_since: datetime | None = None
    interval = FIRST_LOOK
    last: Situation | None = None
    reasons: tuple[Reason, ...] = (Reason.NOT_VERIFIED,)
    while workflow.now() < deadline:
        seen = await _try_to_look(incident)
        if seen is not None:
            last = seen
            checked = answer_of(
                incident.runbook.name,
                partial(incident.runbook.health, acted.go.plan, seen, acted_at=acted.at, now=seen.now),
                otherwise=Checked(health=Health.FAILED, reasons=(Reason.FAILED,)),
            )
            if checked.health is Health.FAILED:
                return NotHealthy(checked.reasons or (Reason.NOT_VERIFIED,), seen)
            if checked.health is Health.NOT_YET:
                healthy_since, reasons = None, checked.reasons or (Reason.NOT_VERIFIED,)
            else:
                healthy_since = healthy_since or workflow.now()
                if workflow.now() - healthy_since >= settle:
                    if workflow.patched(ASKS_FOR_ALARMS) and await _alarm_since(incident):
                        return NotHealthy((Reason.ALARM,), seen)
                    return Verified(_mttr(incident))
        await workflow.sleep(_next(interval, healthy_since, settle), summary="until the next look")
        interval = min(interval * 1.5, SLOWEST_LOOK)
    return NotHealthy(reasons, last)


def _next(interval: timedelta, healthy_since: datetime | None, settle: timedelta) -> timedelta:
    """Look at the very end of the settle time, not up to an interval after it."""
    if healthy_since is None:
        return interval
    left = healthy_since + settle - workflow.now()
    return max(min(interval, left), timedelta(milliseconds=200))


async def _alarm_since(incident: Incident) -> bool:
    """An alarm was raised after the plan was judged: whatever the target itself says, this act is not called good."""
    return not incident.alarmed and (await standing_of(incident)).alarm


async def _try_to_look(incident: Incident) -> Situation | None:
    """None when the target cannot be read now: that is neither health nor failure."""
    try:
        seen = await look(incident, logs=False)
    except BytePortError:
        return None
    return seen.situation


def _mttr(incident: Incident) -> int:
    """From the first report to verified, on Temporal's clock, so never negative."""
    assert incident.opened_at is not None
    return max(0, round((workflow.now() - incident.opened_at).total_seconds()))


async def revert(incident: Incident, acted: Acted, failed: NotHealthy) -> tuple[Reason, ...]:
    """Run the plan's inverse if the object is still exactly what we left and the inverse's own guard holds.

    Returns the reasons for the escalation that follows in any case.
    """
    situation, began = failed.situation, workflow.now()
    while situation is not None:
        inverse = _inverse(incident, acted, situation)
        if isinstance(inverse, Refused):
            incident.deed("not undone: " + ", ".join(reason.value for reason in inverse.because))
            return failed.reasons
        go = Go(
            plan=inverse,
            plan_digest=acted.go.plan_digest,
            auto=acted.go.auto,
            request=acted.go.request,
            answers=acted.go.answers,
            inverse_of=acted.go.plan,
        )
        undone = await act(incident, go)
        if isinstance(undone, Acted):
            await finish(incident, go, undone.action_id, "done", failed.reasons)
            events.undone(incident, inverse, failed.reasons)
            return failed.reasons
        if not isinstance(undone, Leased):
            return (*failed.reasons, *undone.reasons)
        if workflow.now() - began >= LONGEST_UNDOING:
            return (*failed.reasons, Reason.TARGET_LEASED)
        incident.note("not undone yet: another act on this workload is under way")
        await workflow.sleep(BETWEEN_TRIES, summary="until another act on this workload is over")
        situation = await _try_to_look(incident) or situation
    return failed.reasons


def _inverse(incident: Incident, acted: Acted, situation: Situation) -> AnyPlan | Refused:
    """What would undo the act now, if that is still right."""
    assert incident.runbook is not None
    no_answer: AnyPlan | Refused = Refused(because=(Reason.FAILED,))
    ask = partial(incident.runbook.inverse, acted.go.plan, situation, now=situation.now)
    inverse = answer_of(incident.runbook.name, ask, otherwise=no_answer)
    if isinstance(inverse, RollbackPlan) and not _has_cost_pods(acted, situation):
        return Refused(because=(Reason.NOT_VERIFIED,))
    return inverse


def _has_cost_pods(acted: Acted, now: Situation) -> bool:
    """Fewer pods are available than at the act. The plan's own count, which the inverse's guard has asked, may be days old."""
    if acted.available_before is None or now.rollout is None:
        return True
    return now.rollout.available < acted.available_before
