"""One time for Temporal and the cluster: the clock of the activities follows the time that the server has skipped.

The server skips time per run, and tells each attempt of an activity when it began on that run's clock. `FollowTime`
hands that to the one clock that the simulated cluster, the ledger and the activities share, so that a pod's age, a
lease's end and an answer's expiry grow by three days when a run has slept for three days.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import temporalio.client
import temporalio.worker
from temporalio import activity


class FollowingClock:
    """The machine's time plus an offset that only grows. Starts `behind` it, so that a test can give objects an age."""

    def __init__(self, behind: timedelta) -> None:
        self._offset = -behind

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        """Turn it on, whatever Temporal's clocks say."""
        self._offset += timedelta(seconds=seconds)

    def follow(self, instant: datetime) -> None:
        """Go on to `instant`; an earlier one is ignored."""
        self._offset = max(self._offset, instant - datetime.now(UTC))

    def to_present(self) -> None:
        """What lies between the past that a test has set up and now has gone by."""
        self._offset = max(self._offset, timedelta(0))


class FollowTime(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    """Turns `clock` on to the time at which each attempt of an activity began."""

    def __init__(self, clock: FollowingClock) -> None:
        self._clock = clock

    def intercept_activity(
        self,
        next: temporalio.worker.ActivityInboundInterceptor,  # noqa: A002  the SDK's name
    ) -> temporalio.worker.ActivityInboundInterceptor:
        return _Inbound(super().intercept_activity(next), self._clock)


class _Inbound(temporalio.worker.ActivityInboundInterceptor):
    def __init__(self, following: temporalio.worker.ActivityInboundInterceptor, clock: FollowingClock) -> None:
        super().__init__(following)
        self._clock = clock

    async def execute_activity(self, input: temporalio.worker.ExecuteActivityInput) -> Any:  # noqa: A002  as above
        self._clock.follow(activity.info().started_time)
        return await super().execute_activity(input)
