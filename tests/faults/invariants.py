"""What holds after every fault and scenario, checked from witnesses that know nothing of each other: the log, the cluster's
own list of writes, the API server's audit log, the recorded histories, and what the log's receivers hold.

- I1 every mutation has an earlier committed intent record
- I2 it was authorised at the time it was made
- I3 at most one effect per action id
- I4 the log verifies, and is what was signed of it where it is signed
- I5 every intent ends, or became `unknown` and was escalated
- I6 what was exported contains the log

The first three are checked twice: with the warrants that the histories hold, and, as an auditor would, from the log and
the API server's audit log alone (`matched.py`).

Nothing here asks the code that acted. I2 is judged again from the warrant that the history holds: the ledger's
signature, the target, the lease, the mode or the answers, the halt and the namespace's label, each at the time of the
write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from temporalio.api.enums.v1 import EventType

from byteport.audit.completeness import NOBODY, Trust
from byteport.audit.findings import Completeness, Coverage
from byteport.audit.records import Entry, Record
from byteport.audit.verify import Verdict
from byteport.audit.words import Decision, Event
from byteport.contracts.kubernetes import DELETE_POD, PRUNE_IMAGES, RAISE_FLOOR, RESTORE_FLOOR, ROLL_BACK, MutatingCall
from byteport.contracts.workflows import REMEDIATION, TIMEBOX
from byteport.domain.ids import audit_id
from byteport.domain.plans import (
    DeletePodPlan,
    PruneImagesPlan,
    RaiseFloorPlan,
    RestoreFloorPlan,
    RollbackPlan,
    arguments_digest,
)
from byteport.domain.policy import Mode, PolicyConfig
from byteport.domain.reasons import Reason
from byteport.domain.warrants import Warrant
from byteport.errors import BytePortError
from byteport.ledger.opening import open_log
from byteport.runbooks.catalogue import runbook_for
from byteport.temporal.converter import data_converter
from byteport.temporal.opened import open_history
from byteport.trust.answers import quorum_met, verify_answers
from byteport.trust.files import SignersFiles, read_public_key
from byteport.trust.grants import GrantVerifier
from tests.agent.agent import Agent
from tests.agent.places import Write
from tests.faults.exported import Exported, held_in_files, not_contained
from tests.faults.matched import not_matched
from workers.signing import is_signed, log_key

MUTATING = {
    DELETE_POD.name: "delete",
    ROLL_BACK.name: "patch",
    RAISE_FLOOR.name: "patch",
    RESTORE_FLOOR.name: "patch",
    PRUNE_IMAGES.name: "exec",
}
ENDS = (Event.FINISHED, Event.REVERTED)


class Witnesses(NamedTuple):
    """What was seen, each by its own means."""

    records: list[Record]
    writes: list[Write]
    warrants: dict[str, Warrant]
    """By action id, from the histories of all runs."""
    entries: list[Entry]
    """Every record of the cluster's chain as it is stored; others may share the ledger."""
    audit_lines: list[bytes]
    """The API server's audit log, read before the log was: an intent is recorded before its write."""
    exported: tuple[Exported, ...] = ()
    """What the log's receivers hold, where it has any."""


async def witnesses(agent: Agent, exported: Iterable[Exported] = ()) -> Witnesses:
    """What there is to see now. A receiver that is no folder of files says by `exported` what it holds."""
    lines = agent.place.audit_lines()
    return Witnesses(
        records=agent.records(),
        writes=agent.place.writes(),
        warrants=await _warrants(agent),
        entries=agent.entries(),
        audit_lines=lines,
        exported=(*exported, *held_in_files(agent.settings, agent.chain)),
    )


async def check(agent: Agent) -> None:
    """Fail with every violation. Called when what a test began has come to its end."""
    found = violations(agent, await witnesses(agent))
    assert found == [], "\n".join(found)


def violations(agent: Agent, seen: Witnesses) -> list[str]:
    """Each violation in one line that begins with its invariant; `agent` has the keys, policies and labels."""
    return [
        *_intended(seen),
        *_authorised(agent, seen),
        *_once(seen),
        *_verifies(agent, seen),
        *_ended(seen),
        *not_matched(seen.entries, seen.audit_lines),
        *not_contained(seen.exported, seen.entries),
    ]


def _intended(seen: Witnesses) -> Iterator[str]:
    intents = {audit_id(one.action_id): one for one in _of(seen, Event.STARTED) if one.action_id}
    for write in seen.writes:
        intent = intents.get(write.audit_id)
        if intent is None:
            yield f"I1: {write.verb} {write.name} has no intent record"
        elif intent.at > write.at:
            yield f"I1: {write.verb} {write.name} was made before its intent was recorded"


def _authorised(agent: Agent, seen: Witnesses) -> Iterator[str]:
    by_audit_id = {audit_id(action): warrant for action, warrant in seen.warrants.items()}
    hashes = {one.action_id: one.hash for one in _of(seen, Event.STARTED)}
    for write in seen.writes:
        warrant = by_audit_id.get(write.audit_id)
        if warrant is None:
            yield f"I2: {write.verb} {write.name} has no warrant in any history"
            continue
        for wrong in _objections(agent, seen, warrant, write, hashes.get(warrant.grant.body.action_id)):
            yield f"I2: {write.verb} {write.name}: {wrong}"


def _objections(agent: Agent, seen: Witnesses, warrant: Warrant, write: Write, intent: str | None) -> Iterator[str]:
    body, plan = warrant.grant.body, warrant.plan
    public_key = agent.settings.cluster.grant_public_key
    assert public_key is not None
    try:
        GrantVerifier(read_public_key(public_key, "test")).verify(warrant.grant)
    except BytePortError as error:
        yield error.message
    if body.record_hash != intent:
        yield "the grant names another record than the intent's"
    if body.arguments_digest != arguments_digest(plan):
        yield "the grant is for other arguments"
    if write.at > body.lease_until:
        yield "the lease had ended"
    if (MUTATING[body.act], _object(warrant)) != (write.verb, write.name):
        yield "the grant is for another act or object"
    if plan.target.namespace and not agent.place.was_enabled(write.at):
        yield "the namespace was not enabled"
    if _halted(seen.records, write.at):
        yield "everything was halted"
    policy = _policy(agent, write.at)
    if warrant.policy_version != policy.version:
        yield "the policy was another one"
    if not _permitted(agent, warrant, policy, write.at):
        yield "neither `auto` nor enough valid answers"


def _permitted(agent: Agent, warrant: Warrant, policy: PolicyConfig, at: datetime) -> bool:
    found = runbook_for(warrant.signal.failure)
    assert found is not None
    runbook = found.name
    mode = policy.mode_for(runbook, warrant.plan.target.namespace)
    if warrant.auto:
        return mode is Mode.AUTO
    if warrant.request is None or mode is Mode.OBSERVE:
        return False
    allowed = agent.settings.approvals.allowed_signers
    assert allowed is not None
    signers, rule = SignersFiles(allowed).read(), policy.approval_rule(runbook)
    verdicts = verify_answers(
        warrant.answers,
        warrant.request.model_copy(update={"quorum": rule.quorum, "approvers": rule.approvers}),
        allowed=signers.allowed,
        revoked=signers.revoked,
        now=at,
        auto_possible=mode is Mode.AUTO,
        accept_unsigned=policy.accept_unsigned_answers,
    )
    return warrant.request.plan_digest == warrant.plan_digest and quorum_met(verdicts, rule.quorum)


def _once(seen: Witnesses) -> Iterator[str]:
    for audit, count in Counter(write.audit_id for write in seen.writes).items():
        if count > 1:
            yield f"I3: {count} effects of one action ({audit})"


def _verifies(agent: Agent, seen: Witnesses) -> Iterator[str]:
    if not seen.records:
        return
    signed = is_signed(agent.settings)
    trust = Trust(keys=(log_key(agent.settings, agent.installation),)) if signed else NOBODY
    for report in open_log(agent.settings.ledger, agent.settings.tenant).verify_all(trust):
        if report.intact is not Verdict.INTACT:
            yield f"I4: the log is {report.intact.value}: {report.findings}"
        if isinstance(report.complete, Completeness) and report.complete.verdict is Coverage.INCOMPLETE:
            yield f"I4: the log is not what was signed: {report.complete.findings}"


def _ended(seen: Witnesses) -> Iterator[str]:
    for intent in _of(seen, Event.STARTED):
        ends = [one for one in seen.records if one.action_id == intent.action_id and one.event in ENDS]
        if not ends:
            yield f"I5: the intent of {intent.command} has no end"
        if len({one.result for one in ends}) < len(ends):
            yield f"I5: the end of {intent.command} is recorded {len(ends)} times"
        unknown = any(one.result is None and Reason.UNKNOWN_OUTCOME.value in (one.reason or "") for one in ends)
        incident = [one for one in seen.records if one.incident_id == intent.incident_id]
        if unknown and not any(one.decision is Decision.ESCALATED for one in incident):
            yield f"I5: the outcome of {intent.command} is unknown, and nobody was told"


async def _warrants(agent: Agent) -> dict[str, Warrant]:
    found = {}
    converter = data_converter(agent.ring)
    for workflow_id, run_id, type_ in await agent.runs():
        if type_ not in (REMEDIATION, TIMEBOX):
            continue
        opened = await open_history(await agent.history(workflow_id, run_id), converter)
        for event in opened.events:
            if event.event_type != EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                continue
            scheduled = event.activity_task_scheduled_event_attributes
            if scheduled.activity_type.name in MUTATING:
                call = MutatingCall.model_validate_json(scheduled.input.payloads[0].data)
                found[call.warrant.grant.body.action_id] = call.warrant
    return found


def _of(seen: Witnesses, event: Event) -> list[Record]:
    return [record for record in seen.records if record.event is event]


def _object(warrant: Warrant) -> str:
    """The name of what is written to, or into."""
    match warrant.plan:
        case DeletePodPlan(pod=pod):
            return pod.name
        case RollbackPlan(target=target):
            return target.name
        case RaiseFloorPlan(autoscaler=autoscaler) | RestoreFloorPlan(autoscaler=autoscaler):
            return autoscaler
        case PruneImagesPlan(helper=helper):
            return helper.name


def _policy(agent: Agent, at: datetime) -> PolicyConfig:
    return next(policy for since, policy in reversed(agent.policies) if since <= at)


def _halted(records: list[Record], at: datetime) -> bool:
    said = [one.event for one in records if one.event in (Event.HALTED, Event.RESUMED) and one.at <= at]
    return said[-1:] == [Event.HALTED]
