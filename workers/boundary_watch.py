"""Holds the last look at the boundary, and looks again on a timer: what is not whole refuses `auto` within one interval.

Beside the cluster's queue, in the process that holds the cluster's credentials; started by `start.py`. What has not been
looked at lately counts as not whole, so that a look which hangs or fails closes the way by itself. How far each
namespace was given to us, and the switch, are asked more often, whenever a target is looked at; a namespace that was given since the
last look is looked at then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from activities.kubernetes.policy_source import PolicySource
from byteport.boundary.selfcheck import OBSERVED, ceilings_in
from byteport.boundary.whole import Finding
from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Standing
from byteport.errors import BytePortError, Unavailable
from byteport.kubernetes.port import ClusterPort
from byteport.settings.model import BoundaryConfig
from workers.boundary_check import Report, choices_of, given_to_us, look_at_boundary, switched_on

LATE_INTERVALS = 3
"""A look that began longer ago counts as a bad one."""
GIVEN_SECONDS = 5.0
"""How long what a namespace was given for, and the switch, are believed."""
AWAITED_SECONDS = 15.0
"""How long a look that is under way is waited for by whoever asks about a namespace that the last one did not see."""
AFRESH_SECONDS = 1.0
"""How soon it is asked again, whatever arrives, for a namespace of which what is believed says nothing."""
MOST_SAID = 20
"""Findings of one look that are written out one by one."""

logger = logging.getLogger("byteport.boundary")


class _Given(NamedTuple):
    at: float
    known: float
    """When the answer was there: a look that began before may have missed some of it."""
    ceilings: dict[str, Ceiling | None]
    on: bool


class Boundary:
    """What stands on one cluster, as of the last look."""

    def __init__(
        self,
        cluster: ClusterPort,
        config: BoundaryConfig,
        policy: PolicySource,
        *,
        seconds: Callable[[], float],
        heard: Callable[[Report], None],
    ) -> None:
        """`seconds` is a clock that never goes back; `heard` is told what each look found."""
        self._heard = heard
        self._cluster = cluster
        self._config = config
        self._policy = policy
        self._seconds = seconds
        self._report: Report | None = None
        self._looked_at = self._tried_at = 0.0
        self._given: _Given | None = None
        self._asking = asyncio.Lock()
        self._looking = asyncio.Lock()

    async def look(self) -> Report:
        """Look once, keep what was found, and say what has changed; one look at a time. Raises what the port raises."""
        async with self._looking:
            return await self._look()

    async def _look(self) -> Report:
        began = self._tried_at = self._seconds()
        try:
            async with asyncio.timeout(LATE_INTERVALS * self._config.check_seconds):
                report = await look_at_boundary(self._cluster, self._config, self._policy.read())
        except TimeoutError:
            raise Unavailable("the API server does not answer all that is asked of the boundary in time") from None
        before, self._report, self._looked_at = self._report, report, began
        _say(before, report)
        self._heard(report)
        return report

    async def standing(self, namespace: str) -> Standing:
        """The boundary's part of it, for a target in that namespace."""
        given = await self._given_now(namespace)
        if not await self._look_since(given, namespace) and self._looked_at >= given.known:
            self._forget(given)
            given = await self._given_now(namespace)
            await self._look_since(given, namespace)
        report = self._report
        proved = report is not None and report.choices.proves_rollbacks
        ceiling = (given.ceilings.get(namespace) or OBSERVED) if namespace else None
        return Standing(
            halted=not given.on,
            unguarded=report is None
            or self._is_late()
            or report.refuses_auto(namespace)
            or not _was_looked_at(report, namespace, given),
            unproven=not (proved or self._config.accept_weaker_rollback),
            ceiling=ceiling,
        )

    def not_whole(self) -> tuple[str, ...] | None:
        """What refused `auto` at the last look. People are told of it by the watch of the cluster, which is durable."""
        if self._report is None:
            return None
        return tuple(sorted(one.text for one in self._report.findings if one.refuses_auto))

    async def _look_since(self, given: _Given, namespace: str) -> bool:
        """Whether the last look was at a namespace as it was given. One that was given since is looked at now, or by the look that
        is under way; where neither comes to an end it stays as nobody's word."""
        if self._report is None or _was_looked_at(self._report, namespace, given):
            return True
        try:
            async with asyncio.timeout(AWAITED_SECONDS):
                await self._looking.acquire()
        except TimeoutError:
            return False
        try:
            if not _was_looked_at(self._report, namespace, given) and self._tried_at < given.known:
                await self._look()
        except BytePortError as error:
            logger.warning("the boundary cannot be looked at now: %s", error)
        finally:
            self._looking.release()
        return _was_looked_at(self._report, namespace, given)

    def _forget(self, given: _Given) -> None:
        """What was believed of a namespace is older than the last look: it is asked again."""
        if self._given is given:
            self._given = None

    def _is_late(self) -> bool:
        return self._seconds() - self._looked_at > LATE_INTERVALS * self._config.check_seconds

    async def _given_now(self, namespace: str) -> _Given:
        """As it was at most `GIVEN_SECONDS` ago. That a namespace was not given is said only after a look that began since.

        It may have been given a moment ago: the watch sees it as soon as it has its label, and a symptom comes at once.
        """
        came = self._seconds()
        if (given := self._believed(namespace, came)) is not None:
            return given
        async with self._asking:
            if (given := self._believed(namespace, came)) is not None:
                return given
            if self._given is not None:
                await asyncio.sleep(self._given.at + AFRESH_SECONDS - self._seconds())
            at = self._seconds()
            config, on = await asyncio.gather(given_to_us(self._cluster), switched_on(self._cluster))
            choices = choices_of(self._config, self._policy.read(), "")
            self._given = _Given(at, self._seconds(), ceilings_in(config, choices), on)
            return self._given

    def _believed(self, namespace: str, came: float) -> _Given | None:
        """What was heard last, if it is no older than may be, and knows the namespace or is newer than whoever asks."""
        given = self._given
        if given is None or self._seconds() - given.at > GIVEN_SECONDS:
            return None
        known = not namespace or namespace in given.ceilings or given.at > came
        return given if known else None


async def watch_boundary(boundary: Boundary, config: BoundaryConfig) -> None:
    """Look every `check_seconds` until cancelled. A look that does not succeed is said, and the next one tries again."""
    while True:
        await asyncio.sleep(config.check_seconds)
        try:
            await boundary.look()
        except BytePortError as error:
            logger.warning("the boundary cannot be looked at now: %s", error)


def _was_looked_at(report: Report, namespace: str, given: _Given) -> bool:
    """Whether the last look was at that namespace, given as far as it is now. What was given since is nobody's word yet."""
    return namespace not in given.ceilings or (
        namespace in report.given and report.given[namespace] == given.ceilings[namespace]
    )


def _say(before: Report | None, now: Report) -> None:
    """A line for each thing that is not whole and was before, and one when everything is whole again."""
    known = frozenset(before.findings) if before else frozenset()
    new = [one for one in now.findings if one not in known]
    for one in new[:MOST_SAID]:
        logger.log(logging.ERROR if one.refuses_auto else logging.WARNING, "the boundary is not whole: %s", one.text)
    if len(new) > MOST_SAID:
        logger.error("the boundary is not whole: and %d more; `byteport doctor` lists them", len(new) - MOST_SAID)
    if _refusing(before.findings if before else ()) and not _refusing(now.findings):
        logger.warning("the boundary is whole again")
    if now.halted and not (before and before.halted):
        logger.warning("the switch is off: nothing is written anywhere until `byteport resume`")


def _refusing(findings: tuple[Finding, ...]) -> bool:
    return any(one.refuses_auto for one in findings)
