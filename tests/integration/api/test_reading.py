"""Taking out: pages that stay as they are while records come in, one record, chains, and a chain whole that verifies."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from byteport.api.paging import Place, cursor_of
from byteport.audit import independent
from byteport.audit.bundle import CheckpointLine, EntryLine, read
from byteport.audit.checkpoint import open_checkpoint
from byteport.audit.heads import Head
from byteport.audit.notes import parse_vkey
from byteport.audit.verify import Verdict, verify_chain
from byteport.audit.words import Event
from byteport.ledger.log import Filter
from tests.integration.api.world import ACME_SECOND_UID, ACME_UID, OTHER_UID, RECORDS, World

pytestmark = pytest.mark.ledger
STORES = ("sqlite", "postgres")
BIN = Path(sys.executable).parent


async def pages(world: World, query: str, tenant: str = "acme") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await world.reader(tenant).get(f"{RECORDS}?{query}{cursor}")
        assert answer.status == 200, answer.text
        found += answer.json["records"]
        if answer.json["next"] is None:
            return found
        cursor = f"&cursor={answer.json['next']}"


@pytest.mark.parametrize("order", ["", "&newest_first=true"])
async def test_pages_give_each_record_once_while_records_come_in(world: World, order: str) -> None:
    first, second = world.logs["acme"].append(7), world.logs["acme-second"].append(5)
    await world.agent().hand_in(first.lines())
    await world.agent("acme-second").hand_in(second.lines())
    query = f"limit=3{order}"
    answer = await world.reader().get(f"{RECORDS}?{query}")
    found = list(answer.json["records"])
    await world.agent().hand_in(first.append(2).lines(8, 9))
    while (cursor := answer.json["next"]) is not None:
        answer = await world.reader().get(f"{RECORDS}?{query}&cursor={cursor}")
        found += answer.json["records"]
    ids = [one["id"] for one in found]
    assert len(set(ids)) == len(ids)
    before = {json.loads(line)["id"] for line in (*first.lines(1, 7), *second.lines())}
    assert before <= set(ids)


async def test_filters_narrow_and_a_cursor_of_other_filters_is_refused(world: World) -> None:
    log = world.logs["acme"].append(6).append(event=Event.ESCALATED)
    await world.agent().hand_in(log.lines())
    assert len(await pages(world, "incident_id=inc-1")) == 3
    assert [one["seq"] for one in await pages(world, "event=escalated")] == [7]
    assert [one["seq"] for one in await pages(world, "incident_id=inc-1&newest_first=true&limit=2")] == [7, 4, 1]
    assert await pages(world, f"cluster_uid={ACME_UID}&target=shop/Deployment/other") == []
    cursor = (await world.reader().get(f"{RECORDS}?limit=2")).json["next"]
    other = await world.reader().get(f"{RECORDS}?limit=2&event=finished&cursor={cursor}")
    assert (other.status, other.code, other.json["field"]) == (422, "parameter_refused", "cursor")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("event=nothing", "event"),
        ("since=yesterday", "since"),
        ("since=2026-03-10T09:00:00", "since"),
        ("cluster_uid=x", "cluster_uid"),
        ("cursor=!", "cursor"),
        ("cursor=bnVsbA", "cursor"),
        ("since=9999-12-31T23:59:59-10:00", "since"),
        ("until=0001-01-01T00:00:00%2B10:00", "until"),
        ("target=%00", "target"),
    ],
)
async def test_a_parameter_that_cannot_be_is_named(world: World, query: str, field: str) -> None:
    answer = await world.reader().get(f"{RECORDS}?{query}")
    assert (answer.status, answer.code, answer.json["field"]) == (422, "parameter_refused", field)


async def test_a_cursor_that_somebody_made_up_names_no_place(world: World) -> None:
    wanted = Filter(newest_first=False).model_dump(mode="json")
    for uid in ("", "\x00", "\ud800", "x' OR 1=1"):
        cursor = cursor_of(Place(uid, 1), ["acme", None, wanted])
        answer = await world.reader().get(f"{RECORDS}?cursor={cursor}")
        assert (answer.status, answer.json["field"], "unchanged" in answer.json["detail"]) == (422, "cursor", True)
    whole = cursor_of(Place(ACME_UID, 1), ["acme", None, wanted])
    assert (await world.reader().get(f"{RECORDS}?cursor={whole}")).status == 200


async def test_a_parameter_that_nobody_knows_is_refused(world: World) -> None:
    assert (await world.reader().get(f"{RECORDS}?tenant=other")).code == "parameter_refused"


async def test_one_record_by_either_spelling_of_its_id_with_exactly_the_published_fields(world: World) -> None:
    log = world.logs["acme"].append(2)
    await world.agent().hand_in(log.lines())
    line = json.loads(log.lines()[1])
    found = await world.reader().get(f"{RECORDS}/{line['id']}")
    assert found.json == {key: value for key, value in line.items() if key != "sealed"}
    digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    value = UUID(line["id"]).int
    ulid = "".join(digits[value >> shift & 31] for shift in range(125, -1, -5))
    assert (await world.reader().get(f"{RECORDS}/{ulid}")).json == found.json
    assert (await world.reader().get(f"{RECORDS}/nonsense")).code == "parameter_refused"


@pytest.mark.claim("C-360")
async def test_what_is_another_tenants_is_answered_as_what_is_not_there(world: World) -> None:
    log = world.logs["acme"].append(2)
    await world.agent().hand_in(log.lines(), log.checkpoint())
    record_id = json.loads(log.lines()[0])["id"]
    other = world.reader("other")
    for path in (f"{RECORDS}/{{}}", "/v1/chains/{}/head", "/v1/chains/{}/checkpoints", "/v1/chains/{}/export"):
        is_record = path.startswith(RECORDS)
        theirs = await other.get(path.format(record_id if is_record else ACME_UID))
        nobodys = await other.get(path.format("018f0000-0000-7000-8000-000000000000" if is_record else OTHER_UID))
        assert theirs.status == nobodys.status == 404
        assert theirs.text == nobodys.text
    assert (await other.get(RECORDS)).json == {"records": [], "next": None}
    assert (await other.get("/v1/chains")).json == {"chains": []}


async def test_a_reader_of_one_cluster_sees_no_other_of_its_tenant(world: World) -> None:
    for name in ("acme", "acme-second"):
        await world.agent(name).hand_in(world.logs[name].append(1).lines())
    one = world.authority.client("one", "spiffe://acme.example/one")
    world.write_enrolment(
        {
            "name": "one",
            "role": "reader",
            "tenant": "acme",
            "cluster_uid": ACME_UID,
            "certificate": {"spiffe": "spiffe://acme.example/one"},
        }
    )
    reader = world.by_certificate(one)
    assert [chain["cluster_uid"] for chain in (await reader.get("/v1/chains")).json["chains"]] == [ACME_UID]
    assert {record["cluster_uid"] for record in (await reader.get(RECORDS)).json["records"]} == {ACME_UID}
    assert (await reader.get(f"{RECORDS}?cluster_uid={ACME_SECOND_UID}")).status == 404
    hidden = json.loads(world.logs["acme-second"].lines()[0])["id"]
    assert (await reader.get(f"{RECORDS}/{hidden}")).status == 404


async def test_a_downloaded_chain_is_the_lines_that_were_handed_in_and_verifies(world: World, tmp_path: Path) -> None:
    log = world.logs["acme"].append(1203)
    await world.agent().hand_in(log.lines(1, 700), log.checkpoint(650))
    await world.agent().hand_in(log.lines(701, 1203), log.checkpoint(1203))
    answer = await world.reader().get(f"/v1/chains/{ACME_UID}/export")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="byteport-acme-{ACME_UID}-1203.ndjson"'
    assert answer.text.splitlines() == [*log.lines(), log.checkpoint(1203)]
    lines = list(read(answer.text.splitlines(keepends=True)))
    entries = [line.entry for line in lines if isinstance(line, EntryLine)]
    (note,) = [line.note for line in lines if isinstance(line, CheckpointLine)]
    assert open_checkpoint(note, [parse_vkey(log.vkey)]).checkpoint.size == len(entries)
    report = verify_chain(entries, log.chain, head=Head(seq=1203, hash=log.hash))
    assert report.intact is Verdict.INTACT


async def test_a_download_with_bodies_pruned_and_erased_is_complete_to_both_verifiers_and_a_changed_one_to_neither(
    world: World, tmp_path: Path
) -> None:
    log = world.logs["acme"].append(8)
    await world.agent().hand_in(log.lines(1, 7))
    log.erase(1, 2, Event.PRUNED).erase(4, 5)
    lines = log.lines(8)
    assert (await world.agent().hand_in(lines, log.checkpoint())).status == 200
    export = tmp_path / "export.ndjson"
    text = (await world.reader().get(f"/v1/chains/{ACME_UID}/export")).text
    for changed, code in ((text, 0), (text.replace(b"web-7", b"web-9"), 1)):
        export.write_bytes(changed)
        for verifier in ([str(BIN / "byteport"), "verify-log", "--file"], [sys.executable, independent.__file__]):
            command = [*verifier, str(export), "--key", log.vkey]
            done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
            assert done.returncode == code, done.stdout + done.stderr
