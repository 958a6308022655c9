"""What a witness signs, and everything that it does not: a log only ever grows."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.audit.checkpoint import Opened, open_checkpoint, with_cosignatures
from byteport.audit.merkle import EMPTY_ROOT
from byteport.audit.witnessing import LARGEST, AddCheckpoint
from byteport.errors import Unavailable
from byteport.trust import durable
from byteport.witness.witness import Answer, Status, Witness
from tests.integration.witness.conftest import Known, witness_of
from tests.integration.witness.logs import ORIGIN, Log, leaf


async def asked(witness: Witness, body: bytes) -> Answer:
    return await witness.add_checkpoint(body)


async def test_a_log_that_grows_is_cosigned_each_time_with_the_time(witness: Witness, log: Log) -> None:
    times = []
    for old, size in ((0, 3), (3, 3), (3, 8), (8, 1000)):
        answer = await asked(witness, log.ask(old, size))
        assert answer.status is Status.OK, answer
        note = with_cosignatures(log.note(size), [answer.body.rstrip("\n")])
        opened = open_checkpoint(note, (log.vkey, witness.key))
        assert (opened.checkpoint.size, [one.witness for one in opened.cosigned]) == (size, [witness.key])
        times.append(opened.cosigned[0].at)
    assert times == sorted(set(times))


async def test_the_one_that_asks_from_elsewhere_is_told_where_the_witness_is(witness: Witness, log: Log) -> None:
    await asked(witness, log.ask(0, 5))
    for old, size in ((0, 9), (3, 9), (6, 9), (3, 3)):
        answer = await asked(witness, log.ask(old, size))
        assert (answer.status, answer.body) == (Status.CONFLICT, "5\n")


async def test_a_replay_of_an_older_checkpoint_changes_nothing(witness: Witness, log: Log) -> None:
    first = log.ask(0, 5)
    await asked(witness, first)
    await asked(witness, log.ask(5, 9))
    assert (await asked(witness, first)).body == "9\n"
    assert (await asked(witness, log.ask(9, 12))).status is Status.OK


@pytest.mark.claim("C-242")
async def test_a_smaller_log_is_never_signed(witness: Witness, log: Log) -> None:
    """The old size must be the witness's own, and is then larger than the new one."""
    await asked(witness, log.ask(0, 9))
    assert (await asked(witness, log.ask(9, 5))).status is Status.BAD_REQUEST
    assert (await asked(witness, log.ask(9, 10))).status is Status.OK


@pytest.mark.claim("C-242")
async def test_another_root_for_the_same_size_is_never_signed(witness: Witness, log: Log) -> None:
    await asked(witness, log.ask(0, 9))
    fork = Log(key=log.key, forked_at=8)
    answer = await asked(witness, fork.ask(9, 9))
    assert (answer.status, answer.body) == (Status.CONFLICT, "9\n")
    assert "ANOTHER ROOT" in answer.because


@pytest.mark.claim("C-242")
async def test_a_log_that_was_rewritten_is_never_signed(witness: Witness, log: Log) -> None:
    await asked(witness, log.ask(0, 9))
    fork = Log(key=log.key, forked_at=4)
    assert (await asked(witness, fork.ask(9, 20))).status is Status.UNPROCESSABLE
    assert (await asked(witness, log.ask(9, 20))).status is Status.OK


async def test_a_proof_must_hold_and_be_no_longer_than_it_must(witness: Witness, log: Log) -> None:
    await asked(witness, log.ask(0, 6))
    for proof in ((), (leaf(1),), (leaf(1),) * 63):
        assert (await asked(witness, log.ask(6, 9, proof=proof))).status is Status.UNPROCESSABLE
    assert (await asked(witness, log.ask(6, 9, proof=(leaf(1),) * 64))).status is Status.BAD_REQUEST
    assert (await asked(witness, log.ask(0, 9, proof=(leaf(1),)))).status is Status.CONFLICT


async def test_a_first_checkpoint_takes_no_proof(witness: Witness, log: Log) -> None:
    assert (await asked(witness, log.ask(0, 9, proof=(leaf(1),)))).status is Status.UNPROCESSABLE


async def test_an_empty_log_has_the_empty_trees_root(witness: Witness, log: Log) -> None:
    empty = log.ask(0, 0)
    forged = Log(key=log.key)
    forged.upto = lambda size: log.upto(size + 1)  # type: ignore[method-assign]
    assert (await asked(witness, forged.ask(0, 0))).status is Status.CONFLICT
    assert base64.b64encode(EMPTY_ROOT) in empty
    assert (await asked(witness, empty)).status is Status.OK


async def test_a_log_that_is_not_known_is_not_found(witness: Witness) -> None:
    assert (await asked(witness, Log(origin="byteport.io/log/other/uid-1").ask(0, 3))).status is Status.NOT_FOUND


async def test_a_known_log_by_another_key_is_forbidden(witness: Witness, log: Log) -> None:
    assert (await asked(witness, Log().ask(0, 3))).status is Status.FORBIDDEN
    assert (await asked(witness, log.ask(0, 3))).status is Status.OK


async def test_a_signature_of_another_log_by_the_same_name_is_passed_over(witness: Witness, log: Log) -> None:
    stranger = Log().note(3).splitlines()[-1]
    body = log.ask(0, 3) + f"{stranger}\n".encode()
    answer = await asked(witness, body)
    assert answer.status is Status.OK
    last = witness._states.path(ORIGIN).read_text()
    assert stranger not in last


async def test_a_log_is_added_and_a_key_taken_away_without_a_restart(witness: Witness, log: Log, known: Known) -> None:
    another = Log(origin="example.com/another")
    known.are(log, another)
    assert (await asked(witness, another.ask(0, 3))).status is Status.OK
    known.are(another)
    assert (await asked(witness, log.ask(0, 3))).status is Status.NOT_FOUND


async def test_a_log_that_changes_its_key_goes_on_where_it_was(witness: Witness, log: Log, known: Known) -> None:
    await asked(witness, log.ask(0, 5))
    successor = Log()
    known.are(log, successor)
    assert (await asked(witness, successor.ask(5, 9))).status is Status.OK
    known.are(successor)
    assert (await asked(witness, successor.ask(9, 12))).status is Status.OK


async def test_the_files_of_logs_must_say_what_they_are(witness: Witness, log: Log, known: Known) -> None:
    for content in ("byteport.io/log\n", f"{log.vkey}x\n", f"{witness.key}\n", "\xff"):
        known.says(content.encode("latin-1"))
        answer = await asked(witness, log.ask(0, 3))
        assert answer.status is Status.UNAVAILABLE
        assert "line 1" in answer.because
    known.is_lost()
    assert (await asked(witness, log.ask(0, 3))).status is Status.UNAVAILABLE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        b"old 1\n",
        b"old -1\n\nx",
        b"old 01\n\nx",
        b"old 1 \n\nx",
        b"old 99999999999999999999\n\nx",
        b"old 0\nnot base64\n\nx",
        b"old 0\nAAAA\n\nx",
        b"old 0\n\n",
        b"old 0\n\nno note",
        b"old 0\n\n\xff\xfe",
        b"old 0\n\n" + "byteport.io/log\n1\nAAAA\n\n— x AAAAAAAA\n".encode(),
        b"\x00" * 1000,
    ],
)
async def test_what_is_no_request_is_refused(witness: Witness, body: bytes) -> None:
    assert (await asked(witness, body)).status is Status.BAD_REQUEST


async def test_it_goes_on_where_it_was_after_a_restart(
    witness: Witness, log: Log, tmp_path: Path, known: Known
) -> None:
    await asked(witness, log.ask(0, 5))
    again = witness_of(tmp_path, known)
    assert (await asked(again, log.ask(0, 9))).body == "5\n"
    assert (await asked(again, log.ask(5, 9))).status is Status.OK


@pytest.mark.parametrize("damage", ["cut", "emptied", "edited", "another log's", "unsigned", "gone"])
async def test_a_damaged_memory_is_not_taken_for_a_log_that_was_never_seen(
    witness: Witness, log: Log, known: Known, damage: str
) -> None:
    await asked(witness, log.ask(0, 5))
    another = Log(origin="example.com/another")
    known.are(log, another)
    await asked(witness, another.ask(0, 3))
    path = witness._states.path(ORIGIN)
    text = path.read_text()
    match damage:
        case "cut":
            path.write_text(text[: len(text) // 2])
        case "emptied":
            path.write_text("")
        case "edited":
            path.write_text(text.replace("\n5\n", "\n1\n"))
        case "another log's":
            path.write_bytes(witness._states.path(another.origin).read_bytes())
        case "gone":
            path.unlink()
        case _:
            path.write_text("\n".join(text.splitlines()[:-1]) + "\n")
    for old in (0, 5):
        assert (await asked(witness, log.ask(old, 9))).status is Status.UNAVAILABLE
    assert (await asked(witness, another.ask(3, 4))).status is Status.OK


@pytest.mark.claim("C-242")
async def test_a_folder_of_states_that_came_back_empty_is_not_begun_anew(
    witness: Witness, log: Log, known: Known, tmp_path: Path
) -> None:
    another, new = Log(origin="example.com/another"), Log(origin="example.com/new")
    known.are(log, another, new)
    await asyncio.gather(asked(witness, log.ask(0, 100)), asked(witness, another.ask(0, 3)))
    for path in (tmp_path / "states").iterdir():
        path.unlink()
    again = witness_of(tmp_path, known)
    fork = Log(key=log.key, forked_at=3)
    assert (await asked(again, fork.ask(0, 10))).status is Status.UNAVAILABLE
    assert (await asked(again, another.ask(0, 3))).status is Status.UNAVAILABLE
    assert (await asked(again, new.ask(0, 3))).status is Status.OK


async def test_a_memory_that_another_witness_wrote_is_not_believed(witness: Witness, log: Log, tmp_path: Path) -> None:
    stranger = Witness(
        witness.key.name, Ed25519PrivateKey.generate(), tmp_path / "states", witness._logs, clock=witness._clock
    )
    await asked(stranger, log.ask(0, 5))
    assert (await asked(witness, log.ask(0, 5))).status is Status.UNAVAILABLE


async def test_what_cannot_be_written_is_not_signed(
    witness: Witness, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise Unavailable("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(durable, "replace", full)
        answer = await asked(witness, log.ask(0, 5))
        assert (answer.status, "—" in answer.body) == (Status.UNAVAILABLE, False)
    assert (await asked(witness, log.ask(0, 5))).status is Status.OK


async def test_of_requests_at_once_for_one_size_one_is_signed(witness: Witness, log: Log) -> None:
    await asked(witness, log.ask(0, 5))
    bodies = [log.ask(5, size) for size in range(6, 26)]
    answers = await asyncio.gather(*(asked(witness, body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [Status.OK] + [Status.CONFLICT] * 19


async def test_a_client_that_goes_away_does_not_let_another_one_in_between(
    witness: Witness, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    judge = Witness._judge

    def slowly(self: Witness, call: AddCheckpoint, opened: Opened) -> Answer:
        seen.append(f"in {opened.checkpoint.size}")
        answer = judge(self, call, opened)
        time.sleep(0.2)
        seen.append(f"out {opened.checkpoint.size}")
        return answer

    monkeypatch.setattr(Witness, "_judge", slowly)
    first = asyncio.create_task(asked(witness, log.ask(0, 5)))
    while not seen:  # noqa: ASYNC110  polled until it is at work
        await asyncio.sleep(0.01)
    first.cancel()
    assert (await asked(witness, log.ask(5, 9))).status is Status.OK
    assert seen == ["in 5", "out 5", "in 9", "out 9"]


def test_the_largest_honest_request_fits(log: Log) -> None:
    assert len(log.ask(0, 3, proof=(leaf(1),) * 63)) < LARGEST / 10
