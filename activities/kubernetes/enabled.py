"""The namespaces that are given to us: as the API server says it now, and as a set that the watch asks for each event.

In cluster sight one list by label selector answers for the whole cluster, so an unlabelled namespace costs nothing and
is not looked at. In namespaced sight we may not list them: their names come from the ConfigMap that `byteport enable`
writes, and each is asked for by its name, by a Role in it. One that is not among them is not even asked for.

The watch's set is refreshed by `watch.py` every few seconds; each act and each reading asks the API server again by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

from activities.kubernetes.policy_source import PolicySource
from byteport.domain.ceilings import Sight
from byteport.domain.policy import PolicyConfig
from byteport.errors import NotPermitted, TargetGone, TemporaryError
from byteport.kubernetes import fields, port
from byteport.kubernetes.enrolment import ENABLED_SELECTOR, GIVEN, OWN_NAMESPACE, enrolled, given_in, labelled
from byteport.kubernetes.port import JSON, ClusterPort

AT_ONCE = 12
"""Namespaces that are asked for at the same time."""
ASKED_EACH_TIME = 1
"""So many at one refresh of the watch, which is every few seconds: each has its turn, however many were given. One that is
taken away by `byteport disable` is not given any more, and goes at once."""
EAGER_AT_ONCE = 100
EAGER_TIMES = 12
"""So often one that has just been given, or refused, is asked for at every refresh: a binding takes a moment to hold."""

logger = logging.getLogger("byteport.watch")


class Namespaces:
    """Of one cluster, by one credential, as far as it may see. Nothing is remembered."""

    def __init__(self, cluster: ClusterPort, sight: Sight = Sight.CLUSTER) -> None:
        self._cluster = cluster
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.sight = sight

    async def named(self, name: str) -> JSON | None:
        """The namespace as it is now; None when it is gone or may not be read.

        In namespaced sight raises `NotPermitted` when even the names of those that were given to us may not be read.
        """
        if self.sight is Sight.NAMESPACED and name not in await self.given():
            return None
        try:
            return await self.read(name)
        except (TargetGone, NotPermitted):
            return None

    async def labelled(self) -> list[JSON]:
        """Every namespace with our label, by name; those that are protected or on their way out are among them."""
        if self.sight is Sight.CLUSTER:
            return (await self._cluster.list(port.NAMESPACES, "", labels=ENABLED_SELECTOR)).items
        found = await asyncio.gather(*(self._read_or_none(name) for name in await self.given()))
        return [item for item in found if item is not None and labelled(item)]

    async def given(self) -> tuple[str, ...]:
        """Names that may be asked for in namespaced sight, in order; none before the first was given to us."""
        try:
            return given_in(await self._cluster.get(port.CONFIG_MAPS, OWN_NAMESPACE, GIVEN))
        except TargetGone:
            return ()

    async def read(self, name: str) -> JSON:
        """One namespace. Raises what the port raises."""
        async with self._slots:
            return await self._cluster.get(port.NAMESPACES, "", name)

    async def _read_or_none(self, name: str) -> JSON | None:
        try:
            return await self.read(name)
        except (TargetGone, NotPermitted):
            return None


class EnabledNamespaces:
    """Names of the enabled namespaces, as of the last refresh."""

    def __init__(self, cluster: ClusterPort, policy: PolicySource, sight: Sight = Sight.CLUSTER) -> None:
        self._namespaces = Namespaces(cluster, sight)
        self._policy = policy
        self._names: frozenset[str] = frozenset()
        self._asked: dict[str, int] = {}
        self._chances: dict[str, int] = {}
        self._refreshes = 0
        self._refused: set[str] = set()

    async def refresh(self) -> frozenset[str]:
        """Ask again. Returns those that were not enabled before: nothing in them has been looked at yet."""
        policy = self._policy.read()
        if self._namespaces.sight is Sight.CLUSTER:
            names = names_of(item for item in await self._namespaces.labelled() if enrolled(item, policy))
        else:
            names = await self._in_sight(policy)
        new, self._names = names - self._names, names
        return new

    def drop(self, name: str) -> None:
        """It may not be read after all: no longer enabled, until it is asked again."""
        self._names -= {name}
        self._chances.setdefault(name, EAGER_TIMES)

    @property
    def names(self) -> frozenset[str]:
        return self._names

    async def _in_sight(self, policy: PolicyConfig) -> frozenset[str]:
        """New ones at once, then those not asked for the longest; the rest stay as they were."""
        given = [name for name in await self._namespaces.given() if not policy.protects(name)]
        eager = [name for name in given if self._is_eager(name)][:EAGER_AT_ONCE]
        others = sorted((name for name in given if name not in eager), key=lambda name: self._asked.get(name, -1))
        asked = [*eager, *others[: max(0, ASKED_EACH_TIME - len(eager))]] if self._refreshes else given
        answers = dict(zip(asked, await self._ask(asked, policy), strict=True))
        for name in asked:
            if name in self._chances:
                self._chances[name] = max(0, self._chances[name] - 1)
            elif name not in self._asked and not answers[name]:
                self._chances[name] = EAGER_TIMES
        self._asked = {name: turn for name, turn in self._asked.items() if name in given}
        self._asked |= dict.fromkeys(asked, self._refreshes)
        self._chances = {name: left for name, left in self._chances.items() if name in given}
        self._refreshes += 1
        self._refused.intersection_update(given)
        return frozenset(name for name in given if answers.get(name, name in self._names))

    def _is_eager(self, name: str) -> bool:
        return name not in self._asked or (name not in self._names and self._chances.get(name, 0) > 0)

    async def _ask(self, names: Sequence[str], policy: PolicyConfig) -> list[bool]:
        """Whether each is enabled. One that does not answer stays as it was; when none of several does, that is raised."""
        answers = await asyncio.gather(*(self._is_enabled(name, policy) for name in names))
        unanswered = [answer for answer in answers if isinstance(answer, TemporaryError)]
        if 1 < len(answers) == len(unanswered):
            raise unanswered[0]
        return [
            name in self._names if isinstance(answer, TemporaryError) else answer
            for name, answer in zip(names, answers, strict=True)
        ]

    async def _is_enabled(self, name: str, policy: PolicyConfig) -> bool | TemporaryError:
        try:
            namespace = await self._namespaces.read(name)
        except TargetGone:
            return False
        except NotPermitted:
            self._say_refused(name)
            return False
        except TemporaryError as error:
            return error
        self._refused.discard(name)
        return enrolled(namespace, policy)

    def _say_refused(self, name: str) -> None:
        """Once for each, as long as it lasts."""
        if name not in self._refused:
            self._refused.add(name)
            logger.warning("the namespace %s was given to us and may not be read: it is not watched", name)


def names_of(namespaces: Iterable[JSON]) -> frozenset[str]:
    """Their names."""
    return frozenset(fields.name(fields.metadata(item).get("name")) for item in namespaces)
