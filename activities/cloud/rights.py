"""CHECK_RIGHTS: ask what the identity of one source may do, and give what differs from its policy. It decides nothing of it.

Comes after `source.py` and the sources' own checks, whose words for a person end here; `workflows/metric_poll.py` says when it is
looked at, and does not read a source whose identity has something of what is never requested.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from temporalio import activity

from activities.clock import Clock
from activities.cloud.source import Excess, MetricSource, RightFinding
from activities.performs import performs
from byteport.contracts.cloud import CHECK_RIGHTS, CheckRights, CloudSource
from byteport.contracts.cloud_looks import Named, RightsDifference, RightsFound
from byteport.contracts.metrics import SOURCE_RIGHTS, SOURCE_RIGHTS_LOOKED_AT
from byteport.errors import ConfigError, NotPermitted, PermanentError
from byteport.temporal.metering import gauge


class Rights:
    """What the queue `cloud` serves beside the polls: each look is made by a source of its own."""

    def __init__(
        self, cluster_uid: str, sources: Mapping[CloudSource, Callable[[], MetricSource]], *, clock: Clock
    ) -> None:
        self._cluster_uid = cluster_uid
        self._makers = sources
        self._clock = clock

    @performs(CHECK_RIGHTS)
    async def check(self, call: CheckRights) -> RightsFound:
        if call.cluster_uid != self._cluster_uid:
            raise NotPermitted("the rights of another cluster's identities are not this process's to look at")
        if call.source not in self._makers:
            raise PermanentError(f"clouds.sources: names no {call.source.value} here; restart the workers that do")
        try:
            made = self._makers[call.source]()
            try:
                findings = await made.check()
            finally:
                await made.close()
        except ConfigError as error:
            raise PermanentError(error.message) from error
        found = found_in(findings)
        self._told(call.source, found)
        return found

    def _told(self, source: CloudSource, found: RightsFound) -> None:
        """To this process's log, and to whoever scrapes it."""
        for what, names in found.amiss:
            activity.logger.error(
                "the identity of %s has not the rights of its policy: %s: %s", source.value, what.value, names.text
            )
        meter = activity.metric_meter().with_additional_attributes({"source": source.value})
        numbers = dict.fromkeys(RightsDifference, 0) | {what: names.number for what, names in found.amiss}
        for what, number in numbers.items():
            gauge(meter, SOURCE_RIGHTS).set(number, {"amiss": what.value})
        gauge(meter, SOURCE_RIGHTS_LOOKED_AT).set(int(self._clock().timestamp()))


def found_in(findings: Iterable[RightFinding]) -> RightsFound:
    """By kind, as names alone: what they say for a person is made of them anew where it is shown."""
    every = tuple(findings)
    excess = [one for one in every if one.what is Excess.IN_EXCESS]
    return RightsFound(
        missing=Named.of(one.permission for one in every if one.what is Excess.MISSING),
        never_requested=Named.of(one.permission for one in excess if one.never_requested),
        in_excess=Named.of(one.permission for one in excess if not one.never_requested),
        untold=Named.of(one.permission for one in every if one.what is Excess.CANNOT_TELL),
    )
