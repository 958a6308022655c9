"""Whether the API server refuses the agent now that the switch is off: its binding is gone, but who looks at that?

The switch is a rule of one admission policy. `halt` is over when that policy and its binding stand as rendered, and when a
write, tried as the agent, was refused by a policy of ours; what it may not read or try it says, and never that it refuses.
Comes after `turning.py` has taken the binding away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from byteport.boundary.names import AGENT, CEILINGS, NAMESPACE
from byteport.boundary.policies import everything
from byteport.boundary.remedies import ENFORCE, UPGRADE
from byteport.boundary.selfcheck import Answered, Enforcement
from byteport.boundary.switch import Bearer, bearer
from byteport.boundary.whole import granted
from byteport.cli.exits import Exit
from byteport.cli.switch import Side, Turned
from byteport.errors import BytePortError, NotPermitted, TargetGone
from byteport.kubernetes.enrolment import given_in
from byteport.kubernetes.hands import Hands
from byteport.kubernetes.port import CONFIG_MAPS, VALIDATING_BINDINGS, VALIDATING_POLICIES, ClusterPort
from workers.boundary_enforced import enforcement

MOST_TRIED = 20
"""Namespaces whose rights are listed, to find one by which to try."""
_DISARM = f"kubectl delete serviceaccount byteport-agent --namespace {NAMESPACE} ends its credential"
_IMPERSONATE = f"kubectl auth can-i impersonate serviceaccounts/byteport-agent --namespace {NAMESPACE}"
_READ = f"kubectl get validatingadmissionpolicy,validatingadmissionpolicybinding {everything.NAME} -o yaml"


async def held(hands: Hands, told: str) -> Turned:
    """What may be said of a halt whose binding is gone: `told` where the API server was seen to refuse."""
    try:
        policy, binding = await asyncio.gather(
            hands.find(VALIDATING_POLICIES, "", everything.NAME), hands.find(VALIDATING_BINDINGS, "", everything.NAME)
        )
    except BytePortError as error:
        return _unknown(f"whether the policy that refuses is as installed could not be read: {error.message}", _READ)
    borne = bearer(policy, binding)
    if borne.findings:
        what = f"byteport-may-act is gone, but what would refuse is not whole: {borne.findings[0].what}"
        return _failed(what, f"{_DISARM}; then: {UPGRADE}")
    try:
        agent = hands.acting_as(AGENT, "")
        try:
            answered = await _tried(agent, borne)
        finally:
            await agent.close()
    except BytePortError as error:
        refused = isinstance(error, NotPermitted)
        why = "you may not act as the agent" if refused else error.message
        return _unknown(
            f"whether the API server enforces its policies could not be asked: {why}",
            f"{_IMPERSONATE} must say yes to whoever asks; then: byteport halt",
        )
    match answered.enforcement:
        case Enforcement.LET_THROUGH:
            return _failed(
                "byteport-may-act is gone, but the admission policies are not enforced: a write of the agent was let "
                "through that they always refuse",
                f"{_DISARM}; {ENFORCE}",
            )
        case Enforcement.UNHEARD:
            return _unknown(f"a write of the agent was refused, but not by ours: {answered.why}", _READ)
        case Enforcement.NOT_ASKED:
            return Turned(side=Side.DONE, told=f"{told}; none was tried, as it holds no right to write")
        case Enforcement.REFUSED:
            return Turned(side=Side.DONE, told=told)


async def _tried(agent: ClusterPort, borne: Bearer) -> Answered:
    names = [*([borne.choices.helper_namespace] if borne.choices.helper else []), *await _given(agent)][:MOST_TRIED]
    # Asked of our own namespace, too, whoever may not act as the agent is told so though nothing was given.
    reviews = await asyncio.gather(*(agent.rules(name) for name in (NAMESPACE, *names)))
    return await enforcement(
        agent, {name: granted(one)[0] for name, one in zip((NAMESPACE, *names), reviews, strict=True)}
    )


async def _given(agent: ClusterPort) -> Sequence[str]:
    try:
        return given_in(await agent.get(CONFIG_MAPS, NAMESPACE, CEILINGS))
    except (TargetGone, NotPermitted):
        return ()


def _failed(told: str, what_next: str) -> Turned:
    return Turned(side=Side.FAILED, told=told, next=what_next, exit_code=int(Exit.REFUSED))


def _unknown(why: str, what_next: str) -> Turned:
    told = f"byteport-may-act is gone; {why}"
    return Turned(side=Side.UNKNOWN, told=told, next=what_next, exit_code=int(Exit.REFUSED))
