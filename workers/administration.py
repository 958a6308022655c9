"""What stands between a plan of the boundary and the cluster: looking, asking what the caller may, and carrying out.

Used by `byteport enable` and `disable`, and by the sandbox, which gives its own namespaces to the agent. Everything that
a plan will do is asked of the API server before the first change is made, so that a credential which does not suffice
changes nothing at all.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from byteport.boundary.changes import (
    AnyChange,
    Ask,
    Create,
    Delete,
    Entry,
    Gift,
    Label,
    Plan,
    Replace,
    Restore,
    asks,
    gift,
)
from byteport.boundary.disenrol import plan_disable, plan_disable_all
from byteport.boundary.enrol import plan_enable
from byteport.boundary.installed import (
    RESOURCES,
    Installed,
    Obstacle,
    Problem,
    choices_of,
    policy_problems,
    too_old,
    wanted_keys,
)
from byteport.boundary.names import CEILINGS, NAMED_ROLE, NAMESPACE
from byteport.boundary.standing import Standing
from byteport.domain.ceilings import Ceiling
from byteport.errors import PreconditionFailed, TargetGone
from byteport.kubernetes import fields
from byteport.kubernetes.hands import Hands
from byteport.kubernetes.port import AUTOSCALERS, CONFIG_MAPS, DEPLOYMENTS, JSON, NAMESPACES, Resource

_BINDINGS, _ROLES = RESOURCES["RoleBinding"], RESOURCES["Role"]


async def plan_enabling(hands: Hands, name: str, ceiling: Ceiling) -> Plan:
    """What would change, or why nothing may: the server's age, the caller's rights, the installation, the namespace."""
    version = await hands.version()
    if old := too_old(version):
        return Plan(problems=(old,))
    if unread := await lacking(hands, [*reads_of(name), *reads_of_installation()]):
        return Plan(problems=tuple(unread))
    installed = await look_at_installation(hands, version)
    choices = choices_of(installed)
    if isinstance(choices, Problem):
        return Plan(problems=(choices,))
    planned = plan_enable(name, ceiling, choices, installed, await look(hands, name))
    return planned.model_copy(update={"problems": (*policy_problems(choices, installed), *planned.problems)})


async def plan_disabling(hands: Hands, name: str) -> Plan:
    """What would change, or why nothing may. The installation need not be there any more."""
    if unread := await lacking(hands, reads_of(name)):
        return Plan(problems=tuple(unread))
    return plan_disable(name, await look(hands, name))


async def plan_disabling_all(hands: Hands) -> Plan:
    """The same for every namespace of the cluster, in which anything of ours is found or which the agent is told of."""
    asked = [Ask("get", CONFIG_MAPS, NAMESPACE, CEILINGS)]
    asked += [Ask("list", one) for one in (NAMESPACES, _BINDINGS, _ROLES, DEPLOYMENTS, AUTOSCALERS)]
    if unread := await lacking(hands, asked):
        return Plan(problems=tuple(unread))
    ceilings, namespaces, bindings, roles, deployments, autoscalers = await asyncio.gather(
        hands.find(CONFIG_MAPS, NAMESPACE, CEILINGS),
        _listed(hands, NAMESPACES, "", "Namespace"),
        _by_namespace(hands, _BINDINGS, "RoleBinding"),
        _by_namespace(hands, _ROLES, "Role"),
        _by_namespace(hands, DEPLOYMENTS, "Deployment"),
        _by_namespace(hands, AUTOSCALERS, "HorizontalPodAutoscaler"),
    )
    every = {}
    for namespace in namespaces:
        name = fields.name(fields.metadata(namespace).get("name"))
        named = [one for one in roles[name] if fields.metadata(one).get("name") == NAMED_ROLE]
        role = named[0] if named else None
        every[name] = Standing(namespace, bindings[name], role, ceilings, deployments[name], autoscalers[name])
    return plan_disable_all(ceilings, every)


def reads_of(namespace: str) -> list[Ask]:
    """What `look` reads."""
    return [
        Ask("get", NAMESPACES, namespace, namespace),
        Ask("get", CONFIG_MAPS, NAMESPACE, CEILINGS),
        Ask("list", _BINDINGS, namespace),
        Ask("get", _ROLES, namespace, NAMED_ROLE),
        Ask("list", DEPLOYMENTS, namespace),
        Ask("list", AUTOSCALERS, namespace),
    ]


def reads_of_installation() -> list[Ask]:
    """What `look_at_installation` reads."""
    return [
        Ask("get", NAMESPACES, NAMESPACE, NAMESPACE),
        *(Ask("get", RESOURCES[kind], "", name) for kind, name in wanted_keys()),
    ]


async def look(hands: Hands, namespace: str) -> Standing:
    """What stands in that namespace. Of one that is not there nothing is asked further."""
    found, ceilings = await asyncio.gather(
        hands.find(NAMESPACES, "", namespace), hands.find(CONFIG_MAPS, NAMESPACE, CEILINGS)
    )
    if found is None:
        return Standing(None, (), None, ceilings, (), ())
    bindings, role, deployments, autoscalers = await asyncio.gather(
        _listed(hands, _BINDINGS, namespace, "RoleBinding"),
        hands.find(_ROLES, namespace, NAMED_ROLE),
        _listed(hands, DEPLOYMENTS, namespace, "Deployment"),
        _listed(hands, AUTOSCALERS, namespace, "HorizontalPodAutoscaler"),
    )
    return Standing(found, bindings, role, ceilings, deployments, autoscalers)


async def look_at_installation(hands: Hands, version: str) -> Installed:
    """What stands of the installation itself."""
    keys = wanted_keys()
    home, *objects = await asyncio.gather(
        hands.find(NAMESPACES, "", NAMESPACE), *(hands.find(RESOURCES[kind], "", name) for kind, name in keys)
    )
    return Installed(version, home, dict(zip(keys, objects, strict=True)))


async def lacking(hands: Hands, asked: Iterable[Ask]) -> list[Problem]:
    """Which of these rights the caller does not have, each once."""
    once = list(dict.fromkeys(asked))
    granted = await asyncio.gather(*(_granted(hands, one) for one in once))
    return [_may_not(one.text) for one, yes in zip(once, granted, strict=True) if not yes]


async def lacking_for(hands: Hands, changes: Sequence[AnyChange]) -> list[Problem]:
    """Which rights the caller lacks for any of these changes, those that it would give away included."""
    gifts = [found for change in changes if (found := gift(change)) is not None]
    missing, *withheld = await asyncio.gather(
        lacking(hands, map(asks, changes)), *(_withheld(hands, one) for one in gifts)
    )
    return [*missing, *(problem for found in withheld for problem in found)]


async def carry_out(hands: Hands, change: AnyChange) -> None:
    """Make one change. Raises `PreconditionFailed` when the object is not as it was planned on: nothing is written then."""
    try:
        await _make(hands, change)
    except PreconditionFailed:
        raise PreconditionFailed("somebody has changed it since it was looked at, and it is as they left it") from None


async def _make(hands: Hands, change: AnyChange) -> None:
    resource, namespace, name = change.resource, change.namespace, change.name
    match change:
        case Create():
            await hands.create(resource, namespace, change.body)
        case Replace():
            await hands.apply(resource, namespace, name, change.body)
        case Label() | Entry() | Restore():
            await hands.patch(resource, namespace, name, change.operations)
        case Delete():
            try:
                await hands.delete(resource, namespace, name, uid=change.uid, resource_version=change.resource_version)
            except TargetGone:
                return


async def _listed(hands: Hands, resource: Resource, namespace: str, kind: str) -> list[JSON]:
    """Items of a list do not say their kind."""
    return [{**one, "kind": kind} for one in await hands.list(resource, namespace)]


async def _by_namespace(hands: Hands, resource: Resource, kind: str) -> defaultdict[str, list[JSON]]:
    found: defaultdict[str, list[JSON]] = defaultdict(list)
    for one in await _listed(hands, resource, "", kind):
        found[fields.name(fields.metadata(one).get("namespace"))].append(one)
    return found


async def _granted(hands: Hands, one: Ask) -> bool:
    return await hands.may(one.verb, one.resource, one.namespace, one.name, subresource=one.subresource)


async def _withheld(hands: Hands, wanted: Gift) -> list[Problem]:
    """Whoever may not give a role away must have each right in it."""
    if await _granted(hands, wanted.leave):
        return []
    own = await asyncio.gather(*(_granted(hands, one) for one in wanted.rights))
    missing = [one.text for one, yes in zip(wanted.rights, own, strict=True) if not yes]
    if not missing:
        return []
    text = f"{wanted.leave.text}, nor have what would be given away ({', '.join(missing)})"
    return [_may_not(text)]


def _may_not(what: str) -> Problem:
    return Problem(kind=Obstacle.MAY_NOT, text=f"you may not {what}")
