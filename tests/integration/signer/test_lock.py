"""The lock of the signer's memory in somebody else's hands: the signer gives up in time, and holds up nobody."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from activities.signer import state
from activities.signer.acts import SignerActs
from byteport.contracts.checkpoints import SignCheckpoint
from byteport.errors import Unavailable
from tests.integration.signer.world import CHAIN, SignedLog

CALL = SignCheckpoint(cluster_uid="uid-1")


@pytest.fixture
def log(tmp_path: Path) -> SignedLog:
    made = SignedLog(tmp_path)
    made.grow(3)
    return made


def test_a_lock_that_is_never_let_go_is_waited_for_with_an_end(log: SignedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "WAIT_SECONDS", 0.2)
    with log.file.alone():
        began = time.monotonic()
        with pytest.raises(Unavailable, match="held by somebody else"):
            log.signer.sign()
    assert 0.2 <= time.monotonic() - began < 60
    assert log.sign().grew


def test_a_lock_that_is_let_go_meanwhile_is_had(log: SignedLog) -> None:
    with ThreadPoolExecutor(1) as other:
        with log.file.alone():
            waiting = other.submit(log.sign)
            time.sleep(0.1)
            assert not waiting.done()
        assert waiting.result(timeout=30).grew


async def test_attempts_that_wait_for_the_lock_hold_up_no_other_work_of_the_process(
    log: SignedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "WAIT_SECONDS", 60.0)
    acts = SignerActs(log.store, CHAIN, log.keys, log.file, ())
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(2))
    with log.file.alone():
        attempts = [asyncio.create_task(acts.sign_checkpoint(CALL)) for _ in range(4)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(30):
            await asyncio.to_thread(lambda: None)
        assert not any(attempt.done() for attempt in attempts)
    await asyncio.gather(*attempts)
