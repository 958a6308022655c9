"""Polls of metrics by real Schedules: what one tells the next, what is told to people, and what starts at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.client import (
    Client,
    ScheduleActionStartWorkflow,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from byteport.contracts.cloud import CloudSource, Metric, Polled, PollMetrics, Stretch
from byteport.contracts.paging import dedup_key
from byteport.contracts.symptoms import MOST_SYMPTOMS, Fate, OutsideSymptom, Subject
from byteport.domain.ids import poll_id
from byteport.domain.signals import SignalType, Source
from byteport.errors import NotPermitted
from byteport.sandbox.dev_server import DevServer
from byteport.temporal.codec import KEY_ID
from byteport.temporal.converter import data_converter
from byteport.temporal.keys import KeyRing, PayloadKey
from byteport.temporal.schedules import NOTE, follow_polls
from tests.workflows.patience import until_so
from tests.workflows.polling import HOUR, INSTALLATION, RARELY, UID, Polling, polling
from workflows.metric_poll import TRIES

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest_asyncio.fixture
async def poll(server: DevServer, namespace: str) -> AsyncIterator[Polling]:
    async with polling(server, namespace) as made:
        yield made


def stretch(number: int) -> Stretch:
    subject = Subject(kind="Node", provider_id=f"i-{number}")
    return Stretch(
        subject=subject, metric=Metric.DISK, since=NOW, last=NOW + MINUTE, percent=91.0, digest=f"evidence-{number}"
    )


def symptom(number: int) -> OutsideSymptom:
    one = stretch(number)
    return OutsideSymptom(
        type=SignalType.DISK_PRESSURE,
        subject=one.subject,
        value=one.percent,
        threshold=85.0,
        observed_at=one.last,
        source=Source.AWS,
        evidence_digest=one.digest,
    )


def above(*numbers: int) -> Polled:
    """A poll that has seen so many above, none of them told before."""
    return Polled(
        symptoms=tuple(symptom(number) for number in numbers),
        open=tuple(stretch(number) for number in numbers),
        until=NOW,
        series=len(numbers),
        skew_seconds=3.0,
    )


def quiet(call: PollMetrics) -> Polled:
    """Nothing new: what was open stays so."""
    return Polled(symptoms=(), open=call.open, until=NOW + MINUTE, series=1)


@pytest.mark.claim("C-409")
async def test_what_one_poll_saw_the_next_one_knows_encrypted_as_everything(poll: Polling) -> None:
    around = poll.around
    await poll.follow(CloudSource.AWS)
    around.gives = lambda _: above(1)
    first = await poll.poll()
    around.gives = quiet
    await poll.poll()
    assert around.polls[0] == PollMetrics(cluster_uid=UID, source=CloudSource.AWS)
    assert (around.polls[1].since, around.polls[1].skew_seconds) == (NOW, 3.0)
    assert [one.fate for one in around.polls[1].open] == [Fate.REPORTED]
    assert first.open == around.polls[1].open
    assert poll.last is not None
    history = await poll.last.fetch_history()
    assert "evidence-1" not in history.to_json()


async def test_many_symptoms_go_in_batches_and_each_once(poll: Polling) -> None:
    numbers = range(2 * MOST_SYMPTOMS + 1)
    poll.around.gives = lambda _: above(*numbers)
    await poll.follow(CloudSource.AWS)
    state = await poll.poll()
    assert [len(batch.symptoms) for batch in poll.around.batches] == [MOST_SYMPTOMS, MOST_SYMPTOMS, 1]
    assert state.reported == len(numbers)


@pytest.mark.claim("C-409")
async def test_symptoms_that_could_not_be_handed_over_are_told_by_the_next_poll(poll: Polling) -> None:
    around = poll.around
    around.gives = lambda call: above(1) if not call.open else quiet(call)
    around.cluster_is_down = True
    await poll.follow(CloudSource.AWS)
    failed = await poll.poll()
    assert (failed.failures, failed.until, failed.open) == (1, None, ())
    around.cluster_is_down = False
    again = await poll.poll()
    assert (again.failures, [one.fate for one in again.open]) == (0, [Fate.REPORTED])
    assert around.polls[1].since is None, "the place has not moved"


@pytest.mark.claim("C-410")
async def test_polls_that_fail_page_once_and_tell_once_that_it_is_over(poll: Polling) -> None:
    around = poll.around
    around.error = NotPermitted("aws: 403 AccessDenied to ListMetrics: the role needs cloudwatch:ListMetrics")
    await poll.follow(CloudSource.AWS)
    for _ in range(TRIES - 1):
        await poll.poll()
    assert around.notices == []
    around.pager_is_down = True
    await poll.poll()
    around.pager_is_down = False
    for _ in range(2):
        await poll.poll()
    assert [notice.rung for notice in around.notices] == [1], "once, as soon as somebody can be reached"
    assert any("cloudwatch:ListMetrics" in line for line in around.notices[0].evidence)
    around.error, around.gives = None, quiet
    for _ in range(2):
        await poll.poll()
    assert [notice.rung for notice in around.notices] == [1, 0]
    named = {dedup_key(notice.workflow_id, notice.incident_id) for notice in around.notices}
    assert len(named) == 1, "a pager ends what it began by its name, though each run of a Schedule has another"


@pytest.mark.claim("C-411")
async def test_there_is_one_schedule_for_each_source_that_is_named_and_none_for_another(poll: Polling) -> None:
    both = (CloudSource.AWS, CloudSource.PROMETHEUS)
    await asyncio.gather(*(poll.follow(*both) for _ in range(3)))
    await are_listed(poll, "aws", "prometheus")
    await poll.follow(CloudSource.PROMETHEUS)
    await are_listed(poll, "prometheus")
    await poll.follow()
    await are_listed(poll)


@pytest.mark.claim("C-411")
async def test_a_schedule_follows_its_settings_and_a_person_who_pauses_it(poll: Polling) -> None:
    await poll.follow(CloudSource.AWS)
    await poll.follow(CloudSource.AWS, every=MINUTE, paused=True)
    described = (await poll.schedule.describe()).schedule
    assert [one.every for one in described.spec.intervals] == [MINUTE]
    assert described.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert described.state.paused
    await poll.follow(CloudSource.AWS)
    assert not (await poll.schedule.describe()).schedule.state.paused, "it was ours"
    await poll.schedule.pause(note="ada: the bill")
    await poll.follow(CloudSource.AWS, every=2 * MINUTE)
    state = (await poll.schedule.describe()).schedule.state
    assert (state.paused, state.note) == (True, "ada: the bill")
    await poll.schedule.unpause(note=NOTE)
    await poll.follow(CloudSource.AWS, every=2 * MINUTE)
    assert not (await poll.schedule.describe()).schedule.state.paused


@pytest.mark.claim("C-411")
async def test_a_schedule_that_somebody_has_changed_by_hand_is_put_right_and_one_that_nobody_has_is_not_written(
    poll: Polling,
) -> None:
    await poll.follow(CloudSource.AWS)
    made = (await poll.schedule.describe()).info.last_updated_at
    await poll.follow(CloudSource.AWS)
    assert (await poll.schedule.describe()).info.last_updated_at == made

    def often(there: ScheduleUpdateInput) -> ScheduleUpdate:
        schedule = there.description.schedule
        schedule.spec.intervals = [ScheduleIntervalSpec(every=MINUTE)]
        schedule.policy.overlap = ScheduleOverlapPolicy.ALLOW_ALL
        return ScheduleUpdate(schedule)

    await poll.schedule.update(often)
    await poll.follow(CloudSource.AWS)
    schedule = (await poll.schedule.describe()).schedule
    assert [one.every for one in schedule.spec.intervals] == [RARELY]
    assert schedule.policy.overlap is ScheduleOverlapPolicy.SKIP


@pytest.mark.claim("C-462")
async def test_a_schedule_is_written_anew_with_the_key_of_today(server: DevServer, poll: Polling) -> None:
    """Else no run of it could begin once the old key is gone."""
    await poll.follow(CloudSource.AWS)
    ring = KeyRing((PayloadKey(b"n" * 32), PayloadKey(b"k" * 32)))
    later = await Client.connect(server.address, namespace=poll.client.namespace, data_converter=data_converter(ring))
    for _ in range(2):
        await follow_polls(later, INSTALLATION, (CloudSource.AWS,), every=RARELY, rights_every=HOUR)
        action = (await poll.schedule.describe()).schedule.action
        assert isinstance(action, ScheduleActionStartWorkflow)
        assert [one.metadata[KEY_ID].decode() for one in action.args] == [ring.active.id]


async def are_listed(poll: Polling, *sources: str) -> None:
    """These and no other, once what is listed has caught up."""

    async def so() -> bool:
        return {one.id async for one in await poll.client.list_schedules()} == {poll_id(UID, one) for one in sources}

    await until_so(so, f"Schedules of {sources}")
