"""Whether the API server does what the admission policies say: asked by a write that they refuse whatever it names.

Their text alone does not tell. An API server that runs without the plugin which evaluates them stores them, serves them,
and lets everything through that RBAC grants. So one of the rights that are held is tried, on a pod that cannot exist or
with a patch that changes nothing: only a refusal by a policy of ours counts, and what is let through has changed nothing.
Without a right to write there is nothing to try, and nothing that a policy would have to refuse.

Comes after `boundary_check.py` has listed the rights, at start and on a timer; `byteport enable` and `halt` ask the same.
Each question is a refusal in the API server's audit log, of `NO_POD` or of an empty dry run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from byteport.boundary.choices import Choices
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.selfcheck import Answered, Enforcement
from byteport.boundary.whole import Granted, covered, granted
from byteport.errors import BytePortError, NotPermitted, PermanentError, TargetGone, Unavailable
from byteport.kubernetes import fields, port
from byteport.kubernetes.port import Attribution, ClusterPort, InVain, Resource

PAUSES = (0.0, 0.5, 1.0)
"""Seconds before each time of asking: what was just written is in force a moment later."""
OURS = frozenset(names_of(policies(Choices()), "ValidatingAdmissionPolicy"))
"""Their names are the same whatever is chosen."""
_CREATED = {what: ("", f"pods/{what.value}", "create", "") for what in InVain}
_PATCHED = (port.DEPLOYMENTS, port.AUTOSCALERS)
_BY = Attribution(action_id="", audit_id="", field_manager="byteport-doctor")

Question = Callable[[], Awaitable[object]]


async def enforcement(cluster: ClusterPort, rights: Mapping[str, Granted]) -> Answered:
    """Ask until one answer tells. `rights` are what this credential holds, by namespace.

    Raises `Unavailable` when nothing but failures that pass came back.
    """
    told = Answered(Enforcement.NOT_ASKED)
    for pause in PAUSES:
        await asyncio.sleep(pause)
        told = await _asked(cluster, rights)
        if told.enforcement in (Enforcement.REFUSED, Enforcement.NOT_ASKED):
            break
    return told


async def enforcement_in(cluster: ClusterPort, namespaces: Sequence[str]) -> Answered:
    """The same with the rights of these namespaces, as the API server lists them; what was just bound it lists soon."""
    answered = Answered(Enforcement.NOT_ASKED)
    for pause in PAUSES:
        await asyncio.sleep(pause)
        rights = {name: granted(await cluster.rules(name))[0] for name in namespaces}
        answered = await enforcement(cluster, rights)
        if answered.enforcement is not Enforcement.NOT_ASKED:
            break
    return answered


async def _asked(cluster: ClusterPort, rights: Mapping[str, Granted]) -> Answered:
    """The first answer that tells; else the last that does not."""
    other: BytePortError | None = None
    async for question, gone_is_through in _questions(cluster, rights):
        try:
            await question()
        except NotPermitted as refused:
            if refused.policy in OURS:
                return Answered(Enforcement.REFUSED)
            other = refused
        except TargetGone as gone:
            if gone_is_through:
                return Answered(Enforcement.LET_THROUGH)
            other = gone
        except BytePortError as error:
            other = error
        else:
            return Answered(Enforcement.LET_THROUGH)
    if other is None:
        return Answered(Enforcement.NOT_ASKED)
    if not isinstance(other, PermanentError):
        raise Unavailable(f"whether the admission policies are enforced cannot be asked now: {other.message}")
    return Answered(Enforcement.UNHEARD, other.message)


async def _questions(cluster: ClusterPort, rights: Mapping[str, Granted]) -> AsyncIterator[tuple[Question, bool]]:
    """Each with whether an object that is not there means that it was let through. What needs no object comes first."""
    for what, right in _CREATED.items():
        for namespace, held in sorted(rights.items()):
            if covered(right, held):
                yield _in_vain(cluster, namespace, what), True
    for resource in _PATCHED:
        for namespace, held in sorted(rights.items()):
            for name in await _named(cluster, resource, namespace, held):
                yield _unchanged(cluster, resource, namespace, name), False


def _in_vain(cluster: ClusterPort, namespace: str, what: InVain) -> Question:
    return lambda: cluster.ask_in_vain(namespace, what)


def _unchanged(cluster: ClusterPort, resource: Resource, namespace: str, name: str) -> Question:
    return lambda: cluster.patch(resource, namespace, name, (), by=_BY, dry_run=True)


async def _named(cluster: ClusterPort, resource: Resource, namespace: str, held: Granted) -> list[str]:
    """Objects of that kind that may be patched."""
    names = {one[3] for one in held if one[:3] == (resource.group, resource.plural, "patch")}
    if "" not in names:
        return sorted(names)
    try:
        items = (await cluster.list(resource, namespace)).items
    except PermanentError:
        return []
    found = (fields.name(fields.metadata(item).get("name")) for item in items)
    return [name for name in found if name]
