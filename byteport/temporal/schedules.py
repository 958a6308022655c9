"""The Schedules by which metrics are polled: one for each source that the settings name, and none for any other.

A part of the one door (`intake.py`): every worker's start makes what Temporal has match the settings. The id of a Schedule
is derived, so two workers that start at once make one; nothing is written where nothing has changed; and a Schedule
that a person has paused stays paused, since its note is then not ours. Before it comes `byteport/settings/clouds.py`; after
it `workflows/metric_poll.py`, which each of them starts.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from byteport.contracts.acts import Queue, task_queue_name
from byteport.contracts.cloud import METRIC_POLL, CloudSource, MetricPoll
from byteport.contracts.workflows import Installation
from byteport.domain.canonical import digest
from byteport.domain.ids import poll_id
from byteport.temporal.attributes import CLUSTER
from byteport.temporal.codec import KEY_ID, EncryptingCodec
from byteport.temporal.connect import RPC_TIMEOUT, unavailable

NOTE = "set by byteport's settings"
"""What the note of a Schedule that we made begins with; whoever pauses one in Temporal's UI writes another."""
CATCH_UP = timedelta(seconds=20)
"""Polls that Temporal could not start in time are left out but for the last moment's: each reads what the ones before missed."""
MOST_JITTER = timedelta(seconds=10)
LONGEST_RUN = timedelta(minutes=20)
"""A poll that has not ended by then, however that comes, is ended, so that the next one begins."""


async def follow_polls(
    client: Client,
    installation: Installation,
    sources: Collection[CloudSource],
    *,
    every: timedelta,
    rights_every: timedelta,
    paused: bool = False,
) -> None:
    """Have Temporal start exactly the polls that the settings name; every worker calls this at its start.

    Raises `Unavailable` when Temporal does not answer, `NotPermitted` when it refuses.
    """
    try:
        for source in CloudSource:
            if source in sources:
                call = MetricPoll(
                    installation=installation, source=source, rights_every_seconds=round(rights_every.total_seconds())
                )
                await _see_to(client, call, every=every, paused=paused)
            else:
                await _see_off(client.get_schedule_handle(poll_id(installation.cluster_uid, source.value)))
    except RPCError as error:
        raise unavailable(client, error) from error


async def _see_to(client: Client, call: MetricPoll, *, every: timedelta, paused: bool) -> None:
    wanted = _schedule(call, every=every, paused=paused)
    installation = call.installation
    schedule_id = poll_id(installation.cluster_uid, call.source.value)
    attributes = TypedSearchAttributes([SearchAttributePair(CLUSTER, installation.cluster_name)])
    try:
        await client.create_schedule(schedule_id, wanted, search_attributes=attributes, rpc_timeout=RPC_TIMEOUT)
    except ScheduleAlreadyRunningError:
        await _make_match(client, schedule_id, wanted)


async def _make_match(client: Client, schedule_id: str, wanted: Schedule) -> None:
    """The one that is there has what is wanted, under the key of today, but stays paused where a person paused it."""

    def changed(there: ScheduleUpdateInput) -> ScheduleUpdate | None:
        schedule = there.description.schedule
        state = schedule.state
        as_noted = state.note == wanted.state.note and _does(schedule) == _does(wanted)
        if as_noted and not _is_sealed_otherwise(client, schedule_id, schedule):
            return None
        if state.paused and not (state.note or "").startswith(NOTE):
            wanted.state = ScheduleState(note=state.note, paused=True)
        return ScheduleUpdate(wanted)

    await client.get_schedule_handle(schedule_id).update(changed, rpc_timeout=RPC_TIMEOUT)


def _does(schedule: Schedule) -> tuple[object, ...]:
    """What it starts, when, and how many at a time: somebody may have changed that, and left our note where it is."""
    spec, action = schedule.spec, schedule.action
    when = ([(one.every, one.offset or None) for one in spec.intervals], spec.jitter, spec.start_at, spec.end_at)
    else_when = [*spec.calendars, *spec.cron_expressions, *spec.skip]
    how_many = (schedule.policy.overlap, schedule.policy.catchup_window, schedule.state.limited_actions)
    if not isinstance(action, ScheduleActionStartWorkflow):
        return (when, else_when, how_many)
    return (when, else_when, how_many, action.workflow, action.id, action.task_queue, action.execution_timeout)


def _is_sealed_otherwise(client: Client, schedule_id: str, there: Schedule) -> bool:
    """Whether what each run is given was encrypted with another key than would be taken now. A Schedule keeps it for as long as it is
    there, so that with the old key every later run would be gone."""
    codec, action = client.data_converter.payload_codec, there.action
    if not isinstance(codec, EncryptingCodec) or not isinstance(action, ScheduleActionStartWorkflow):
        return False
    now = codec.sealed_for(schedule_id, Payload()).metadata[KEY_ID]
    return any(isinstance(one, Payload) and one.metadata.get(KEY_ID) != now for one in action.args)


async def _see_off(handle: ScheduleHandle) -> None:
    """A poll that is under way ends by itself."""
    try:
        await handle.delete(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


def _schedule(call: MetricPoll, *, every: timedelta, paused: bool) -> Schedule:
    installation, source = call.installation, call.source
    said = digest([call.model_dump(mode="json"), every.total_seconds(), paused, _FORM])
    return Schedule(
        action=ScheduleActionStartWorkflow(
            METRIC_POLL,
            call,
            id=poll_id(installation.cluster_uid, source.value),
            task_queue=task_queue_name(Queue.CONTROL, installation.cluster_uid),
            execution_timeout=LONGEST_RUN,
            static_summary=f"metrics of {source.value} for cluster {installation.cluster_name}",
            typed_search_attributes=TypedSearchAttributes([SearchAttributePair(CLUSTER, installation.cluster_name)]),
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)], jitter=min(every / 4, MOST_JITTER)),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
        state=ScheduleState(note=f"{NOTE} ({said[:16]})", paused=paused),
    )


_FORM = 1
"""Raised when what is scheduled changes with the program: Schedules that an older version made are then written anew."""
