"""What the identity of a source of metrics may do, as its polls know it: looked at on time, refusing, and told to people once.

As with the boundary in the cluster: what was not looked at lately counts as not whole, so that a look that hangs or fails closes
the way by itself, and something of *what is never requested* closes it at once, until a later look finds it gone. Comes before
`workflows/metric_poll.py`; after `activities/cloud/rights.py`, which asks the source.
"""

from __future__ import annotations

from datetime import timedelta

from byteport.contracts.cloud import CHECK_RIGHTS, CheckRights, MetricPoll
from byteport.contracts.cloud_looks import LookedAt, answered, unanswered
from byteport.contracts.people import Notice
from byteport.errors import BytePortError, TemporaryError, Unavailable
from temporalio import workflow

from workflows.perform import perform
from workflows.phases import rights_words as words

PATCH = "looks-at-rights"


class Rights:
    """Of the identity of one source."""

    def __init__(self, call: MetricPoll, last: LookedAt | None) -> None:
        self._call = call
        self._every = timedelta(seconds=call.rights_every_seconds)
        self.last = last
        """The last look that was answered; what a poll hands to the next one."""

    @property
    def refuse(self) -> bool:
        """Whether the source is not read now."""
        return self.last is not None and self.last.found.refuses

    async def look(self) -> None:
        """Look, where that is due. Raises what keeps it from being known, where the last look is too old to be believed."""
        if not workflow.patched(PATCH):
            return
        cannot: BytePortError | None = None
        if self.last is None or self.last.is_due(workflow.now(), every=self._every):
            try:
                await self._look()
            except BytePortError as error:
                cannot = error
                delay = error.delay if isinstance(error, TemporaryError) else None
                self.last = self.last and unanswered(self.last, at=workflow.now(), delay=delay)
        if self.last is None or self.last.is_late(workflow.now(), every=self._every):
            raise cannot or Unavailable("what this identity may do could not be looked at for too long")

    async def _look(self) -> None:
        uid, source = self._call.installation.cluster_uid, self._call.source
        call = CheckRights(cluster_uid=uid, source=source)
        summary = f"Look at what the identity of {source.value} may do"
        found = await perform(CHECK_RIGHTS, call, cluster_uid=uid, summary=summary)
        self.last = answered(self.last, found, at=workflow.now(), every=self._every)

    def news(self) -> Notice | None:
        """What people do not know of it yet."""
        return words.notice(self._call, self.last) if self.last is not None and self.last.is_news else None

    def told(self) -> LookedAt | None:
        """The same, when people know."""
        self.last = self.last and self.last.once_told()
        return self.last
