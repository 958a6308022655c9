"""What `halt` and `resume` do at the API server: one ClusterRoleBinding, gone or there, and read again what follows from it.

While the binding is gone, the API server refuses every write of ours. Comes after `switch.py`, which gives the hands and
bounds the time.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import StrEnum

from byteport.boundary.floors import raised
from byteport.boundary.installed import RESOURCES
from byteport.boundary.names import ACCOUNTS_GROUP, AGENT, MAY_ACT
from byteport.boundary.switch import kept_away, made_anew
from byteport.cli.holding import held
from byteport.cli.switch import Side, Turned
from byteport.errors import BytePortError, NotPermitted, PreconditionFailed, TargetGone
from byteport.kubernetes import fields
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, floor_of
from byteport.kubernetes.hands import Hands
from byteport.kubernetes.port import AUTOSCALERS, JSON, NAMESPACES
from byteport.kubernetes.templates import annotations_of

IN_FORCE_SECONDS = 2.0
"""How long the API server's authoriser may take to see that a binding has gone or come."""

DELETES = 5
"""How often a binding that comes back is deleted."""

_BINDINGS, _ROLES = RESOURCES["ClusterRoleBinding"], RESOURCES["ClusterRole"]
_GROUPS = (ACCOUNTS_GROUP, "system:serviceaccounts", "system:authenticated")
_ACTS = {"group": "byteport.io", "resource": "acts", "verb": "perform"}


class _Answer(StrEnum):
    """What the API server's authoriser says of the agent, after the binding has gone or come."""

    AS_WANTED = "as_wanted"
    OTHERWISE = "otherwise"
    NOT_TOLD = "not_told"
    """The caller may not ask it."""


async def take_away(hands: Hands, uid: str | None) -> Turned:
    """Delete the binding, see that it is gone, and tell what a halt leaves as it is."""
    await _must_be(hands, uid)
    told = "the API server refuses every write of the agent"
    standing = await hands.find(_BINDINGS, "", MAY_ACT)
    if standing is None:
        if await hands.find(_ROLES, "", MAY_ACT) is None:
            return _not_installed().model_copy(update={"floors": await outstanding(hands)})
        told += f" (ClusterRoleBinding {MAY_ACT} was gone already)"
    for _ in range(DELETES):
        if standing is None:
            break
        with suppress(TargetGone, PreconditionFailed):  # one that was written meanwhile goes, too
            await _delete(hands, standing)
        standing = await hands.find(_BINDINGS, "", MAY_ACT)
    if standing is not None:
        raise PreconditionFailed(
            f"ClusterRoleBinding {MAY_ACT} is still there after {DELETES} deletes: a finalizer holds it, or a tool puts "
            "it back"
        )
    answer, floors = await asyncio.gather(_settled(hands, allowed=False), outstanding(hands))
    match answer:
        case _Answer.OTHERWISE:
            return Turned(
                side=Side.FAILED,
                told=f"{MAY_ACT} is gone, but another binding still lets the agent act",
                next=f"find it with: {_FIND}",
                exit_code=4,
                floors=floors,
            )
        case _Answer.NOT_TOLD:
            return Turned(
                side=Side.UNKNOWN,
                told=f"{MAY_ACT} is gone; whether another binding lets the agent act could not be asked: you may not "
                "create subjectaccessreviews",
                next=f"whoever may asks: {_FIND}",
                exit_code=4,
                floors=floors,
            )
        case _Answer.AS_WANTED:
            return (await held(hands, told)).model_copy(update={"floors": floors})


_FIND = f"kubectl auth can-i perform acts.byteport.io --as {AGENT}; kubectl get clusterrolebindings -o wide"


async def give_back(hands: Hands, uid: str | None) -> Turned:
    """Make the binding again as it is rendered, a part of the release again, and see that it is there."""
    await _must_be(hands, uid)
    standing, role = await hands.find(_BINDINGS, "", MAY_ACT), await hands.find(_ROLES, "", MAY_ACT)
    if role is None and standing is None:
        return _not_installed()
    wanted = made_anew(role or {})
    if standing is None:
        await hands.create(_BINDINGS, "", wanted)
        standing = await hands.find(_BINDINGS, "", MAY_ACT)
    if standing is None or any(standing.get(key) != wanted[key] for key in ("roleRef", "subjects")):
        raise PreconditionFailed(
            f"ClusterRoleBinding {MAY_ACT} is not as it was installed; delete it, and resume again"
        )
    settled = await _settled(hands, allowed=True)
    if settled is _Answer.OTHERWISE:
        raise PreconditionFailed(
            f"ClusterRoleBinding {MAY_ACT} is there, but the API server still refuses: is its ClusterRole as installed?"
        )
    told = "the API server lets the agent act again, as far as its policies go"
    if settled is _Answer.NOT_TOLD:
        told = f"ClusterRoleBinding {MAY_ACT} is there again; whether the agent may act could not be asked"
    return Turned(side=Side.DONE, told=told + (_KEPT_AWAY if kept_away(role or {}) else ""))


_KEPT_AWAY = "; the chart's value mayAct is false, and the next upgrade is refused until it is true"


async def outstanding(hands: Hands) -> tuple[str, ...] | None:
    """Floors that stand raised, each with its numbers; None when autoscalers cannot be listed everywhere."""
    try:
        found = await hands.list(AUTOSCALERS, "")
    except BytePortError:
        return None
    return tuple(sorted(_floor(one) for one in found if raised(one)))


async def _must_be(hands: Hands, uid: str | None) -> None:
    """The cluster that the settings mean, where they mean one."""
    if uid is None:
        return
    system = await hands.find(NAMESPACES, "", "kube-system")
    found = fields.uid(fields.metadata(system).get("uid"))
    if found != uid:
        raise NotPermitted(
            f"the cluster that your kubeconfig names is {found or 'without a uid'}, and the settings' is {uid}"
        )


async def _delete(hands: Hands, standing: JSON) -> None:
    metadata = fields.metadata(standing)
    await hands.delete(
        _BINDINGS,
        "",
        MAY_ACT,
        uid=str(metadata.get("uid", "")),
        resource_version=str(metadata.get("resourceVersion", "")),
    )


async def _settled(hands: Hands, *, allowed: bool) -> _Answer:
    """What the API server's authoriser says, once it says what is wanted or was asked after its time: an answer that took
    long is of when it was asked."""
    loop = asyncio.get_running_loop()
    ends, asked = loop.time() + IN_FORCE_SECONDS, loop.time()
    try:
        while await hands.account_may(AGENT, _GROUPS, _ACTS) is not allowed:
            if asked > ends:
                return _Answer.OTHERWISE
            await asyncio.sleep(0.05)
            asked = loop.time()
    except NotPermitted:
        return _Answer.NOT_TOLD
    return _Answer.AS_WANTED


def _not_installed() -> Turned:
    return Turned(side=Side.NOT_INSTALLED, told=f"no ClusterRole {MAY_ACT} is on this cluster: it has no such switch")


def _floor(autoscaler: JSON) -> str:
    metadata = fields.metadata(autoscaler)
    before = annotations_of(autoscaler).get(FLOOR_BEFORE)
    owners = before if isinstance(before, str) and before.isdecimal() else "unknown"
    where = f"{fields.name(metadata.get('namespace'))}/{fields.name(metadata.get('name'))}"
    return f"{where}: minReplicas {floor_of(autoscaler)}, its owner's is {owners}"
