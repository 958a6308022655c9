"""Handing in: what chains is kept, what contradicts is refused, and all of a request or nothing of it."""

from __future__ import annotations

import gzip
import json
import logging
from typing import Any

import pytest

from byteport.api import naming
from byteport.audit.chain import GENESIS
from byteport.audit.records import Removed, seal
from byteport.audit.words import Event, Removal
from byteport.domain.canonical import canonical_bytes
from tests.builders.chained import Log, body
from tests.integration.api.world import ACME_UID, RECORDS, World

pytestmark = pytest.mark.ledger
STORES = ("sqlite", "postgres")

NOTHING = {"seq": 0, "hash": GENESIS}


async def head_of(world: World, cluster_uid: str = ACME_UID) -> dict[str, Any]:
    answer = await world.agent().get(f"/v1/chains/{cluster_uid}/head")
    return dict(answer.json["head"]) if answer.status == 200 else NOTHING


def changed(line: bytes, **fields: Any) -> bytes:
    return canonical_bytes(json.loads(line) | fields)


async def test_what_chains_is_kept_and_a_repeat_is_a_duplicate(world: World) -> None:
    log = world.logs["acme"].append(5)
    first = await world.agent().hand_in(log.lines(1, 3))
    assert first.status == 200, first.text
    assert first.json == {"new": 3, "duplicate": 0, "checkpoints": 0, "head": {"seq": 3, "hash": log.entries[2].hash}}
    again = await world.agent().hand_in(log.lines(2, 5), log.checkpoint(5))
    assert again.json == {"new": 2, "duplicate": 2, "checkpoints": 1, "head": {"seq": 5, "hash": log.hash}}
    assert (await world.agent().hand_in(log.lines(), log.checkpoint(5))).json == {
        "new": 0,
        "duplicate": 5,
        "checkpoints": 0,
        "head": {"seq": 5, "hash": log.hash},
    }


async def test_lines_compressed_or_as_an_array_are_the_same(world: World) -> None:
    log = world.logs["acme"].append(4)
    agent = world.agent()
    packed = await agent.send(
        "POST",
        RECORDS,
        data=gzip.compress(body(log.lines(1, 2))),
        headers={"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"},
    )
    assert packed.json["new"] == 2
    array = await agent.send(
        "POST",
        RECORDS,
        data=b"[" + b",\n".join(log.lines(1, 4)) + b"]",
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert (array.json["new"], array.json["duplicate"]) == (2, 2)


@pytest.mark.claim("C-363")
async def test_a_rewritten_history_stops_here_and_its_operator_is_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    log = world.logs["acme"].append(5)
    await world.agent().hand_in(log.lines())
    rewritten = Log("acme", ACME_UID, salt="rewritten").append(7)
    with caplog.at_level(logging.ERROR):
        answer = await world.agent().hand_in(rewritten.lines())
    assert (answer.status, answer.code, answer.json["line"]) == (409, "fork", 1)
    assert answer.json["head"] == {"seq": 5, "hash": log.hash}
    assert any("ledger_fork" in record.getMessage() for record in caplog.records)
    beyond = await world.agent().hand_in(rewritten.lines(6, 7))
    assert (beyond.code, beyond.json["field"]) == ("fork", "prev_hash")
    assert await head_of(world) == {"seq": 5, "hash": log.hash}


@pytest.mark.claim("C-363")
async def test_a_gap_is_refused_with_the_head_from_which_to_go_on(world: World) -> None:
    log = world.logs["acme"].append(5)
    await world.agent().hand_in(log.lines(1, 2))
    answer = await world.agent().hand_in(log.lines(4, 5))
    assert (answer.status, answer.code, answer.json["line"], answer.json["field"]) == (409, "gap", 1, "seq")
    assert answer.json["head"] == {"seq": 2, "hash": log.entries[1].hash}


async def test_nothing_of_a_request_is_kept_when_its_last_line_is_refused(world: World) -> None:
    log = world.logs["acme"].append(3)
    answer = await world.agent().hand_in(log.lines(1, 2), changed(log.lines()[2], target="shop/Deployment/other"))
    assert (answer.status, answer.code, answer.json["line"], answer.json["field"]) == (422, "line_refused", 3, "target")
    assert await head_of(world) == NOTHING


@pytest.mark.claim("C-360")
@pytest.mark.parametrize(("of", "field"), [("other", "tenant"), ("acme-second", "cluster_uid")])
async def test_a_line_of_another_chain_than_the_credentials_is_refused_whole(world: World, of: str, field: str) -> None:
    mine, foreign = world.logs["acme"].append(1), world.logs[of].append(1)
    answer = await world.agent().hand_in(mine.lines(), foreign.lines())
    assert (answer.status, answer.code, answer.json["line"], answer.json["field"]) == (422, "foreign_chain", 2, field)
    assert await head_of(world) == NOTHING


@pytest.mark.claim("C-376")
async def test_what_a_record_says_is_gone_is_still_here_when_it_has_been_taken_in(world: World) -> None:
    log = world.logs["acme"].append(4)
    await world.agent().hand_in(log.lines())
    log.erase(2, 2, Event.PRUNED).erase(3, 4)
    answer = await world.agent().hand_in(log.lines(5, 6))
    assert answer.json["new"] == 2, answer.text
    lines = [json.loads(line) for line in (await world.reader().get(f"/v1/chains/{ACME_UID}/export")).text.splitlines()]
    assert [line["sealed"]["payload"] is None for line in lines] == [False] * 6
    assert [line.get("removed") for line in lines] == [None] * 6


@pytest.mark.parametrize("event", [Event.ERASED, Event.PRUNED])
async def test_a_record_that_names_too_many_ranges_is_refused(
    world: World, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(naming, "MOST_RANGES", 2)
    log = world.logs["acme"].append(6)
    await world.agent().hand_in(log.lines())
    cause = Removal(event.value)
    log.append(event=event, removed=tuple(Removed(first=at, last=at, cause=cause) for at in (1, 3, 5)))
    answer = await world.agent().hand_in(log.lines(7))
    assert (answer.status, answer.json["field"]) == (422, "sealed.payload.removed")
    log.entries.pop()
    log.append(event=event, removed=tuple(Removed(first=at, last=at, cause=cause) for at in (1, 2, 3)))
    assert (await world.agent().hand_in(log.lines(7))).status == 200, "those that meet are one"


async def test_an_erasure_that_names_what_comes_later_or_tells_of_a_removal_is_refused_whole(world: World) -> None:
    log = world.logs["acme"].append(2)
    await world.agent().hand_in(log.lines())
    log.erase(1, 1)
    await world.agent().hand_in(log.lines(3, 3))
    for first, last in ((3, 3), (2, 4), (1, 9)):
        log.append(event=Event.ERASED, removed=(Removed(first=first, last=last, cause=Removal.ERASED),))
        answer = await world.agent().hand_in(log.lines(4, 4))
        assert (answer.status, answer.json["field"]) == (422, "sealed.payload.removed")
        log.entries.pop()
    assert (await head_of(world))["seq"] == 3


@pytest.mark.claim("C-364")
async def test_a_checkpoint_is_kept_only_with_the_enrolled_signature_and_over_the_records_here(world: World) -> None:
    log = world.logs["acme"].append(4)
    agent = world.agent()
    await agent.hand_in(log.lines(1, 3))
    ahead = await agent.hand_in(log.checkpoint(4))
    assert (ahead.status, ahead.code, ahead.json["head"]["seq"]) == (409, "checkpoint_ahead", 3)
    foreign = Log("acme", ACME_UID).append(3)
    unsigned = await agent.hand_in(foreign.checkpoint())
    assert (unsigned.status, unsigned.code) == (422, "checkpoint_refused")
    forked = Log("acme", ACME_UID, salt="forked").append(3)
    forked.key = log.key
    fork = await agent.hand_in(forked.checkpoint())
    assert (fork.status, fork.code, fork.json["line"]) == (409, "checkpoint_fork", 1)
    assert (await agent.hand_in(log.checkpoint(2), log.lines(4), log.checkpoint(4))).json["checkpoints"] == 2
    kept = (await world.reader().get(f"/v1/chains/{ACME_UID}/checkpoints")).json["checkpoints"]
    assert [one["size"] for one in kept] == [2, 4]
    assert (await agent.hand_in(forked.checkpoint(1))).code == "checkpoint_fork"


async def test_an_id_of_the_same_tenant_is_refused_and_one_of_another_tenant_is_no_matter(world: World) -> None:
    mine = world.logs["acme"].append(1)
    await world.agent().hand_in(mine.lines())
    record_id = json.loads(mine.lines()[0])["id"]
    for name, status in (("acme-second", 409), ("other", 200)):
        log = world.logs[name]
        log.entries.append(seal(log.header(1, id=record_id), log.payload(1), log.chance(32, 1)))
        assert (await world.agent(name).hand_in(log.lines())).status == status
