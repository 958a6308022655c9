"""The act that ships: what a receiver is given, and that its cursor moves only when it has said yes."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from annotated_types import Le
from temporalio.testing import ActivityEnvironment

from activities.audit.retention import Retention
from activities.export import giving, portions, requests, syslog
from activities.export.same import Occupied
from activities.export.ship import Named, Shipping
from activities.export.target import SHARE_SECONDS, Batch, Shipped
from byteport.audit import bundle
from byteport.audit.bundle import EntryLine
from byteport.audit.verify import verify_chain
from byteport.audit.words import Event, Removal
from byteport.contracts.export import LATE, SHIP, Obstacle, Ship, Shipment, Trouble
from byteport.contracts.receivers import TargetKind
from byteport.contracts.retention import Prune
from byteport.contracts.stream_receivers import SplunkConfig
from byteport.domain.limits import Limits
from byteport.domain.retention import RetentionConfig
from byteport.errors import BytePortError, ConfigError, NotPermitted, Throttled, Unavailable
from byteport.ledger import append, bodies, checkpoints, cursors
from tests.builders.exported import DAMAGED_TIMES
from tests.integration.ledger.world import CHAIN, INSTALLATION, World, draft

SECRET = "the words of a receiver"


class Receiver:
    """In memory; takes what it is told to take."""

    name = "receiver"

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.errors: list[BytePortError] = []
        self.takes: Callable[[Batch], int] = lambda batch: batch.last
        self.closed = 0

    async def ship(self, batch: Batch) -> Shipped:
        if self.errors:
            raise self.errors.pop(0)
        last = self.takes(batch)
        self.batches.append(batch)
        return Shipped(last=last, checkpoint=batch.checkpoint is not None and last == batch.last)

    async def close(self) -> None:
        self.closed += 1

    @property
    def seqs(self) -> list[int]:
        return [json.loads(line)["seq"] for batch in self.batches for line in batch.lines]


class SilentReceiver(Receiver):
    """Takes no batch and refuses none."""

    given_up = False

    async def ship(self, batch: Batch) -> Shipped:
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up = True
        return Shipped(batch.last)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


class Bench:
    """The act over a ledger and a receiver, as one process has it."""

    def __init__(self, world: World, receiver: Receiver, kind: TargetKind = TargetKind.WEBHOOK) -> None:
        self.world, self.receiver, self.kind = world, receiver, kind
        self.place = "here"
        self.made_receivers = 0
        self.start()

    def start(self) -> None:
        """As a process that has just started."""
        self.shipping = self.shipping_to(self.made)

    def shipping_to(self, make: Callable[[], Receiver]) -> Shipping:
        named = {self.kind: Named(self.name, make)}
        return Shipping(self.world.store, INSTALLATION, named, clock=self.world.clock)

    @property
    def name(self) -> str:
        return f"{self.kind.value}@{self.place}"

    def made(self) -> Receiver:
        self.made_receivers += 1
        return self.receiver

    async def ship(
        self,
        *,
        run: str = "run",
        begun: bool = True,
        to: TargetKind | None = None,
        was: str | None = None,
        turn: int = 0,
    ) -> Shipment:
        call = Ship(
            cluster_uid=CHAIN.cluster_uid,
            target=to or self.kind,
            run=run,
            begun=begun,
            cursor=was or self.name,
            turn=turn,
        )
        got: Shipment = await ActivityEnvironment().run(self.shipping.ship, call)
        return got

    @property
    def changes(self) -> list[str | None]:
        """What the log says of exports."""
        return [one.note for one in self.world.log.iter_records() if one.event is Event.POLICY_CHANGED]

    @property
    def cursor(self) -> int:
        with self.world.store.snapshot() as sql:
            return cursors.read(sql, CHAIN, self.name)

    def records(self, *numbers: int) -> None:
        """One after the other, a second apart."""
        with self.world.store.transaction() as tx:
            for number in numbers:
                append.append(tx, draft(f"record-{number}"))
        self.world.clock.move(seconds=1)

    def note(self, size: int, more: str = "") -> str:
        note = f"byteport.io/log/acme/uid-1\n{size}\nroot\n\n— signature{more}\n"
        with self.world.store.transaction() as tx:
            checkpoints.add(tx, CHAIN, size, bytes(32), note)
        return note


@pytest.fixture
def bench(world: World, receiver: Receiver) -> Bench:
    return Bench(world, receiver)


@pytest.fixture
def hourly(world: World, receiver: Receiver) -> Bench:
    return Bench(world, receiver, TargetKind.S3)


async def test_what_the_receiver_does_not_hold_is_shipped_in_order_and_the_cursor_moves(bench: Bench) -> None:
    bench.records(1, 2, 3)
    told = await bench.ship()
    assert (told.seq, told.head, told.shipped, told.more, told.oldest, told.obstacle) == (3, 3, 3, False, None, None)
    bench.records(4)
    assert (await bench.ship()).shipped == 1
    assert bench.receiver.seqs == [1, 2, 3, 4]
    assert bench.cursor == 4


async def test_the_lines_are_the_log_itself(bench: Bench) -> None:
    bench.records(1, 2, 3)
    await bench.ship()
    (batch,) = bench.receiver.batches
    read = [line for line in bundle.read(line + b"\n" for line in batch.lines) if isinstance(line, EntryLine)]
    assert [line.entry for line in read] == list(bench.world.log.entries(CHAIN))
    assert verify_chain((line.entry for line in read), CHAIN).findings == ()


async def test_a_receiver_is_made_when_there_is_something_for_it_and_given_up_with_the_call(bench: Bench) -> None:
    """Its secrets are in no call's memory that does not need them."""
    await bench.ship()
    assert (bench.made_receivers, bench.receiver.closed) == (0, 0)
    bench.records(1, 2)
    await bench.ship()
    await bench.ship()
    assert (bench.made_receivers, bench.receiver.closed) == (1, 1)


async def test_an_empty_log_is_shipped_as_nothing(bench: Bench) -> None:
    assert await bench.ship() == Shipment(begun=True, cursor="webhook@here")
    assert bench.receiver.batches == []


@pytest.mark.parametrize(
    ("error", "obstacle"),
    [
        (Throttled(SECRET, timedelta(seconds=7)), Obstacle(trouble=Trouble.THROTTLED, delay_seconds=7)),
        (Unavailable(SECRET), Obstacle(trouble=Trouble.UNAVAILABLE)),
        (NotPermitted(SECRET), Obstacle(trouble=Trouble.NOT_PERMITTED)),
        (Occupied("a/key.ndjson"), Obstacle(trouble=Trouble.OCCUPIED, named="a/key.ndjson")),
        (ConfigError("a.setting", SECRET), Obstacle(trouble=Trouble.MISCONFIGURED, named="a.setting")),
        (BytePortError(SECRET), Obstacle(trouble=Trouble.UNKNOWN)),
    ],
    ids=lambda value: value.code if isinstance(value, BytePortError) else "",
)
async def test_a_refusal_moves_nothing_and_crosses_as_a_class_without_its_words(
    error: BytePortError, obstacle: Obstacle, bench: Bench
) -> None:
    bench.records(1, 2)
    bench.receiver.errors.append(error)
    told = await bench.ship()
    assert (told.obstacle, told.seq, told.head, told.shipped) == (obstacle, 0, 2, 0)
    assert told.oldest is not None
    assert SECRET not in told.model_dump_json()
    assert bench.cursor == 0
    assert bench.receiver.closed == 1
    assert (await bench.ship()).shipped == 2


async def test_a_receiver_that_cannot_be_made_is_a_setting_to_mend(bench: Bench) -> None:
    def refused() -> Receiver:
        raise ConfigError("audit.export.webhook.url", "must be set")

    bench.records(1)
    bench.shipping = bench.shipping_to(refused)
    told = await bench.ship()
    assert told.obstacle == Obstacle(trouble=Trouble.MISCONFIGURED, named="audit.export.webhook.url")


async def test_one_that_takes_a_part_is_given_the_rest(bench: Bench) -> None:
    bench.records(1, 2, 3, 4)
    bench.receiver.takes = lambda batch: min(batch.last, batch.first + 1)
    told = await bench.ship()
    assert (told.seq, told.shipped) == (4, 4)
    assert [(batch.first, batch.last) for batch in bench.receiver.batches] == [(1, 4), (3, 4)]


@pytest.mark.parametrize("claim", [0, 5, 99])
async def test_one_that_claims_what_it_was_not_sent_is_not_believed(claim: int, bench: Bench) -> None:
    bench.records(1, 2, 3, 4)
    bench.receiver.takes = lambda batch: claim
    told = await bench.ship()
    assert told.obstacle == Obstacle(trouble=Trouble.UNAVAILABLE)
    assert bench.cursor == 0


@pytest.mark.claim("C-157")
async def test_fault_23_a_crash_between_the_receivers_yes_and_the_cursor_repeats_and_skips_nothing(
    bench: Bench,
) -> None:
    bench.records(1, 2)

    def dies(batch: Batch) -> int:
        bench.receiver.batches.append(batch)
        raise asyncio.CancelledError

    bench.receiver.takes = dies
    with pytest.raises(asyncio.CancelledError):
        await bench.ship()
    assert bench.cursor == 0
    bench.receiver.takes = lambda batch: batch.last
    bench.start()
    await bench.ship()
    assert bench.receiver.batches[0] == bench.receiver.batches[1]


async def test_no_more_than_a_portion_is_in_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(portions, "MOST_RECORDS", 3)
    bench.records(*range(10))
    await bench.ship()
    assert [len(batch.lines) for batch in bench.receiver.batches] == [3, 3, 3, 1]


async def test_portions_are_bounded_by_their_bytes_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.records(1, 2, 3)
    monkeypatch.setattr(portions, "MOST_BYTES", 1)
    await bench.ship()
    assert [len(batch.lines) for batch in bench.receiver.batches] == [1, 1, 1]


async def test_a_call_ends_after_a_while_and_says_that_there_is_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "MOST_RECORDS", 1)
    monkeypatch.setattr("activities.export.ship.LONGEST_SECONDS", 0.0)
    bench.records(1, 2, 3)
    told = await bench.ship()
    assert (told.seq, told.shipped, told.more) == (1, 1, True)


async def test_a_receiver_that_says_nothing_to_a_batch_is_given_up_before_the_call_is(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.export.giving.LONGEST_BATCH_SECONDS", 0.05)
    bench.records(1)
    silent = SilentReceiver()
    bench.receiver = silent
    async with asyncio.timeout(5):
        told = await bench.ship()
    assert told.obstacle == Obstacle(trouble=Trouble.UNAVAILABLE)
    assert (silent.given_up, silent.closed) == (True, 1)


def test_a_call_has_time_for_all_that_it_may_begin() -> None:
    """Temporal would give it up with all that it knows, and the next would begin with the same record, for ever."""
    whole = giving.LONGEST_SECONDS + giving.LONGEST_BATCH_SECONDS + 2 * giving.BEAT_SECONDS
    assert whole <= SHIP.deadline.total_seconds()
    limits = SplunkConfig.model_fields["acknowledge_seconds"].metadata
    (longest,) = [limit.le for limit in limits if isinstance(limit, Le)]
    assert isinstance(longest, int)
    asking = 3 * requests.SECONDS  # the last body, the part of it before one that was refused, and the last poll
    assert SHARE_SECONDS + asking + longest <= giving.LONGEST_BATCH_SECONDS
    octets = 4 * syslog.SECONDS + 2 * syslog.CONNECT_SECONDS  # handshake, last piece, both ends of the closing
    assert SHARE_SECONDS + octets <= giving.LONGEST_BATCH_SECONDS


async def test_a_receiver_that_the_settings_do_not_name_gets_nothing(bench: Bench) -> None:
    bench.records(1)
    assert await bench.ship(to=TargetKind.SYSLOG, begun=False) == Shipment(wanted=False)
    assert (bench.receiver.batches, bench.changes) == ([], [])


async def test_that_an_export_began_and_that_it_ended_stands_in_the_log_once_for_each(bench: Bench) -> None:
    bench.records(1, 2)
    for _ in range(2):  # the answer to the first was lost
        assert (await bench.ship(begun=False)).begun
    bench.shipping = Shipping(bench.world.store, INSTALLATION, {}, clock=bench.world.clock)
    for _ in range(2):
        assert not (await bench.ship()).wanted
    bench.start()
    await bench.ship(run="another", begun=False)
    assert bench.changes == [
        "export to webhook@here begins after record 0",
        "export to webhook@here ends after record 3; the settings name it no more",
        "export to webhook@here begins after record 3",
    ]
    assert bench.receiver.seqs == [1, 2, 3, 4, 5], "the receiver hears of it too"


@pytest.mark.claim("C-157")
async def test_another_place_is_another_receiver_which_gets_the_log_from_its_beginning_and_not_unseen(
    bench: Bench,
) -> None:
    bench.records(1, 2)
    await bench.ship(begun=False)
    new, bench.receiver, bench.place = bench.receiver, Receiver(), "there"
    bench.start()
    for _ in range(2):  # the answer to the first was lost
        told = await bench.ship(was="webhook@here", turn=1)
    assert (told.cursor, told.seq) == ("webhook@there", 5)
    assert bench.receiver.seqs == [1, 2, 3, 4, 5]
    bench.place, bench.receiver = "here", new
    bench.start()
    await bench.ship(was="webhook@there", turn=2)
    assert bench.receiver.seqs == [1, 2, 3, 4, 5, 6, 7]
    assert bench.changes == [
        "export to webhook@here begins after record 0",
        "export to webhook@here ends after record 3; the settings name another place",
        "export to webhook@there begins after record 0",
        "export to webhook@there ends after record 5; the settings name another place",
        "export to webhook@here begins after record 3",
    ]


async def test_nothing_is_pruned_that_another_place_does_not_hold(bench: Bench) -> None:
    bench.records(1, 2, 3)
    await bench.ship()
    bench.world.clock.move(days=100)
    retention = Retention(
        bench.world.store, INSTALLATION, config=RetentionConfig(), limits=Limits(), targets=["webhook@there"]
    )
    assert retention.prune(Prune(cluster_uid=CHAIN.cluster_uid, now=bench.world.clock.now)).records == 0


# -- checkpoints ----------------------------------------------------------------------------------------------------


async def test_the_newest_checkpoint_over_what_is_held_goes_along_once(bench: Bench) -> None:
    bench.records(1, 2, 3)
    bench.note(1)
    two = bench.note(2)
    await bench.ship()
    await bench.ship()
    assert [batch.checkpoint for batch in bench.receiver.batches] == [two]


async def test_one_that_is_signed_later_goes_alone(bench: Bench) -> None:
    bench.records(1, 2)
    await bench.ship()
    note = bench.note(2)
    told = await bench.ship()
    assert (told.seq, told.shipped) == (2, 0)
    assert [(batch.first, batch.last, batch.checkpoint) for batch in bench.receiver.batches] == [
        (1, 2, None),
        (3, 2, note),
    ]
    bench.note(2)
    await bench.ship()
    assert len(bench.receiver.batches) == 2


async def test_more_signatures_to_the_same_size_are_shipped_too(bench: Bench) -> None:
    bench.records(1, 2)
    one = bench.note(2)
    await bench.ship()
    two = bench.note(2, " and a witness's")
    await bench.ship()
    assert [batch.checkpoint for batch in bench.receiver.batches] == [one, two]


async def test_one_over_more_than_is_held_waits(hourly: Bench) -> None:
    hourly.records(1, 2)
    hourly.note(2)
    await hourly.ship()
    assert hourly.receiver.batches == []


# -- hours ----------------------------------------------------------------------------------------------------------


async def test_an_hour_is_shipped_five_minutes_after_its_end(hourly: Bench) -> None:
    hourly.records(1, 2)
    hour = hourly.world.clock.now.replace(minute=0, second=0)
    told = await hourly.ship()
    assert (told.seq, told.obstacle, told.due) == (0, None, hour + timedelta(hours=1) + LATE)
    hourly.world.clock.now = hour + timedelta(hours=1) + LATE - timedelta(seconds=1)
    assert (await hourly.ship()).shipped == 0
    hourly.world.clock.move(seconds=1)
    told = await hourly.ship()
    assert (told.shipped, told.due) == (2, None)
    (batch,) = hourly.receiver.batches
    assert batch.hour == hour


async def test_an_hour_is_shipped_as_soon_as_the_log_is_in_another(hourly: Bench) -> None:
    hourly.records(1, 2)
    hourly.world.clock.move(hours=1)
    hourly.records(3)
    told = await hourly.ship()
    assert (told.seq, told.head) == (2, 3)
    assert hourly.receiver.seqs == [1, 2]


async def test_each_hour_is_a_batch_of_its_own(hourly: Bench) -> None:
    for number in range(4):
        hourly.records(2 * number, 2 * number + 1)
        hourly.world.clock.move(hours=1)
    hourly.world.clock.move(hours=2)
    await hourly.ship()
    assert [(batch.first, batch.last) for batch in hourly.receiver.batches] == [(1, 2), (3, 4), (5, 6), (7, 8)]


@pytest.mark.parametrize("ahead", [timedelta(hours=5), timedelta(days=400)])
async def test_records_of_a_clock_that_was_ahead_leave_and_so_does_what_comes_after_them(
    ahead: timedelta, hourly: Bench
) -> None:
    """The log's time does not go back: all of it would wait for an hour that is far away, with nobody told."""
    hourly.records(1)
    hourly.world.clock.now += ahead
    hourly.records(2)
    hourly.world.clock.now -= ahead
    hourly.records(3, 4)
    told = await hourly.ship()
    assert (told.seq, told.due, told.oldest, told.obstacle) == (4, None, None, None)
    hourly.records(5)
    assert (await hourly.ship()).seq == 5


async def test_a_record_of_a_time_to_come_is_as_old_as_it_is_known(bench: Bench) -> None:
    began = bench.world.clock.now
    bench.world.clock.move(days=400)
    bench.records(1)
    bench.world.clock.now = began
    for passed in (0, 30):
        bench.world.clock.now = began + timedelta(seconds=passed)
        bench.receiver.errors.append(Unavailable("down"))
        assert (await bench.ship()).oldest == began


async def test_an_hour_of_which_a_portion_has_no_room_for_more_is_not_waited_for(
    hourly: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "MOST_RECORDS", 3)
    hourly.records(*range(8))
    told = await hourly.ship()
    assert (told.seq, told.head) == (6, 8)
    assert told.due is not None


# -- what somebody did to the log -------------------------------------------------------------------------------------


async def test_a_body_that_was_destroyed_says_why(bench: Bench) -> None:
    bench.records(1, 2, 3)
    with bench.world.store.transaction() as tx:
        told = draft("pruned").model_copy(update={"event": Event.PRUNED})
        bodies.destroy(tx, CHAIN, [(1, 2)], Removal.PRUNED, told)
    await bench.ship()
    (batch,) = bench.receiver.batches
    removed = [json.loads(line).get("removed") for line in batch.lines]
    assert removed == ["pruned", "pruned", None, None]


async def test_a_record_that_was_taken_out_is_passed_over_and_the_rest_still_leaves(bench: Bench) -> None:
    bench.records(1, 2, 3, 4)
    tamper(bench, "DELETE FROM agent_actions WHERE seq = 2")
    told = await bench.ship()
    assert bench.receiver.seqs == [1, 3, 4]
    assert (told.seq, told.obstacle) == (4, None)


async def test_a_tail_that_was_cut_off_is_an_obstacle_that_names_the_record(bench: Bench) -> None:
    bench.records(1, 2, 3)
    tamper(bench, "DELETE FROM agent_actions WHERE seq = 3")
    told = await bench.ship()
    assert (told.seq, told.head) == (2, 3)
    assert told.obstacle == Obstacle(trouble=Trouble.LOG_FAULTY, named="record 3")


async def test_a_time_that_somebody_has_forged_holds_up_nothing(hourly: Bench) -> None:
    hourly.records(1, 2)
    tamper(hourly, "UPDATE agent_actions SET header = replace(header, '2026-', '2126-') WHERE seq = 1")
    hourly.world.clock.move(hours=2)
    await hourly.ship()
    assert hourly.receiver.seqs == [1, 2]


@pytest.mark.parametrize("kind", [TargetKind.S3, TargetKind.WEBHOOK])
@pytest.mark.parametrize("told", DAMAGED_TIMES)
async def test_a_time_that_is_none_holds_up_nothing(
    told: str, kind: TargetKind, world: World, receiver: Receiver
) -> None:
    bench = Bench(world, receiver, kind)
    bench.records(1, 2, 3)
    tamper(
        bench,
        f"UPDATE agent_actions SET header = replace(header, json_extract(header, '$.timestamp'), '{told}') WHERE seq = 2",
    )
    bench.world.clock.move(hours=2)
    await bench.ship()
    assert bench.receiver.seqs == [1, 2, 3]


def tamper(bench: Bench, statement: str) -> None:
    """As somebody with the file in his hands."""
    with sqlite3.connect(bench.world.path) as sql:
        for (trigger,) in sql.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            sql.execute(f"DROP TRIGGER {trigger}")
        sql.execute(statement)


# -- pruning --------------------------------------------------------------------------------------------------------


async def test_fault_22_pruning_waits_for_the_receiver(bench: Bench) -> None:
    bench.records(1, 2, 3)
    bench.world.clock.move(days=100)
    bench.receiver.errors.append(Unavailable("down"))
    await bench.ship()
    retention = Retention(
        bench.world.store, INSTALLATION, config=RetentionConfig(), limits=Limits(), targets=[bench.name]
    )
    assert retention.prune(Prune(cluster_uid=CHAIN.cluster_uid, now=bench.world.clock.now)).records == 0
    await bench.ship()
    assert retention.prune(Prune(cluster_uid=CHAIN.cluster_uid, now=bench.world.clock.now)).records == 3
