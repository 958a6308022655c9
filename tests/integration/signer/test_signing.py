"""What the signer signs: a log that only grew, once for each size, whatever happens to it or to its memory."""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from pathlib import Path

import pytest

from activities.signer import looking
from activities.signer.keys import checkpoint_key
from activities.signer.state import frontier_of
from byteport.audit.chain import record_hash
from byteport.audit.checkpoint import Checkpoint, sign
from byteport.audit.merkle import Frontier
from byteport.contracts.checkpoints import WHAT_TO_RUN, Refusal, Refused
from byteport.errors import Unavailable
from byteport.ledger import checkpoints
from byteport.ledger.log import AuditLog
from byteport.trust import durable
from byteport.trust.private_keys import new_private_key
from tests.integration.signer.world import CHAIN, SignedLog


@pytest.fixture
def log(tmp_path: Path) -> SignedLog:
    return SignedLog(tmp_path)


def root_of(log: SignedLog, size: int) -> bytes:
    """By the whole log, read again."""
    entries = AuditLog(log.store).headers(CHAIN, 1, size)
    return Frontier().extend(bytes.fromhex(one.hash.removeprefix("sha256:")) for one in entries).root()


@pytest.mark.claim("C-241")
def test_each_growth_is_signed_once_with_the_root_of_all_records(log: SignedLog) -> None:
    for count in (1, 2, 5, 100):
        log.grow(count)
        assert log.sign().grew
        assert not log.sign().grew
    opened = [one.checkpoint for one in log.opened_notes()]
    assert [(one.origin, one.size) for one in opened] == [(CHAIN.origin, size) for size in (1, 3, 8, 108)]
    assert [one.root for one in opened] == [root_of(log, one.size) for one in opened]


def test_a_log_without_records_is_not_signed_and_not_refused(log: SignedLog) -> None:
    answer = log.sign()
    assert (answer.note, answer.upto.size, answer.grew, answer.more) == ("", 0, False, False)
    assert not log.state_path.exists()
    assert log.signer.look() is None


def test_only_what_was_appended_since_is_read(log: SignedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log.grow(50)
    log.sign()
    log.grow(3)
    asked: list[tuple[int, int]] = []
    headers = AuditLog.headers

    def watched(self: AuditLog, chain: object, first: int, last: int) -> object:
        asked.append((first, last))
        return headers(self, CHAIN, first, last)

    monkeypatch.setattr(AuditLog, "headers", watched)
    assert log.sign().grew
    assert asked == [(50, 53)]


def test_a_long_log_is_signed_in_parts(log: SignedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MOST_AT_ONCE", 40)
    monkeypatch.setattr(looking, "BATCH", 7)
    log.grow(100)
    assert [(one.upto.size, one.more) for one in (log.sign(), log.sign(), log.sign())] == [
        (40, True),
        (80, True),
        (100, False),
    ]
    assert [one.checkpoint.root for one in log.opened_notes()] == [root_of(log, size) for size in (40, 80, 100)]


# -- logs that went back, or are others ---------------------------------------------------------------------------------


@pytest.mark.claim("C-240")
def test_a_restored_backup_is_refused_and_stays_so_when_it_grows_again(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    backup = log.backed_up()
    log.grow(5)
    log.sign()
    log.restore(backup)
    refusal = log.refused()
    assert (refusal.because, refusal.signed_size, refusal.found_size) == (Refused.SHRANK, 10, 5)
    for size in range(6, 10):
        log.grow(history="again")
        assert (log.size, log.refuses()) == (size, Refused.SHRANK)
    for size in range(10, 14):
        log.grow(history="again")
        assert (log.size, log.refuses()) == (size, Refused.FORKED)


def test_the_right_database_put_back_is_signed_again(log: SignedLog) -> None:
    log.grow(5)
    early = log.backed_up()
    log.grow(5)
    late = log.backed_up()
    log.sign()
    log.restore(early)
    assert log.refuses() is Refused.SHRANK
    log.restore(late)
    log.grow()
    assert log.sign().upto.size == 11


def test_a_tail_that_was_cut_off_before_it_was_signed_is_noticed_where_the_store_still_knows_of_it(
    log: SignedLog,
) -> None:
    log.grow(5)
    log.sign()
    log.grow(5)
    with log.hostile() as sql:
        sql.execute("DELETE FROM agent_actions WHERE seq > 7")
    assert log.refuses() is Refused.SHRANK


@pytest.mark.parametrize("seq", [5, 6, 8])
def test_a_record_taken_out_is_noticed(log: SignedLog, seq: int) -> None:
    log.grow(5)
    log.sign()
    log.grow(5)
    with log.hostile() as sql:
        sql.execute("DELETE FROM agent_actions WHERE seq = ?", (seq,))
    assert log.refuses() is Refused.FORKED


EDIT = ('"decision":"acted"', '"decision":"skipped"')


@pytest.mark.parametrize("seq", [5, 6, 8, 10])
def test_a_record_edited_with_or_without_its_hash_is_noticed(log: SignedLog, seq: int) -> None:
    log.grow(5)
    log.sign()
    log.grow(5)
    backup = log.backed_up()
    with log.hostile() as sql:
        sql.execute("UPDATE agent_actions SET header = replace(header, ?, ?) WHERE seq = ?", (*EDIT, seq))
    assert log.refuses() is Refused.FORKED
    log.restore(backup)
    with log.hostile() as sql:
        (header,) = sql.execute("SELECT header FROM agent_actions WHERE seq = ?", (seq,)).fetchone()
        edited = header.replace(*EDIT)
        assert edited != header
        sql.execute(
            "UPDATE agent_actions SET header = ?, hash = ? WHERE seq = ?", (edited, record_hash(edited.encode()), seq)
        )
    assert log.refuses() is Refused.FORKED


def test_what_is_no_record_is_unreadable(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    log.grow(5)
    with log.hostile() as sql:
        sql.execute("UPDATE agent_actions SET header = '{}' WHERE seq = 7")
    assert log.refuses() is Refused.UNREADABLE


def test_a_refusal_says_what_to_run(log: SignedLog) -> None:
    log.grow(5)
    backup = log.backed_up()
    log.grow(5)
    log.sign()
    log.restore(backup)
    refusal = log.refused()
    assert refusal.says == (
        "10 records were signed, and the log has 5: its end was taken away, or an old backup restored"
    )
    assert WHAT_TO_RUN[refusal.because].startswith("byteport verify-log")


@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE checkpoints SET root = 300000000",
        "UPDATE checkpoints SET root = 'abc'",
        "UPDATE checkpoints SET size = 'x'",
        "UPDATE checkpoints SET size = 5.5",
        "UPDATE checkpoints SET note = x'ff00'",
        "UPDATE checkpoints SET at_ms = 'x'",
        "UPDATE chain_heads SET seq = 'x'",
        "UPDATE chain_heads SET seq = 8.5",
        "UPDATE agent_actions SET seq = 7.5 WHERE seq = 7",
        "UPDATE agent_actions SET header = x'ff00' WHERE seq = 7",
    ],
)
def test_a_store_that_holds_something_else_than_its_columns_say_is_unreadable_and_no_error(
    log: SignedLog, lie: str
) -> None:
    log.grow(5)
    log.sign()
    log.grow(3)
    with log.hostile() as sql:
        sql.execute(lie)
    before = log.state
    answer = log.signer.sign().answer
    assert isinstance(answer, Refusal)
    assert answer.because is Refused.UNREADABLE
    assert log.signer.look() == answer
    assert log.state == before


# -- keys ---------------------------------------------------------------------------------------------------------------


def test_another_key_is_refused_until_the_old_one_hands_over(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    old, log.key = log.key, new_private_key()
    assert log.refuses() is Refused.REKEYED
    log.retiring = old
    handed = log.sign()
    assert (handed.upto.size, handed.grew) == (5, False)
    before, after = checkpoint_key(old, CHAIN).verifier, log.vkey
    assert log.opened_notes(before, after)[-1].signed_by == (before, after)
    log.grow()
    log.sign()
    assert log.opened_notes(before, after)[-1].signed_by == (after,)
    log.retiring = None
    log.grow()
    assert log.sign().upto.size == 7


def test_a_key_that_has_handed_over_does_not_come_back(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    old, log.key = log.key, new_private_key()
    log.retiring = old
    log.sign()
    log.key, log.retiring = old, None
    assert log.refuses() is Refused.REKEYED


def test_a_signer_of_the_old_key_with_a_copy_of_the_memory_does_not_go_on_after_the_hand_over(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    old, copied = log.key, log.state_path.read_bytes()
    log.retiring, log.key = old, new_private_key()
    log.sign()
    new, memory = log.key, log.state_path.read_bytes()
    log.key, log.retiring = old, None
    log.state_path.write_bytes(copied)
    assert log.refuses() is Refused.REKEYED
    log.grow(2)
    assert log.refuses() is Refused.REKEYED
    log.key = new
    log.state_path.write_bytes(memory)
    assert log.sign().upto.size == 7


def test_a_checkpoint_that_somebody_else_put_into_the_store_is_noticed(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    stranger = checkpoint_key(new_private_key(), CHAIN)
    note = sign(Checkpoint(CHAIN.origin, 9, b"\x01" * 32), stranger.private)
    with log.store.transaction() as tx:
        checkpoints.add(tx, CHAIN, 9, b"\x01" * 32, note)
    assert log.refuses() is Refused.REKEYED


def test_another_checkpoint_of_the_same_size_is_noticed(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    with log.hostile() as sql:
        sql.execute("UPDATE checkpoints SET root = zeroblob(32)")
    assert log.refuses() is Refused.FORKED


# -- the memory ---------------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-241")
def test_a_lost_memory_is_not_begun_anew_while_there_are_checkpoints(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    log.state_path.unlink()
    refusal = log.refused()
    assert refusal.because is Refused.LOST
    assert str(log.state_path) in refusal.says
    assert WHAT_TO_RUN[refusal.because].startswith("byteport signer adopt")


def test_another_key_without_a_memory_does_not_begin_where_another_has_signed(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    log.state_path.unlink()
    log.key = new_private_key()
    assert log.refuses() is Refused.REKEYED


def test_an_old_copy_of_the_memory_is_not_believed(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    old = log.state_path.read_bytes()
    log.grow(5)
    log.sign()
    log.state_path.write_bytes(old)
    assert log.refuses() is Refused.LOST


def damaged(content: bytes) -> list[bytes]:
    state = json.loads(content)
    changes = [
        {"upto": {"size": 4, "nodes": state["upto"]["nodes"]}},
        {"upto": {"size": 5, "nodes": ["00" * 32, "11" * 32]}},
        {"note": state["note"].replace("\n5\n", "\n6\n")},
        {"note": ""},
        {"key": ""},
        {"origin": "byteport.io/log/acme/uid-2"},
        {"extra": 1},
    ]
    return [b"", b"{}", content[:-20], *(json.dumps(state | change).encode() for change in changes)]


def test_a_damaged_memory_is_a_lost_one(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    whole = log.state_path.read_bytes()
    for content in damaged(whole):
        log.state_path.write_bytes(content)
        assert log.refuses() is Refused.LOST, content
    log.state_path.write_bytes(whole)
    log.grow()
    assert log.sign().grew


def test_a_memory_with_another_head_does_not_fit_the_log(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    state = log.state
    log.file.write(state.model_copy(update={"head": "sha256:" + "ab" * 32}))
    log.grow()
    assert log.refuses() is Refused.FORKED


def test_the_memory_is_its_owners_alone(log: SignedLog) -> None:
    log.grow()
    log.sign()
    assert log.state_path.stat().st_mode & 0o077 == 0


def test_what_cannot_be_remembered_is_not_published(log: SignedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log.grow()

    def full(*_: object, **__: object) -> None:
        raise Unavailable("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(durable, "replace", full)
        with pytest.raises(Unavailable):
            log.signer.sign()
    assert log.published() == []
    assert log.sign().grew


def test_what_could_not_be_published_is_published_later_and_the_same(
    log: SignedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.grow(5)

    def down(*_: object) -> None:
        raise Unavailable("the ledger does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "add", down)
        with pytest.raises(Unavailable):
            log.signer.sign()
    note = log.state.note
    assert not log.sign().grew
    assert log.published() == [note]


def test_a_store_that_does_not_answer_is_no_refusal(log: SignedLog) -> None:
    log.grow()
    log.path.rename(log.folder / "away.db")
    with pytest.raises(Unavailable):
        log.signer.sign()


def test_the_frontier_that_it_keeps_is_that_of_the_whole_log(log: SignedLog) -> None:
    for count in range(1, 20):
        log.grow(count)
        log.sign()
        assert frontier_of(log.state.upto).root() == root_of(log, log.size)


def test_two_signers_of_one_memory_sign_one_after_the_other(log: SignedLog) -> None:
    from concurrent.futures import ThreadPoolExecutor

    log.grow(200)
    with ThreadPoolExecutor(4) as pool:
        signed = list(pool.map(lambda _: log.sign(), range(8)))
    assert [one.grew for one in signed].count(True) == 1
    assert len({one.note for one in signed}) == 1
    assert len(log.published()) == 1


def test_the_store_itself_refuses_a_smaller_checkpoint(log: SignedLog) -> None:
    log.grow(5)
    log.sign()
    with log.store.transaction() as tx, pytest.raises(sqlite3.IntegrityError):
        tx.sql.execute(
            "INSERT INTO checkpoints (tenant, cluster_uid, number, size, root, note, at_ms) VALUES (?, ?, 2, 4, ?, 'x', 0)",
            ("acme", "uid-1", b"\x00" * 32),
        )


@pytest.mark.slow
def test_a_long_log_is_never_in_memory_as_a_whole(log: SignedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "BATCH", 64)
    log.grow(5000)
    headers = sum(len(entry.header) for entry in AuditLog(log.store).headers(CHAIN))
    tracemalloc.start()
    log.sign()
    (_, most) = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < headers / 3
