"""What others build on: entries taken over as they are, bodies destroyed with a record of it, checkpoints, cursors; on both stores."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from byteport.audit.chain import commitment, record_hash
from byteport.audit.heads import Chain
from byteport.audit.records import Entry
from byteport.audit.verify import Verdict
from byteport.audit.words import Event, Removal
from byteport.errors import ConfigError, MalformedInput, PreconditionFailed
from byteport.ledger import bodies, checkpoints, cursors
from byteport.ledger.append import append, append_entries
from byteport.ledger.keys import BodyKeys
from byteport.ledger.log import AuditLog, Filter
from byteport.ledger.sqlite import SqliteReader, SqliteStore
from byteport.ledger.store import Store
from byteport.trust.key_files import KeyRing, SymmetricKey
from tests.integration.ledger import world as worlds
from tests.integration.ledger.world import BODY_KEYS, CHAIN, CountedChance, HandClock, World, draft, pod_plan

LENGTH = 6
FIRST, SECOND = SymmetricKey(bytes(32)), SymmetricKey(bytes([1] * 32))


@pytest.fixture
def written(world: World) -> World:
    for number in range(1, LENGTH + 1):
        world.clock.move(minutes=1)
        world.ledger.record(draft(f"record-{number}", incident=f"inc-{number % 2}"))
    return world


@pytest.fixture
def other(tmp_path: Path) -> Store:
    """A ledger elsewhere, under a key of its own."""
    keys = BodyKeys(KeyRing((SECOND,), "ledger.body_key"))
    return SqliteStore(tmp_path / "other.db", keys=keys, clock=HandClock(), randomness=CountedChance(calls=10_000))


def take(store: Store, entries: Sequence[Entry], chain: Chain = CHAIN) -> int:
    with store.transaction() as tx:
        return append_entries(tx, chain, entries)


def destroyed(
    world: World, ranges: Sequence[tuple[int, int]], key: str = "prune", cause: Removal = Removal.PRUNED
) -> int:
    with world.store.transaction() as tx:
        return bodies.destroy(tx, CHAIN, ranges, cause, draft(key, event=Event(cause.value))).seq


# -- entries ------------------------------------------------------------------------------------------------------------------


def test_entries_of_another_ledger_are_taken_as_they_are(other: Store, written: World) -> None:
    entries = list(written.log.entries(CHAIN))
    assert take(other, entries[:2]) == 2
    assert take(other, entries) == LENGTH - 2
    log = AuditLog(other)
    assert list(log.entries(CHAIN)) == entries
    assert log.verify_all()[0].intact is Verdict.INTACT
    assert log.head(CHAIN) == written.log.head(CHAIN)
    assert [record.seq for record in log.iter_records(Filter(incident_id="inc-1"))] == [1, 3, 5]


def test_entries_are_taken_into_this_store_too(other: Store, world: World) -> None:
    with other.transaction() as tx:
        for number in range(3):
            append(tx, draft(f"record-{number}"))
    entries = list(AuditLog(other).entries(CHAIN))
    assert take(world.store, entries) == 3
    assert take(world.store, entries) == 0
    assert list(world.log.entries(CHAIN)) == entries
    world.ledger.record(draft("goes on"))
    assert world.log.verify_all()[0].intact is Verdict.INTACT


def test_an_entry_without_its_body_is_taken_and_stays_without(other: Store, written: World) -> None:
    entries = list(written.log.entries(CHAIN))
    bare = [entry._replace(payload=None, salt=None) if entry.seq == 2 else entry for entry in entries]
    assert take(other, bare) == LENGTH
    assert take(other, entries) == 0
    assert list(AuditLog(other).entries(CHAIN)) == bare


def test_whatever_does_not_come_next_is_refused_and_nothing_of_it_stays(other: Store, written: World) -> None:
    entries = list(written.log.entries(CHAIN))
    take(other, entries[:2])
    third = entries[2]
    edited = third.header.replace(b'"skipped"', b'"planned"')
    replaced = entries[1]._replace(header=edited, hash=record_hash(edited))
    payload = (third.payload or b"").replace(b"web", b"api")
    bad: list[tuple[str, list[Entry], Chain]] = [
        ("a gap", [entries[3]], CHAIN),
        ("out of order", [third, entries[4], entries[3]], CHAIN),
        ("an edited header", [third._replace(header=edited)], CHAIN),
        ("edited with its hash", [third._replace(header=edited, hash=record_hash(edited)), entries[3]], CHAIN),
        ("another record where one is", [replaced], CHAIN),
        ("an edited payload", [third._replace(payload=payload)], CHAIN),
        ("half a body", [third._replace(salt=None)], CHAIN),
        ("another place", [third._replace(seq=4)], CHAIN),
        ("another tenant's", [third], Chain(tenant="umbrella", cluster_uid="uid-1")),
        ("another cluster's", [third], Chain(tenant="acme", cluster_uid="uid-2")),
        ("one that fits, then one that does not", [third, entries[4]], CHAIN),
    ]
    for what, given, chain in bad:
        with pytest.raises(PreconditionFailed):
            take(other, given, chain)
        assert len(list(AuditLog(other).entries(CHAIN))) == 2, what
    with pytest.raises(MalformedInput):
        take(other, [third._replace(header=b"{")])
    assert take(other, entries) == LENGTH - 2


def test_an_id_that_another_cluster_of_the_tenant_has_is_refused(other: Store, written: World) -> None:
    """Else whoever hands in records of one cluster could say what another's may be called."""
    theirs = Chain(tenant="acme", cluster_uid="uid-2")
    header = next(written.log.headers(CHAIN)).header.replace(b'"uid-1"', b'"uid-2"')
    copied = Entry(seq=1, header=header, payload=None, salt=None, hash=record_hash(header))
    take(other, list(written.log.entries(CHAIN)))
    with pytest.raises(PreconditionFailed, match="same id"):
        take(other, [copied], theirs)


def test_of_a_chain_that_goes_back_in_time_nothing_is_taken(other: Store, written: World) -> None:
    entries = list(written.log.entries(CHAIN))
    take(other, entries[:2])
    early = entries[2].header.replace(b"2026-03-10T09:03", b"2026-03-10T08:03")
    with pytest.raises(PreconditionFailed, match="earlier"):
        take(other, [entries[2]._replace(header=early, hash=record_hash(early))])


# -- reading -------------------------------------------------------------------------------------------------------------------


def test_entries_and_headers_are_read_from_one_to_another(written: World) -> None:
    assert [entry.seq for entry in written.log.entries(CHAIN, 2, 4)] == [2, 3, 4]
    headers = list(written.log.headers(CHAIN, 5))
    assert [(entry.seq, entry.payload, entry.salt) for entry in headers] == [(5, None, None), (6, None, None)]
    assert [entry.header for entry in headers] == [entry.header for entry in written.log.entries(CHAIN, 5)]
    assert written.log.chains() == (CHAIN,)
    head = written.log.head(CHAIN)
    assert head is not None
    assert (head.seq, head.hash) == (LENGTH, headers[-1].hash)
    assert written.log.head(Chain(tenant="acme", cluster_uid="none")) is None


def test_who_holds_no_key_reads_headers_and_nothing_else(written: World) -> None:
    class Keyless:
        name, keys, snapshot = written.store.name, None, written.store.snapshot

    log = AuditLog(Keyless())
    assert len(list(log.headers(CHAIN))) == LENGTH
    for call in (lambda: list(log.entries(CHAIN)), log.verify_all, lambda: list(log.iter_records())):
        with pytest.raises(ConfigError, match=r"ledger\.body_key"):
            call()


def test_another_key_is_told_apart_from_a_tampered_log(written: World) -> None:
    class Elsewhere:
        name, snapshot = written.store.name, written.store.snapshot
        keys = BodyKeys(KeyRing((SECOND,), "ledger.body_key"))

    with pytest.raises(ConfigError, match="holds no key under which the bodies"):
        AuditLog(Elsewhere()).verify_all()


def test_after_a_new_key_old_records_are_read_and_found(tmp_path: Path) -> None:
    path, clock, chance = tmp_path / "ledger.db", HandClock(), CountedChance()
    for number, ring in enumerate(((FIRST,), (SECOND, FIRST))):
        store = SqliteStore(path, keys=BodyKeys(KeyRing(ring, "ledger.body_key")), clock=clock, randomness=chance)
        with store.transaction() as tx:
            append(tx, draft(f"record-{number}"))
        store.close()
    both = AuditLog(SqliteReader(path, BodyKeys(KeyRing((SECOND, FIRST), "ledger.body_key"))))
    assert [record.seq for record in both.iter_records(Filter(incident_id="inc-1"))] == [1, 2]
    assert both.verify_all()[0].intact is Verdict.INTACT


def test_a_record_of_another_tenant_is_not_found_by_the_same_word(world: World) -> None:
    """The same word has another index under each tenant's key."""
    for tenant in ("acme", "umbrella"):
        assert len(BODY_KEYS.indexes(tenant, "target", "web")) == 1
    assert BODY_KEYS.indexes("acme", "target", "web") != BODY_KEYS.indexes("umbrella", "target", "web")
    assert BODY_KEYS.indexes("acme", "target", "web") != BODY_KEYS.indexes("acme", "runbook", "web")


# -- bodies --------------------------------------------------------------------------------------------------------------------


def test_destroyed_bodies_are_gone_and_a_record_before_them_says_so(written: World) -> None:
    before = list(written.log.entries(CHAIN))
    seq = destroyed(written, [(1, 2), (4, 4)])
    after = list(written.log.entries(CHAIN))
    assert [entry.seq for entry in after if entry.payload is None] == [1, 2, 4]
    assert [(entry.header, entry.hash) for entry in after[:LENGTH]] == [(entry.header, entry.hash) for entry in before]
    assert [(one.first, one.last, one.cause) for one in written.log.removed(CHAIN)] == [
        (1, 2, Removal.PRUNED),
        (4, 4, Removal.PRUNED),
    ]
    assert [record.seq for record in written.log.iter_records()] == [3, 5, 6, seq]


def test_a_removal_that_is_retried_is_done_once(written: World) -> None:
    assert destroyed(written, [(1, 2)]) == destroyed(written, [(1, 2)]) == LENGTH + 1
    assert destroyed(written, [(2, 3)], key="another", cause=Removal.ERASED) == LENGTH + 2
    assert [entry.seq for entry in written.log.entries(CHAIN) if entry.payload is None] == [1, 2, 3]


@pytest.mark.parametrize("ranges", [[], [(0, 1)], [(2, 1)], [(LENGTH, LENGTH + 1)], [(1, 1), (9, 9)]])
def test_what_is_no_range_of_records_destroys_nothing(written: World, ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(MalformedInput):
        destroyed(written, ranges)
    assert all(entry.payload is not None for entry in written.log.entries(CHAIN))


def test_what_tells_of_a_removal_is_never_destroyed(written: World) -> None:
    seq = destroyed(written, [(1, 1)])
    written.ledger.record(draft("after"))
    with pytest.raises(MalformedInput, match=f"record {seq}, which is pruned and stays"):
        destroyed(written, [(2, seq)], key="another")


def test_a_removal_that_fails_half_way_destroys_nothing(written: World) -> None:
    def fail_half_way() -> None:
        with written.store.transaction() as tx:
            bodies.destroy(tx, CHAIN, [(1, 3)], Removal.PRUNED, draft("prune", event=Event.PRUNED))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert all(entry.payload is not None for entry in written.log.entries(CHAIN))
    assert written.log.removed(CHAIN) == ()


@pytest.mark.claim("C-371")
def test_a_body_is_not_readable_where_it_is_stored(written: World) -> None:
    with written.store.snapshot() as sql:
        stored = [bytes(row[0]) for row in sql.execute("SELECT body FROM agent_action_bodies")]
    assert len(stored) == LENGTH
    for entry, body in zip(written.log.entries(CHAIN), stored, strict=True):
        assert entry.payload is not None
        assert entry.salt is not None
        assert entry.payload not in body
        assert entry.salt not in body
        assert commitment(entry.salt, entry.payload).encode() in entry.header


# -- checkpoints and cursors ---------------------------------------------------------------------------------------------------


@pytest.fixture
def signer(written: World) -> Store:
    """The ledger by the login that may tell of a larger log."""
    if written.database is None:
        return written.store
    from byteport.ledger.postgres_migrating import Role

    return worlds.open_at(written.database.url(Role.SIGNER), written.clock, written.chance)


def test_checkpoints_are_kept_in_order_and_only_grow(written: World, signer: Store) -> None:
    with signer.transaction() as tx:
        checkpoints.add(tx, CHAIN, 2, b"two", "note 2")
        checkpoints.add(tx, CHAIN, 2, b"two", "note 2")
        checkpoints.add(tx, CHAIN, 4, b"four", "note 4")
    with written.store.transaction() as tx:
        checkpoints.add(tx, CHAIN, 4, b"four", "note 4, cosigned")
    for size, root in ((3, b"three"), (4, b"another")):
        with pytest.raises(PreconditionFailed), signer.transaction() as tx:
            checkpoints.add(tx, CHAIN, size, root, "no")
    with written.store.snapshot() as sql:
        assert checkpoints.latest(sql, CHAIN) == (4, b"four", "note 4, cosigned", worlds_now(written))
        assert [one.note for one in checkpoints.since(sql, CHAIN, 3)] == ["note 4", "note 4, cosigned"]
        assert [one.size for one in checkpoints.since(sql, CHAIN, 0)] == [2, 4, 4]
        assert checkpoints.latest(sql, Chain(tenant="acme", cluster_uid="none")) is None


def worlds_now(world: World) -> int:
    return int(world.clock.now.timestamp() * 1000)


def test_a_cursor_only_goes_forward_and_never_past_the_log(written: World) -> None:
    with written.store.transaction() as tx:
        cursors.advance(tx, CHAIN, "s3", 3)
        cursors.advance(tx, CHAIN, "s3", 2)
        cursors.advance(tx, CHAIN, "gcs", 5)
    with pytest.raises(PreconditionFailed), written.store.transaction() as tx:
        cursors.advance(tx, CHAIN, "s3", LENGTH + 1)
    with written.store.snapshot() as sql:
        assert [cursors.read(sql, CHAIN, target) for target in ("s3", "gcs", "file")] == [3, 5, 0]
        assert cursors.least(sql, CHAIN, ["s3", "gcs"]) == 3
        assert cursors.least(sql, CHAIN, ["s3", "file"]) == 0
        assert cursors.least(sql, CHAIN, []) is None


# -- at the same time ----------------------------------------------------------------------------------------------------------


def test_what_comes_at_the_same_time_shares_a_commit_and_each_has_its_own_answer(world: World) -> None:
    commits: list[int] = []
    begun = world.store._begin  # type: ignore[attr-defined]

    def counting() -> object:
        commits.append(1)
        return begun()

    world.store._begin = counting  # type: ignore[attr-defined]
    many, answers, failures = 24, [], []
    inside, gate = threading.Event(), threading.Event()

    def first() -> None:
        with world.store.transaction() as tx:
            inside.set()
            gate.wait(60)
            answers.append(append(tx, draft("first")))

    def later(number: int) -> None:
        try:
            with world.store.transaction() as tx:
                answer = append(tx, draft(f"record-{number}"))
                if number % 4 == 0:
                    raise RuntimeError(number)
        except RuntimeError as error:
            failures.append(error)
        else:
            answers.append(answer)

    threads = [threading.Thread(target=first), *(threading.Thread(target=later, args=(n,)) for n in range(many))]
    threads[0].start()
    inside.wait(60)
    for thread in threads[1:]:
        thread.start()
    while world.store._waiting < many:  # type: ignore[attr-defined]
        time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join()
    assert len(failures) == many // 4
    assert len(commits) == 1
    numbers = [record.seq for record in world.log.iter_records()]
    assert numbers == list(range(1, many - many // 4 + 2))
    assert sorted(answer.seq for answer in answers) == numbers
    assert world.log.verify_all()[0].intact is Verdict.INTACT


def test_a_bad_draft_fails_alone(world: World) -> None:
    errors: list[Exception] = []

    def record(number: int) -> None:
        try:
            world.ledger.record(draft(f"record-{number}", signal_value=float("nan") if number == 3 else 1.0))
        except MalformedInput as error:
            errors.append(error)

    threads = [threading.Thread(target=record, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 1
    assert len(list(world.log.iter_records())) == 7


def test_no_answer_comes_before_the_commit(world: World) -> None:
    """Another process reads it at once."""
    other = World(world.folder)
    seen: list[bool] = []

    def record(number: int) -> None:
        recorded = world.ledger.record(draft(f"record-{number}"))
        head = other.log.head(CHAIN)
        seen.append(head is not None and head.seq >= recorded.seq)

    threads = [threading.Thread(target=record, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [True] * 16
    other.store.close()


# -- outages -------------------------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-072")
def test_fault_17_without_the_ledger_nothing_is_granted_and_everything_is_halted(world: World) -> None:
    world.ledger.record(draft("before"))
    world.go_away()
    with pytest.raises(Exception, match="ledger"):
        world.reserve(world.ask(pod_plan()))
    assert world.halts.is_halted()
    world.come_back()
    world.granted(world.ask(pod_plan()))
    assert not world.halts.is_halted()


def test_fault_18_an_outcome_that_could_not_be_written_is_written_later_once(world: World) -> None:
    world.granted(world.ask(pod_plan()))
    world.go_away()
    with pytest.raises(Exception, match="ledger"):
        world.finish(verified=True)
    world.come_back()
    first = world.finish(verified=True)
    assert world.finish(verified=True) == first
    assert [record.event.value for record in world.log.iter_records()] == ["started", "finished"]
