"""How a signer whose memory was lost goes on: only with the very log that every known checkpoint is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities.signer.adopting import Adopted, adopt
from activities.signer.keys import checkpoint_key
from byteport.audit.checkpoint import Checkpoint, sign
from byteport.contracts.checkpoints import Refused
from byteport.errors import MalformedInput, NotPermitted, PreconditionFailed
from byteport.trust.private_keys import new_private_key
from tests.integration.signer.world import CHAIN, SignedLog


@pytest.fixture
def log(tmp_path: Path) -> SignedLog:
    made = SignedLog(tmp_path)
    made.grow(5)
    made.sign()
    made.grow(5)
    made.sign()
    made.grow(3)
    return made


def adopted(log: SignedLog, *carried: str) -> Adopted:
    return adopt(log.store, CHAIN, log.keys, log.file, carried)


def test_it_goes_on_from_the_newest_checkpoint_that_is_known(log: SignedLog) -> None:
    before = log.state
    log.state_path.unlink()
    assert adopted(log) == Adopted(size=10, agreed=2)
    assert log.state == before
    assert log.sign().upto.size == 13


def test_a_checkpoint_that_was_carried_away_counts_where_the_store_has_lost_it(log: SignedLog) -> None:
    backup = log.backed_up()
    log.sign()
    carried = log.published()[-1]
    log.restore(backup)
    log.state_path.unlink()
    assert adopted(log, carried, log.published()[0]) == Adopted(size=13, agreed=3)
    log.grow()
    assert log.sign().upto.size == 14


def test_a_log_that_is_shorter_than_a_checkpoint_that_was_carried_away_is_not_adopted(log: SignedLog) -> None:
    backup = log.backed_up()
    log.grow(5)
    log.sign()
    carried = log.published()[-1]
    log.restore(backup)
    log.state_path.unlink()
    with pytest.raises(PreconditionFailed, match="18 records were signed"):
        adopted(log, carried)
    assert not log.state_path.exists()


def test_another_log_is_not_adopted(log: SignedLog) -> None:
    carried = log.published()
    log.state_path.unlink()
    log.store.close()
    log.path.unlink()
    log.store = log.opened()
    log.grow(20, history="another")
    with pytest.raises(PreconditionFailed, match="not those that were signed"):
        adopted(log, *carried)


def test_a_log_that_breaks_off_is_not_adopted(log: SignedLog) -> None:
    log.state_path.unlink()
    with log.hostile() as sql:
        sql.execute("DELETE FROM agent_actions WHERE seq = 4")
    with pytest.raises(PreconditionFailed, match="record 4 is not there"):
        adopted(log)


def test_where_the_memory_holds_there_is_nothing_to_adopt(log: SignedLog) -> None:
    before = log.state_path.read_bytes()
    with pytest.raises(PreconditionFailed, match="nothing to adopt"):
        adopted(log)
    assert log.state_path.read_bytes() == before


def test_an_old_copy_of_the_memory_and_a_damaged_one_are_replaced(log: SignedLog) -> None:
    log.sign()
    for content in (log.state_path.read_bytes()[:-50], b""):
        log.state_path.write_bytes(content)
        assert log.refuses() is Refused.LOST
        assert adopted(log).size == 13
        assert log.state.upto.size == 13
    old = log.state_path.read_bytes()
    log.grow()
    log.sign()
    log.state_path.write_bytes(old)
    assert log.refuses() is Refused.LOST
    assert adopted(log) == Adopted(size=14, agreed=4)


def test_where_nothing_was_ever_signed_there_is_nothing_to_adopt(tmp_path: Path) -> None:
    fresh = SignedLog(tmp_path)
    fresh.grow(3)
    with pytest.raises(PreconditionFailed, match="nothing was signed"):
        adopted(fresh)


def test_a_new_key_without_its_predecessor_goes_on_from_what_the_old_one_signed(log: SignedLog) -> None:
    log.key = new_private_key()
    assert log.refuses() is Refused.REKEYED
    assert adopted(log) == Adopted(size=10, agreed=2)
    assert log.sign().upto.size == 13


def test_whoever_wrote_the_log_anew_and_a_row_that_nobody_signed_is_not_believed(
    log: SignedLog, tmp_path: Path
) -> None:
    carried = log.published()[-1]
    (tmp_path / "anew").mkdir()
    anew = SignedLog(tmp_path / "anew", key=log.key)
    anew.grow(10, history="anew")
    anew.sign()
    anew.state_path.unlink()
    for note in ("nobody signed this", carried):  # the second one is ours, and of another root
        with anew.hostile() as sql:
            sql.execute("UPDATE checkpoints SET note = ?", (note,))
        with pytest.raises(PreconditionFailed, match=r"--key .* --checkpoint"):
            adopted(anew)
        with pytest.raises(PreconditionFailed, match="not those that were signed"):
            adopted(anew, carried)
        assert not anew.state_path.exists()


def test_every_checkpoint_of_the_store_is_held_against_the_log_and_not_its_newest_alone(
    log: SignedLog, tmp_path: Path
) -> None:
    """A newest row that fits the log written anew does not make the others fit."""
    (tmp_path / "anew").mkdir()
    anew = SignedLog(tmp_path / "anew", key=log.key)
    anew.grow(5, history="anew")
    anew.sign()
    with anew.store.snapshot() as sql:
        row = sql.execute("SELECT root, note FROM checkpoints").fetchone()
    anew.grow(7, history="anew")
    anew.sign()
    anew.state_path.unlink()
    older = log.published()[0]
    assert row[1] != older
    with log.store.snapshot() as sql:
        root = sql.execute("SELECT root FROM checkpoints ORDER BY number LIMIT 1").fetchone()[0]
    with anew.hostile() as sql:
        sql.execute("UPDATE checkpoints SET root = ?, note = ? WHERE number = 1", (root, older))
    with pytest.raises(PreconditionFailed, match="the first 5 records are not those that were signed"):
        adopted(anew)


def test_what_an_earlier_key_signed_counts_where_a_person_names_that_key(log: SignedLog) -> None:
    before = log.vkey
    log.state_path.unlink()
    log.key = new_private_key()
    with pytest.raises(PreconditionFailed, match="no known key has signed"):
        adopted(log)
    assert adopt(log.store, CHAIN, log.keys, log.file, (), [before]) == Adopted(size=10, agreed=2)
    assert log.sign().upto.size == 13


def test_of_a_checkpoint_that_is_larger_than_the_log_it_says_how_long_the_log_is(log: SignedLog) -> None:
    log.state_path.unlink()
    far = sign(Checkpoint(CHAIN.origin, 10**12, b"\x01" * 32), checkpoint_key(log.key, CHAIN).private)
    with pytest.raises(PreconditionFailed, match="1000000000000 records were signed, and the log has 13"):
        adopted(log, far)


def test_a_strangers_checkpoint_and_one_of_another_log_are_not_taken(log: SignedLog) -> None:
    log.state_path.unlink()
    stranger = sign(Checkpoint(CHAIN.origin, 1, b"\x01" * 32), checkpoint_key(new_private_key(), CHAIN).private)
    with pytest.raises(NotPermitted):
        adopted(log, stranger)
    with pytest.raises(MalformedInput):
        adopted(log, "no note")
    assert not log.state_path.exists()
