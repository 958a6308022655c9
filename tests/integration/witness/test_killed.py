"""A witness that is killed with -9 at each of its steps: what it had signed it still knows, whoever heard of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.witness.witness import Logs, Status, Witness
from tests.builders.killing import killed_at_each_step
from tests.integration.witness.conftest import NAME, Known
from tests.integration.witness.logs import Log, Seconds

TOLD = "told"
KEY = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)


def witness_in(folder: Path) -> Witness:
    return Witness(NAME, KEY, folder / "states", Logs(folder / "logs"), clock=Seconds())


def answer_once(folder: Path, body: bytes) -> None:
    """In a process of its own: the answer, and then the client's own note of it."""
    answer = asyncio.run(witness_in(folder).add_checkpoint(body))
    if answer.status is Status.OK:
        (folder / TOLD).write_text(answer.body)


@pytest.mark.claim("C-242")
def test_killed_at_any_step_it_remembers_what_it_may_have_told_and_signs_no_other(tmp_path: Path) -> None:
    log = Log()
    Known(tmp_path / "logs").are(log)
    size = before_answer = 0
    for step in killed_at_each_step(
        answer_once, tmp_path, log.ask(0, 3), preload=["tests.integration.witness.conftest"]
    ):
        last = witness_in(tmp_path)._states.last(log.origin)
        told = (tmp_path / TOLD).exists()
        assert last is not None or not told
        before_answer += last is not None and not told
        size = max(size, last.size if last is not None else 0)
        assert step < 200
    assert before_answer > 0
    assert size == 3
    fork = Log(key=log.key, forked_at=0)
    again = asyncio.run(witness_in(tmp_path).add_checkpoint(fork.ask(0, 3)))
    assert (again.status, again.body) == (Status.CONFLICT, "3\n")
    assert asyncio.run(witness_in(tmp_path).add_checkpoint(log.ask(3, 5))).status is Status.OK
