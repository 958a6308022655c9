"""The ledger against what was signed of it: complete, cut, put back from a backup; and one record proved to be among those signed."""

from datetime import timedelta
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.audit.checkpoint import Checkpoint, sign
from byteport.audit.completeness import Given, Trust, Young
from byteport.audit.findings import Completeness, Coverage, Fault, NotChecked, Report
from byteport.audit.inclusion import Inclusion
from byteport.audit.merkle import is_included, root_of
from byteport.audit.records import Entry, timestamp
from byteport.audit.words import Event, Removal
from byteport.ledger import bodies, checkpoints
from byteport.ledger.store import Store
from tests.integration.ledger.world import CHAIN, World, draft, open_at
from tests.unit.audit.logs import KEY, STRANGER, vkey

LENGTH = 7
TRUST = Trust(keys=(vkey(CHAIN, KEY),))


@pytest.fixture
def written(world: World) -> World:
    for number in range(1, LENGTH + 1):
        world.ledger.record(draft(f"record-{number}"))
    return world


def leaf(entry: Entry) -> bytes:
    return sha256(b"\x00" + entry.header).digest()


def signed(world: World, size: int, *, key: Ed25519PrivateKey = KEY, kept: bool = True) -> str:
    """A checkpoint of the first records, kept in the ledger as the signer does it, or elsewhere."""
    root = root_of(leaf(entry) for entry in world.log.headers(CHAIN, 1, size))
    note = sign(Checkpoint(CHAIN.origin, size, root), key)
    if kept:
        with _signer(world).transaction() as tx:
            checkpoints.add(tx, CHAIN, size, root, note)
    return note


def _signer(world: World) -> Store:
    """The ledger by the login that may tell of a larger log."""
    if world.database is None:
        return world.store
    from byteport.ledger.postgres_migrating import Role

    return open_at(world.database.url(Role.SIGNER), world.clock, world.chance)


def report(world: World, *given: str) -> Report:
    (found,) = world.log.verify_all(TRUST, [Given(note) for note in given])
    return found


def faults(found: Report) -> list[Fault]:
    assert isinstance(found.complete, Completeness)
    return [finding.fault for finding in found.complete.findings]


def test_without_a_key_it_is_not_called_complete(written: World) -> None:
    signed(written, LENGTH)
    (found,) = written.log.verify_all()
    assert isinstance(found.complete, NotChecked)


def test_every_record_up_to_the_newest_checkpoint_is_there(written: World) -> None:
    for size in (3, LENGTH - 1):
        signed(written, size)
    found = report(written)
    assert isinstance(found.complete, Completeness)
    assert (found.complete.verdict, found.complete.checkpoints) == (Coverage.PARTLY, 2)
    assert (found.complete.covered, found.complete.not_covered) == (LENGTH - 1, 1)


def test_records_that_are_new_need_not_be_signed_yet(written: World) -> None:
    newest = [record.timestamp for record in written.log.iter_records()][-1]
    earlier = timestamp(written.clock.now - timedelta(hours=1))
    signed(written, LENGTH - 1)
    for young, verdict in (
        (Young(newest, newest), Coverage.COMPLETE),
        (Young(newest, earlier), Coverage.PARTLY),  # of a time that is still to come
        (Young(timestamp(written.clock.now + timedelta(hours=1)), "9"), Coverage.PARTLY),
    ):
        (found,) = written.log.verify_all(TRUST, young=young)
        assert isinstance(found.complete, Completeness)
        assert (found.complete.verdict, found.complete.young) == (verdict, verdict is Coverage.COMPLETE)


@pytest.mark.claim("C-097")
def test_a_ledger_put_back_from_a_backup_lacks_what_a_kept_checkpoint_covers(written: World) -> None:
    root = root_of([*(leaf(entry) for entry in written.log.headers(CHAIN)), b"x" * 32])
    found = report(written, sign(Checkpoint(CHAIN.origin, LENGTH + 1, root), KEY))
    assert faults(found) == [Fault.CUT_TAIL]
    written.ledger.record(draft("grown since"))
    assert faults(report(written, sign(Checkpoint(CHAIN.origin, LENGTH + 1, root), KEY))) == [Fault.ROOT_MISMATCH]


@pytest.mark.claim("C-097")
def test_a_checkpoint_of_somebody_elses_key_is_found(written: World) -> None:
    signed(written, LENGTH, key=STRANGER)
    assert faults(report(written)) == [Fault.UNKNOWN_KEY]


def test_a_record_is_proved_to_be_among_those_that_were_signed(written: World) -> None:
    note = signed(written, LENGTH, kept=False)
    for entry in written.log.entries(CHAIN):
        (record,) = [each for each in written.log.iter_records() if each.seq == entry.seq]
        one = written.log.verify_one(record.id, TRUST, [Given(note)])
        assert one.report.is_good
        assert isinstance(one.inclusion, Inclusion)
        assert (one.inclusion.included, one.inclusion.size) == (True, LENGTH)
        root = root_of(leaf(each) for each in written.log.headers(CHAIN))
        proof = [bytes.fromhex(node) for node in one.inclusion.proof]
        assert is_included(leaf(entry), entry.seq - 1, LENGTH, proof, root)


def test_a_record_is_not_proved_by_a_checkpoint_of_another_log_or_an_older_one(written: World) -> None:
    newest = next(record for record in written.log.iter_records() if record.seq == LENGTH)
    signed(written, LENGTH - 1)
    assert isinstance(written.log.verify_one(newest.id, TRUST).inclusion, NotChecked)
    other = sign(Checkpoint(CHAIN.origin, LENGTH, b"r" * 32), KEY)
    found = written.log.verify_one(newest.id, TRUST, [Given(other)]).inclusion
    assert isinstance(found, Inclusion)
    assert not found.included


def test_destroyed_bodies_leave_a_ledger_that_is_intact_and_complete(written: World) -> None:
    first = next(written.log.iter_records())
    told = draft("pruned").model_copy(update={"event": Event.PRUNED})
    with written.store.transaction() as tx:
        bodies.destroy(tx, CHAIN, [(1, 3)], Removal.PRUNED, told)
    signed(written, LENGTH + 1)
    found = report(written)
    assert (found.is_good, found.removed, found.still_there) == (True, 3, 0)
    assert isinstance(found.complete, Completeness)
    assert found.complete.covered == LENGTH + 1
    assert written.log.verify_one(first.id, TRUST).report.is_good
