"""What an identity at a source of metrics may do, as its polls look at it on time; and what else one poll leaves to the next."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from byteport.contracts.cloud import CloudSource, PollState
from byteport.contracts.cloud_looks import SOON, LookedAt, Named, RightsFound
from byteport.contracts.paging import dedup_key
from byteport.contracts.people import Ending
from byteport.errors import NotPermitted, Throttled
from byteport.sandbox.dev_server import DevServer
from byteport.settings import Settings
from byteport.settings.clouds import CloudsConfig
from byteport.settings.model import ClusterConfig
from tests.workflows.polling import HOUR, UID, Polling, polling
from tests.workflows.test_metric_poll import above, quiet
from workers.cloud_looks import check_looks
from workers.preflight import Outcome
from workflows.metric_poll import TRIES

pytestmark = pytest.mark.slow

EXACT = RightsFound()
NEVER = RightsFound(never_requested=Named.of(["iam:CreateAccessKey"]))
LESS = RightsFound(missing=Named.of(["ec2:DescribeInstances"]))
MORE = RightsFound(in_excess=Named.of(["logging.logEntries.list"]))


@pytest_asyncio.fixture
async def poll(server: DevServer, namespace: str) -> AsyncIterator[Polling]:
    async with polling(server, namespace) as made:
        made.around.gives = quiet
        await made.follow(CloudSource.AWS)
        yield made


def ago(seconds: float) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def looked(found: RightsFound, at: datetime, again_at: datetime) -> LookedAt:
    return LookedAt(at=at, found=found, again_at=again_at, amiss_since=at if found.amiss else None)


@pytest.mark.claim("C-490")
async def test_review_15_a_source_whose_identity_has_what_is_never_requested_is_not_read(poll: Polling) -> None:
    around = poll.around
    around.found = NEVER
    states = [await poll.poll() for _ in range(2)]
    assert around.polls == [], "not once"
    assert around.looks == 1, "and it is not asked again before five minutes are over"
    assert [(one.rung, one.ending) for one in around.notices] == [(1, None)], "one page, of what is amiss"
    assert any("iam:CreateAccessKey" in line for line in around.notices[0].evidence)
    assert [state.failures for state in states] == [0, 0], "no second page for the same"


@pytest.mark.claim("C-490")
async def test_what_was_refused_is_read_again_when_a_look_finds_it_mended(poll: Polling) -> None:
    around = poll.around
    around.found = NEVER
    before = await poll.poll()
    assert before.rights is not None
    due = before.rights.model_copy(update={"again_at": ago(1)})
    await poll.was_left(before.model_copy(update={"rights": due}))
    around.found = EXACT
    after = await poll.poll()
    assert (around.looks, len(around.polls)) == (2, 1)
    assert [(one.rung, one.ending) for one in around.notices] == [(1, None), (0, Ending.OVER)]
    named = {dedup_key(one.workflow_id, one.incident_id) for one in around.notices}
    assert len(named) == 1, "it ends what was begun"
    assert after.rights is not None
    assert (after.rights.told, after.rights.amiss_since) == (None, None)


@pytest.mark.claim("C-491")
async def test_a_right_too_few_is_a_page_and_one_too_many_a_notice_and_the_source_is_read(poll: Polling) -> None:
    around = poll.around
    around.found = LESS
    first = await poll.poll()
    await poll.poll()
    assert first.rights is not None
    around.found = MORE
    await poll.was_left(first.model_copy(update={"rights": first.rights.model_copy(update={"again_at": ago(1)})}))
    await poll.poll()
    assert [one.rung for one in around.notices] == [1, 0]
    assert len(around.polls) == 3


@pytest.mark.claim("C-491")
async def test_what_people_could_not_be_told_is_told_by_the_next_poll(poll: Polling) -> None:
    around = poll.around
    around.found, around.pager_is_down = NEVER, True
    await poll.poll()
    around.pager_is_down = False
    for _ in range(2):
        await poll.poll()
    assert [one.rung for one in around.notices] == [1]


@pytest.mark.claim("C-490")
async def test_without_a_look_that_was_answered_nothing_is_read_and_people_are_told_why(poll: Polling) -> None:
    around = poll.around
    around.found = NotPermitted("gcp: 403: what this identity may do cannot be asked")
    states = [await poll.poll() for _ in range(TRIES)]
    assert around.polls == []
    assert [state.failures for state in states] == [1, 2, 3]
    (notice,) = around.notices
    assert any("cannot be asked" in line for line in notice.evidence)


@pytest.mark.claim("C-490")
async def test_the_last_look_stands_for_a_while_when_nobody_answers_and_not_for_ever(poll: Polling) -> None:
    around = poll.around
    around.found = NotPermitted("aws: no answer")
    for hours, read in ((2, 1), (4, 1)):
        at = ago(hours * HOUR.total_seconds())
        await poll.was_left(PollState(rights=looked(EXACT, at, at + HOUR)))
        state = await poll.poll()
        assert (len(around.polls), state.failures) == (read, hours // 4)
        assert state.rights is not None
        assert state.rights.at == at
        assert state.rights.again_at >= datetime.now(UTC) + SOON - timedelta(seconds=30), "nor asked at every poll"


@pytest.mark.claim("C-490")
async def test_a_refusal_stands_while_nobody_answers(poll: Polling) -> None:
    await poll.was_left(PollState(rights=looked(NEVER, ago(600), ago(300))))
    poll.around.found = NotPermitted("aws: no answer")
    await poll.poll()
    assert poll.around.polls == []


@pytest.mark.claim("C-492")
async def test_fault_5_a_source_that_asks_for_an_hour_is_not_asked_again_by_the_next_poll(poll: Polling) -> None:
    around = poll.around
    around.error = Throttled("aws: 429 Throttling to GetMetricData", HOUR)
    states = [await poll.poll() for _ in range(TRIES)]
    assert len(around.polls) == 1
    until = states[0].put_off_until
    assert until is not None
    assert timedelta(minutes=59) < until - datetime.now(UTC) <= HOUR
    assert "has asked not to be asked again" in states[1].because
    assert [one.rung for one in around.notices] == [1], "what is not seen for long is somebody's business all the same"
    await poll.was_left(states[-1].model_copy(update={"put_off_until": ago(1)}))
    around.error = None
    again = await poll.poll()
    assert (len(around.polls), again.failures, again.put_off_until) == (2, 0, None)
    assert [(one.rung, one.ending) for one in around.notices] == [(1, None), (0, Ending.OVER)]


@pytest.mark.claim("C-492")
async def test_a_look_that_is_put_off_puts_off_the_poll(poll: Polling) -> None:
    poll.around.found = Throttled("azure: the service answers 429", HOUR)
    state = await poll.poll()
    await poll.poll()
    assert state.put_off_until is not None
    assert (poll.around.looks, poll.around.polls) == (1, [])


@pytest.mark.claim("C-493")
@pytest.mark.parametrize(
    "left",
    [
        {"until": "2026-03-10T09:00:00Z", "a field of a later version": 1},
        ["no state at all"],
    ],
    ids=json.dumps,
)
async def test_what_another_version_has_left_and_this_one_cannot_read_begins_the_polls_anew(
    poll: Polling, left: object
) -> None:
    await poll.was_left(left)
    poll.around.gives = lambda _: above(1)
    state = await poll.poll()
    (asked,) = poll.around.polls
    assert (asked.since, asked.open) == (None, ())
    assert (state.failures, state.reported) == (0, 1)


@pytest.mark.claim("C-493")
async def test_what_an_older_version_has_left_is_gone_on_with(poll: Polling) -> None:
    await poll.was_left({"until": "2026-03-10T09:00:00Z", "skew_seconds": 3.0, "failures": 2, "because": "away"})
    await poll.poll()
    (asked,) = poll.around.polls
    assert asked.since == datetime(2026, 3, 10, 9, tzinfo=UTC)
    assert asked.skew_seconds == 3.0


@pytest.mark.claim("C-491")
async def test_doctor_shows_the_last_look_of_the_polls_wherever_it_runs(poll: Polling) -> None:
    settings = Settings(
        tenant="acme",
        cluster=ClusterConfig(name="production", uid=UID),
        clouds=CloudsConfig(sources=(CloudSource.AWS,)),
    )

    async def shown() -> tuple[Outcome, str]:
        (check,) = await check_looks(poll.client, settings, now=datetime.now(UTC))
        assert (check.outcome is Outcome.OK) is (not check.remedy)
        return check.outcome, check.finding

    assert await shown() == (Outcome.WARNING, "no poll has looked at them yet")
    poll.around.found = NEVER
    await poll.poll()
    outcome, said = await shown()
    assert outcome is Outcome.FAILED
    assert "iam:CreateAccessKey" in said
    assert "is not read" in said
    await poll.was_left(PollState(rights=looked(EXACT, ago(120), ago(-3000))))
    assert await shown() == (Outcome.OK, "none too many or too few (looked at by a poll 2 min ago)")
    untold = RightsFound(untold=Named.of(["s3:GetObject"]))
    await poll.was_left(PollState(rights=looked(untold, ago(120), ago(-3000))))
    assert "it cannot be told: s3:GetObject (looked" in (await shown())[1], "which is not that it has none"
    await poll.was_left(["of another version"])
    assert (await shown())[0] is Outcome.WARNING


async def test_a_run_that_temporal_keeps_no_longer_is_no_fault_of_temporals(
    poll: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a Schedule that a person has paused for longer than that."""
    settings = Settings(
        tenant="acme",
        cluster=ClusterConfig(name="production", uid=UID),
        clouds=CloudsConfig(sources=(CloudSource.AWS,)),
    )
    await poll.poll()

    async def gone(_: object, **__: object) -> None:
        raise RPCError("workflow execution not found", RPCStatusCode.NOT_FOUND, b"")

    monkeypatch.setattr(WorkflowHandle, "describe", gone)
    (check,) = await check_looks(poll.client, settings, now=datetime.now(UTC))
    assert (check.outcome, check.finding) == (Outcome.WARNING, "no poll has looked at them yet")
