"""Whether the API server proves rollbacks at all, asked by a dry run that it must refuse whatever it knows.

When for a second no binding names ReplicaSets as parameters, the API server stops following them and never begins again
until it is restarted (kubernetes/kubernetes issue 130887): the policies look whole, and every rollback to a revision made
since is refused. Nothing of the policies tells, so it is asked: each Deployment that may be rolled back is marked, dry, as
rolled back to the ReplicaSet that it runs. No template changes, which the policy always refuses; but where the API server
did not stamp, it refuses for that first.

Comes after `boundary_check.py`; for `byteport doctor` and `byteport enable`. Never on the agent's own timer: each question
is a refusal in the API server's audit log.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from byteport.boundary.cautions import may_patch
from byteport.boundary.names import ROLLBACK_ALLOWED, ROLLBACK_LABEL
from byteport.boundary.policies.deployments import PROVE
from byteport.boundary.remedies import ENFORCE
from byteport.boundary.whole import Kind
from byteport.domain.ceilings import ALL, Ceiling
from byteport.domain.modes import Mode
from byteport.errors import BytePortError, NotPermitted, TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.owners import owned_by
from byteport.kubernetes.patches import asking_patch
from byteport.kubernetes.port import JSON, Attribution, ClusterPort
from byteport.kubernetes.refusals import RollbackRule
from byteport.kubernetes.templates import template_of, template_to_restore
from workers.boundary_check import Report
from workers.preflight import Check, Outcome
from workers.remedies import Amiss, remedy

NAME = "rollback proof"
"""Of the check."""
AT_ONCE = 4
PAUSES = (0.0, 1.0, 1.0, 1.0)
"""Seconds before each time of asking: what was just written is in force, and known to the API server, a moment later."""
MOST_NAMED = 10
_POLICIES_NOT_WHOLE = frozenset({Kind.POLICY_ABSENT, Kind.POLICY_CHANGED, Kind.UNBOUND, Kind.NOT_ENFORCED})
_BY = Attribution(action_id="", audit_id="", field_manager="byteport-doctor")


class Proof(StrEnum):
    """What the answer says of one Deployment."""

    PROVED = "proved"
    OLDER = "older"
    """Proved, but what it runs is older than the proof, so that the API server may know it from before."""
    UNPROVED = "unproved"
    LET_THROUGH = "let_through"
    """By policies that refuse it whatever they know: they are not enforced."""
    UNHEARD = "unheard"
    """Refused for another reason, or not answered."""


class Answer(NamedTuple):
    """Of one Deployment, with why it is not known."""

    place: str
    proof: Proof
    why: str = ""


async def proofs(agent: ClusterPort, report: Report) -> list[Check]:
    """For everything that was given. Nothing where the policies themselves are not whole: that is said already."""
    told = {one.kind for one in report.findings} & _POLICIES_NOT_WHOLE
    if told or report.halted or not report.choices.proves_rollbacks or not may_patch(report.choices, "deployments"):
        return []
    return await ask_for_proofs(agent, report.given)


async def ask_for_proofs(agent: ClusterPort, given: Mapping[str, Ceiling | None]) -> list[Check]:
    """One check for each thing that is to be said. `agent` is the agent's account, by whatever credential."""
    named = {name: ceiling for name, ceiling in given.items() if ceiling and ceiling.rollback}
    if not any(ceiling.mode is not Mode.OBSERVE for ceiling in named.values()):
        return []
    try:
        since = await _installed_at(agent)
        places = [
            (namespace, name)
            for namespace, ceiling in sorted(named.items())
            if ceiling.mode is not Mode.OBSERVE
            for name in await _deployments(agent, namespace, ceiling)
        ]
    except BytePortError as error:
        return [unasked(error)]
    slots = asyncio.Semaphore(AT_ONCE)

    async def asked(namespace: str, name: str) -> Answer | None:
        async with slots:
            return await _asked(agent, namespace, name, since)

    answers = await asyncio.gather(*(asked(*place) for place in places))
    return _checks([one for one in answers if one is not None])


def unasked(error: BytePortError) -> Check:
    """That nobody could ask."""
    what, refused = f"could not be asked for: {error.message}", isinstance(error, NotPermitted)
    if refused:
        what += "; it takes a credential that may impersonate the agent's account, and userextras"
    return Check(NAME, Outcome.WARNING, what, remedy(Amiss.PROOF_UNASKED if refused else Amiss.PROOF_UNHEARD))


async def _installed_at(agent: ClusterPort) -> datetime | None:
    """When the younger of the proof's policy and its binding was made."""
    found = await asyncio.gather(
        *(agent.get(kind, "", PROVE) for kind in (port.MUTATING_POLICIES, port.MUTATING_BINDINGS))
    )
    made = [fields.instant(fields.metadata(item).get("creationTimestamp")) for item in found]
    return max((one for one in made if one is not None), default=None)


async def _deployments(agent: ClusterPort, namespace: str, ceiling: Ceiling) -> Sequence[str]:
    if ALL not in ceiling.rollback:
        return ceiling.rollback
    label = f"{ROLLBACK_LABEL}={ROLLBACK_ALLOWED}"
    listed = await agent.list(port.DEPLOYMENTS, namespace, labels=label)
    names = (fields.name(fields.metadata(item).get("name")) for item in listed.items)
    return [name for name in names if name]


async def _asked(agent: ClusterPort, namespace: str, name: str, since: datetime | None) -> Answer | None:
    """None where there is nothing to ask of: it is not there, may not be rolled back, or nothing of it serves."""
    place = f"{namespace}/{name}"
    answer: Answer | None = None
    for pause in PAUSES:
        await asyncio.sleep(pause)
        try:
            deployment = await agent.get(port.DEPLOYMENTS, namespace, name)
            sets = (await agent.list(port.REPLICA_SETS, namespace)).items
        except TargetGone:
            return None
        except BytePortError as error:
            answer = Answer(place, Proof.UNHEARD, error.message)
            continue
        current = _serving(deployment, sets)
        if current is None or not _may_be_rolled_back(deployment):
            return None
        answer = await _answer(agent, place, deployment, current, since)
        if answer.proof in (Proof.PROVED, Proof.OLDER):
            break
    return answer


async def _answer(agent: ClusterPort, place: str, deployment: JSON, current: JSON, since: datetime | None) -> Answer:
    namespace, _, name = place.partition("/")
    operations = asking_patch(deployment, current, secrets.token_hex(32))
    try:
        await agent.patch(port.DEPLOYMENTS, namespace, name, operations, by=_BY, dry_run=True)
    except NotPermitted as refused:
        match refused.rule:
            case RollbackRule.NOT_PROVED:
                return Answer(place, Proof.UNPROVED)
            case RollbackRule.NO_ROLLBACK:
                made = fields.instant(fields.metadata(current).get("creationTimestamp"))
                known = made is not None and since is not None and made > since
                return Answer(place, Proof.PROVED if known else Proof.OLDER)
            case _:
                return Answer(place, Proof.UNHEARD, refused.message)
    except BytePortError as error:
        return Answer(place, Proof.UNHEARD, error.message)
    return Answer(place, Proof.LET_THROUGH)


def _may_be_rolled_back(deployment: JSON) -> bool:
    """What the policy asks of it beforehand; else it refuses for that."""
    return (
        fields.labels(deployment).get(ROLLBACK_LABEL) == ROLLBACK_ALLOWED
        and not fields.metadata(deployment).get("ownerReferences")
        and fields.at(deployment, "spec", "paused") is not True
    )


def _serving(deployment: JSON, sets: Iterable[JSON]) -> JSON | None:
    """The ReplicaSet that the Deployment runs, if it serves."""
    uid = fields.uid(fields.metadata(deployment).get("uid"))
    mine = (one for one in sets if owned_by(one, uid) and template_to_restore(one) == template_of(deployment))
    return next((one for one in mine if fields.count(fields.at(one, "status", "availableReplicas"))), None)


def _checks(answers: Sequence[Answer]) -> list[Check]:
    by = {proof: [one for one in answers if one.proof is proof] for proof in Proof}
    checks = []
    if by[Proof.UNPROVED]:
        checks.append(Check(NAME, Outcome.FAILED, _stale(_named(by[Proof.UNPROVED])), remedy(Amiss.PROOF_STALE)))
    if by[Proof.LET_THROUGH]:
        through = "the admission policies are not enforced: a dry run that they always refuse was let through for "
        checks.append(Check(NAME, Outcome.FAILED, through + _named(by[Proof.LET_THROUGH]), ENFORCE))
    if by[Proof.UNHEARD]:
        first = by[Proof.UNHEARD][0]
        what = f"could not be asked for of {_named(by[Proof.UNHEARD])}: {first.why}"
        checks.append(Check(NAME, Outcome.WARNING, what, remedy(Amiss.PROOF_UNHEARD)))
    good = [*by[Proof.PROVED], *by[Proof.OLDER]]
    if good:
        older = by[Proof.OLDER]
        text = f"the API server proves rollbacks of {_named(good)}"
        if older:
            text += (
                f"; what {_named(older)} runs is older than the proof, and might be known to it from before: "
                "ask again after the next release"
            )
        checks.append(Check(NAME, Outcome.OK, text))
    if not answers:
        text = "nothing to ask of: no Deployment that was named for rollback has the label, is not paused and serves"
        checks.append(Check(NAME, Outcome.OK, text))
    return checks


def _stale(named: str) -> str:
    return (
        f"the API server does not prove rollbacks of {named}: it knows ReplicaSets only as they were when the binding "
        f"{PROVE} was gone, a known bug of Kubernetes (kubernetes/kubernetes issue 130887). Restart kube-apiserver, each "
        "instance behind a load balancer. Until then a rollback to a revision made since is refused, and that an older one "
        "serves may be an old truth there (the agent reads it afresh before it acts)"
    )


def _named(answers: Sequence[Answer]) -> str:
    names = [one.place for one in answers]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
