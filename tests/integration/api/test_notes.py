"""Checkpoints that were handed in, by somebody who means harm: what they cost, what of them is kept, who waits."""

from __future__ import annotations

import asyncio
import base64
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.api import notes
from byteport.audit.bundle import checkpoint_line
from byteport.audit.checkpoint import cosign
from byteport.audit.notes import SignatureType, add_lines, key_of
from byteport.ledger.sqlite import SqliteSql
from byteport.serving.looks import Looks
from tests.builders.chained import Log
from tests.integration.api.world import ACME_UID, World

pytestmark = [pytest.mark.ledger, pytest.mark.claim("C-366")]

WITNESS = Ed25519PrivateKey.generate()
WITNESS_KEY = str(key_of("witness.example", SignatureType.COSIGNATURE, WITNESS))


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many hashes were read for roots, at each time."""
    found: list[int] = []
    plain = SqliteSql.stream

    def counting(self: SqliteSql, statement: str, parameters: Any = (), /) -> Iterator[Any]:
        if not statement.startswith("SELECT hash"):
            yield from plain(self, statement, parameters)
            return
        found.append(0)
        for row in plain(self, statement, parameters):
            found[-1] += 1
            yield row

    monkeypatch.setattr(SqliteSql, "stream", counting)
    monkeypatch.setattr(notes, "STRIDE", 16)
    return found


def line(note: str) -> bytes:
    return checkpoint_line(note)[:-1]


async def kept(world: World) -> list[str]:
    answer = await world.reader().get(f"/v1/chains/{ACME_UID}/checkpoints")
    return [one["note"] for one in answer.json["checkpoints"]]


async def test_an_old_note_has_a_few_records_read_again_however_long_the_chain_is(
    world: World, read: list[int]
) -> None:
    log, agent = world.logs["acme"].append(100), world.agent()
    await agent.hand_in(log.lines(), log.checkpoint())
    assert sum(read) == 100, "each once"
    del read[:]
    answer = await agent.hand_in([log.checkpoint(size) for size in (99, 99, 50, 1, 100)])
    assert (answer.status, answer.json["checkpoints"]) == (200, 0)
    assert max(read) <= 16, read


async def test_an_old_note_over_another_history_is_still_told(world: World, read: list[int]) -> None:
    log, agent = world.logs["acme"].append(40), world.agent()
    await agent.hand_in(log.lines(), log.checkpoint())
    forked = Log("acme", ACME_UID, salt="forked").append(40)
    forked.key = log.key
    for size in (1, 16, 17, 40):
        assert (await agent.hand_in(forked.checkpoint(size))).code == "checkpoint_fork"
    assert max(read[1:]) <= 16, read


async def test_a_request_that_is_refused_has_nothing_read_a_second_time(world: World, read: list[int]) -> None:
    log, agent = world.logs["acme"].append(100), world.agent()
    await agent.hand_in(log.lines())
    log.append(1)
    for size in (98, 99, 70):
        answer = await agent.hand_in(log.checkpoint(size), log.checkpoint(101))
        assert answer.code == "checkpoint_ahead"
    assert read[0] == 98
    assert max(read[1:]) <= 16, read


@pytest.mark.usefixtures("read")
async def test_a_root_over_records_that_were_not_kept_is_not_remembered(world: World) -> None:
    log, agent = world.logs["acme"].append(40), world.agent()
    await agent.hand_in(log.lines(1, 10))
    other = Log("acme", ACME_UID).append(40)
    other.key, other.entries = log.key, log.entries[:10]
    other._salt = "other"
    other.append(30)
    refused = await agent.hand_in(other.lines(11, 40), other.checkpoint(39), other.checkpoint(40), b"{}")
    assert refused.code == "line_refused"
    other.append(1)
    refused = await agent.hand_in(other.lines(11, 40), other.checkpoint(40), other.checkpoint(41))
    assert refused.code == "checkpoint_ahead"
    assert (await agent.hand_in(log.lines(11, 40), log.checkpoint())).json["checkpoints"] == 1


async def test_more_checkpoints_than_an_agent_sends_are_refused(world: World) -> None:
    log = world.logs["acme"].append(20)
    await world.agent().hand_in(log.lines())
    answer = await world.agent().hand_in([log.checkpoint(size) for size in range(1, 12)])
    assert (answer.status, answer.code, answer.json["line"]) == (413, "too_many_lines", 11)


async def test_the_lines_of_strangers_are_not_kept_and_one_note_is_kept_of_one_size(world: World) -> None:
    log, agent = world.logs["acme"].append(3), world.agent()
    await agent.hand_in(log.lines())
    for count in (1, 0, 3):
        strange = [f"— x {base64.b64encode(secrets.token_bytes(1500)).decode()}" for _ in range(count)]
        answer = await agent.hand_in(line(add_lines(log.note(), strange)))
        assert answer.json["checkpoints"] == (1 if count == 1 else 0)
    assert await kept(world) == [log.note()]
    with world.store.snapshot() as sql:
        assert sql.execute("SELECT count(*) FROM checkpoints").fetchone()[0] == 1


@pytest.mark.claim("C-364")
async def test_the_word_of_a_witness_is_checked_added_once_and_never_lost(world: World) -> None:
    acme = next(one for one in world.identities() if one["name"] == "agent-acme")
    world.write_enrolment({**acme, "name": "agent-of-acme", "witnesses": [WITNESS_KEY]}, without="agent-acme")
    log, agent = world.logs["acme"].append(3), world.agent()
    note = log.note()
    words = [cosign(note, "witness.example", WITNESS, at=at) for at in (7, 8)]
    forged = cosign(log.note(2), "witness.example", WITNESS, at=7)
    assert (await agent.hand_in(log.lines(), line(add_lines(note, [forged])))).json["checkpoints"] == 1
    assert await kept(world) == [note], "a word about another checkpoint is none about this"
    assert (await agent.hand_in(line(add_lines(note, [words[0]])))).json["checkpoints"] == 1
    for again in (note, add_lines(note, [words[0]]), add_lines(note, [words[1]])):
        assert (await agent.hand_in(line(again))).json["checkpoints"] == 0
    assert await kept(world) == [add_lines(note, [words[0]])]
    export = (await world.reader().get(f"/v1/chains/{ACME_UID}/export")).text.splitlines()
    assert export[-1] == line(add_lines(note, [words[0]]))


async def test_each_request_that_may_be_answered_has_a_thread_and_probes_have_one_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from byteport.api import writing
    from byteport.api.lines import read as read_line

    go, at_work = threading.Event(), threading.Semaphore(0)

    def slow(number: int, data: bytes, chain: Any) -> Any:
        at_work.release()
        go.wait(60)
        return read_line(number, data, chain)

    monkeypatch.setattr(writing, "read", slow)
    with World(tmp_path, concurrent=36, concurrent_per_tenant=18).running() as world:
        lines = {name: world.logs[name].append(1).lines() for name in ("acme", "other")}
        held = [asyncio.create_task(world.agent(name).hand_in(lines[name])) for name in lines for _ in range(18)]
        try:
            for _ in held:
                assert await asyncio.to_thread(at_work.acquire, timeout=30)
            assert (await asyncio.wait_for(world.nobody().get("/readyz"), 30)).status == 200
        finally:
            go.set()
        assert {(await one).status for one in held} == {200}


def test_however_many_ask_at_once_what_is_missing_is_looked_for_once() -> None:
    looked: list[int] = []
    go = threading.Event()

    def lacks() -> list[str]:
        looked.append(1)
        go.wait(60)
        return ["store"]

    async def ask() -> list[list[str]]:
        looks = Looks(lacks)
        asking = [asyncio.create_task(looks.missing()) for _ in range(20)]
        await asyncio.sleep(0.05)
        asking[0].cancel()
        go.set()
        found = list(await asyncio.gather(*asking[1:]))
        return [*found, await looks.missing()]

    assert asyncio.run(ask()) == [["store"]] * 20
    assert len(looked) == 2, "a later one is looked for anew"
