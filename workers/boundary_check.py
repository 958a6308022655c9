"""One look at what the API server holds us to: every answer fetched, at most a dozen at a time, and judged.

Comes after `preflight.py`. `boundary_watch.py` looks at start and on a timer, `examine.py` for `byteport doctor`. A
namespace that is looked at costs one request (three where an authoriser cannot list what it grants), all the rest about
two dozen. Looked at are those that were given to us, those that never are, and in cluster sight up to `MOST_BESIDE` others.
It does not decide: `byteport/boundary/selfcheck.py` does, from what this returns.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

from byteport.boundary.choices import Choices
from byteport.boundary.expected import EVERYWHERE, Expected
from byteport.boundary.names import CEILINGS, NAMESPACE
from byteport.boundary.policies.catalogue import policies
from byteport.boundary.selfcheck import (
    OBSERVED,
    RESOURCES,
    Answered,
    Blindness,
    Enforcement,
    Seen,
    always_reviewed,
    blindness,
    ceilings_in,
    findings,
    is_everywhere,
    keeps_from_starting,
    may_be_asked,
    refuses_auto,
    unenforced,
)
from byteport.boundary.whole import DANGEROUS, IN_A_NAMESPACE, Finding, Granted, Need, Right, granted
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.policy import PROTECTED_NAMESPACES, PolicyConfig
from byteport.errors import NotPermitted, PermanentError, TargetGone
from byteport.kubernetes import fields, port
from byteport.kubernetes.enrolment import enrolled
from byteport.kubernetes.port import JSON, ClusterPort, Resource
from byteport.settings.model import BoundaryConfig
from workers.boundary_enforced import enforcement

AT_ONCE = 12
"""Requests of one look that are under way at the same time."""
MOST_BESIDE = 200
"""Namespaces that were not given to us and are looked at all the same, where they can be listed; the first by name."""
PROVES_ROLLBACKS = (1, 36)
"""From here on mutating admission policies are served as v1."""
ACTS = Resource("byteport.io", "v1", "acts")
"""What the switch is a right to; no such objects exist."""

Answer = TypeVar("Answer")


class Report(NamedTuple):
    """What one look found."""

    choices: Choices
    version: str
    given: Mapping[str, Ceiling | None]
    """How far each namespace was given; None where that cannot be read."""
    findings: tuple[Finding, ...]
    blindness: tuple[Blindness, ...]
    """Optional rights that are not granted."""
    halted: bool
    """The switch is off: nothing of ours writes anywhere, which is nobody's mistake."""
    enforcement: Enforcement = Enforcement.NOT_ASKED
    """What came of a write that the policies refuse whatever it names."""

    def refuses_auto(self, namespace: str) -> bool:
        """Whether nothing is done alone there; a node has the empty namespace."""
        return refuses_auto(self.findings, namespace, self.choices)

    def refuses_everywhere(self, finding: Finding) -> bool:
        """Whether one of the findings counts in every namespace."""
        return is_everywhere(finding, self.choices)

    @property
    def keeps_from_starting(self) -> list[Finding]:
        """Missing rights of the installation itself."""
        return keeps_from_starting(self.findings, self.given)


def choices_of(config: BoundaryConfig, policy: PolicyConfig, version: str) -> Choices:
    """What the chart was told, as the agent's own settings and its API server say it."""
    return Choices(
        runbooks=config.runbooks,
        sight=config.sight,
        helper=config.helper,
        helper_namespace=policy.helper_namespace,
        protected=tuple(sorted(policy.protected_namespaces - PROTECTED_NAMESPACES)),
        events=config.events,
        proves_rollbacks=at_least(version, PROVES_ROLLBACKS),
    )


def at_least(version: str, wanted: tuple[int, int]) -> bool:
    """Whether `v1.36.2-gke.1` is 1.36 or newer; one that cannot be read is not."""
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})(?!\d)", version)
    return found is not None and (int(found[1]), int(found[2])) >= wanted


async def look_at_boundary(
    cluster: ClusterPort, config: BoundaryConfig, policy: PolicyConfig, *, beside: Collection[str] = ()
) -> Report:
    """Ask for everything, once. `beside` are further namespaces, which the agent itself may not know of.

    Raises what the port raises when an answer does not come at all.
    """
    return await _Look(cluster).report(config, policy, beside)


async def switched_on(cluster: ClusterPort) -> bool:
    """Whether the switch lets us act at all."""
    return await cluster.review("perform", ACTS, "")


async def given_to_us(cluster: ClusterPort) -> JSON | None:
    """The ConfigMap of ceilings; None where there is none, or where it may not be read."""
    try:
        return await cluster.get(port.CONFIG_MAPS, NAMESPACE, CEILINGS)
    except (TargetGone, NotPermitted):
        return None


class _Look:
    """The requests of one look."""

    def __init__(self, cluster: ClusterPort) -> None:
        self._cluster = cluster
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def report(self, config: BoundaryConfig, policy: PolicyConfig, beside: Collection[str]) -> Report:
        version, identity, ceilings, on = await asyncio.gather(
            self._cluster.server_version(),
            self._cluster.identity(),
            given_to_us(self._cluster),
            switched_on(self._cluster),
        )
        choices = choices_of(config, policy, version)
        every = await self._every(choices)
        labelled = {name: OBSERVED for name, item in every.items() if enrolled(item, policy)}
        given = labelled | ceilings_in(ceilings, choices)
        others = sorted(every.keys() - given.keys() - {*always_reviewed(choices)})[:MOST_BESIDE]
        standing, (listed, unlisted) = await asyncio.gather(
            self._policies(choices), self._listed(choices, {*given, *beside, *others})
        )
        rights, complete = await self._rights(choices, given, listed)
        seen = Seen(fields.strings(identity.get("groups")), given, rights, complete, standing, unlisted)
        found, lacking = await asyncio.to_thread(lambda: (findings(seen, choices), blindness(seen, choices)))
        answered = Answered(Enforcement.NOT_ASKED)
        if may_be_asked(found):
            answered = await enforcement(self._cluster, rights)
            found += unenforced(answered)
        return Report(choices, version, given, tuple(found), tuple(lacking), not on, answered.enforcement)

    async def _every(self, choices: Choices) -> dict[str, JSON]:
        """In cluster sight, every namespace by its name. Of one that has our label, and of which nothing else is written
        down, we only observe; rights in one that was not given are nobody's word, and may be bound all the same."""
        if choices.sight is not Sight.CLUSTER:
            return {}
        try:
            listed = await self._cluster.list(port.NAMESPACES, "")
        except NotPermitted:
            return {}
        named = {fields.name(fields.metadata(item).get("name")): item for item in listed.items}
        return {name: item for name, item in named.items() if name}

    async def _policies(self, choices: Choices) -> dict[tuple[str, str], JSON | None]:
        keys = [(str(item["kind"]), str(item["metadata"]["name"])) for item in policies(choices)]
        answers = await asyncio.gather(*(self._asked(partial(self._policy, *key)) for key in keys))
        return {key: answer for key, answer in zip(keys, answers, strict=True) if not isinstance(answer, NotPermitted)}

    async def _policy(self, kind: str, name: str) -> JSON | NotPermitted | None:
        try:
            return await self._cluster.get(RESOURCES[kind], "", name)
        except TargetGone:
            return None
        except NotPermitted as refused:
            return refused

    async def _listed(
        self, choices: Choices, names: Collection[str]
    ) -> tuple[dict[str, tuple[Granted, bool]], list[str]]:
        """What the API server lists of each namespace and whether that is all; then those whose answer was not taken."""
        own = frozenset(always_reviewed(choices))
        every = sorted({*own, *names})
        answers = await asyncio.gather(*(self._asked(partial(self._rules, name, own)) for name in every))
        found = dict(zip(every, answers, strict=True))
        listed = {name: granted(answer) for name, answer in found.items() if answer is not None}
        return listed, [name for name in every if name not in listed]

    async def _rights(
        self, choices: Choices, given: Mapping[str, Ceiling | None], listed: Mapping[str, tuple[Granted, bool]]
    ) -> tuple[dict[str, Granted], bool]:
        """What is held in each namespace, and whether that is all; what could not be listed is asked for one by one."""
        if all(complete for _, complete in listed.values()):
            return {name: rights for name, (rights, _) in listed.items()}, True
        expected = Expected(choices, {name: ceiling or OBSERVED for name, ceiling in given.items()})
        everywhere = await self._held(_right(one) for one in DANGEROUS)
        own = [listed[name][0] for name in always_reviewed(choices)]
        everywhere |= await self._unlisted(expected.needed(EVERYWHERE), own, "")
        return {
            name: rights | everywhere | (frozenset() if complete else await self._unseen(name, rights, expected))
            for name, (rights, complete) in listed.items()
        }, False

    async def _rules(self, namespace: str, own: frozenset[str]) -> JSON | None:
        """None for what cannot be taken of a tenant's namespace: it must not keep the others from being looked at."""
        try:
            return await self._cluster.rules(namespace)
        except PermanentError:
            if namespace in own:
                raise
            return None

    async def _unseen(self, namespace: str, rights: Granted, expected: Expected) -> Granted:
        """What is held there and could not be listed, as far as it is asked for one by one."""
        dangerous = await self._held((_right(one) for one in IN_A_NAMESPACE), namespace)
        return dangerous | await self._unlisted(expected.needed(namespace), [rights], namespace)

    async def _unlisted(self, needed: Iterable[Need], listed: Iterable[Granted], namespace: str) -> Granted:
        known = frozenset.intersection(*listed)
        return await self._held((need.right for need in needed if need.right not in known), namespace)

    async def _held(self, rights: Iterable[Right], namespace: str = "") -> Granted:
        """Those of them that are granted, asked one by one."""
        asked = list(rights)
        answers = await asyncio.gather(*(self._asked(partial(self._may, right, namespace)) for right in asked))
        return frozenset(right for right, yes in zip(asked, answers, strict=True) if yes)

    async def _may(self, right: Right, namespace: str) -> bool:
        group, resource, verb, name = right
        plural, _, subresource = resource.partition("/")
        return await self._cluster.review(
            verb, Resource(group, "v1", plural), namespace, subresource=subresource, name=name
        )

    async def _asked(self, request: Callable[[], Awaitable[Answer]]) -> Answer:
        async with self._slots:
            return await request()


def _right(dangerous: tuple[str, str, str]) -> Right:
    return (*dangerous, "")
