"""Syslog to the real rsyslog, by both of its TLS drivers: every field as it parsed it, and the log verified from what it kept."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from activities.export.syslog import Syslog
from activities.export.target import Shipped
from byteport.audit.records import PUBLIC_FIELDS
from byteport.audit.verify import verify_chain
from byteport.contracts.stream_receivers import SyslogConfig
from byteport.errors import NotPermitted, Unavailable
from tests.builders.exported import CHAIN, HOSTILE, NOTE, batch_of, entries, hostile_entries, read_back
from tests.house.tree import ROOT
from tests.integration.export import rsyslog
from tests.integration.export.authority import Authority
from tests.integration.export.rfc5424 import unescaped
from tests.integration.export.rsyslog import Rsyslog

pytestmark = pytest.mark.ledger

PAGE = ROOT / "docs" / "audit" / "export.md"
DRIVERS = ("gtls", "ossl")
SEVERITIES = {"acted": 5, "escalated": 4, "dry_run_planned": 6, "skipped": 6}


def server(authority: Authority, folder: Path, driver: str = "gtls", **more: Any) -> AbstractContextManager[Rsyslog]:
    certificate, key = authority.files("localhost")
    return rsyslog.running(folder, driver, authority.ca_file, certificate, key, **more)


def target(authority: Authority, one: Rsyslog, **settings: Any) -> Syslog:
    config = SyslogConfig.model_validate({"address": f"localhost:{one.port}", **settings})
    return Syslog(config, ca_file=authority.ca_file)


def parameters(message: dict[str, Any]) -> dict[str, str]:
    element = re.fullmatch(r"\[byteport@32473(.*)\]", message["structured-data"], re.DOTALL)
    assert element is not None
    found = re.findall(r' ([^= ]+)="((?:[^"\\\]]|\\.)*)"', element[1])
    return {name: unescaped(value.encode()).decode() for name, value in found}


def lines(messages: list[dict[str, Any]]) -> Iterator[bytes]:
    """The lines of the export that rsyslog kept, in its order: marks taken off, parts joined, each record once."""
    by_id: dict[str, dict[int, str]] = {}
    for message in messages:
        told = parameters(message)
        by_id.setdefault(told["id"], {})[int(told.get("part", 1))] = message["msg"].removeprefix("\ufeff")
    for parts in by_id.values():
        yield "".join(parts[number] for number in sorted(parts)).encode()


def as_the_page_tells(kept: Path) -> list[bytes]:
    """What the program on the page makes of a file of rsyslog's."""
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    command = [sys.executable, "-I", "-c", program]
    return subprocess.run(command, input=kept.read_bytes(), capture_output=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("driver", DRIVERS)
async def test_rsyslog_parses_every_field_as_it_was_meant_and_keeps_the_line(
    authority: Authority, tmp_path: Path, driver: str
) -> None:
    made = entries(8)
    with server(authority, tmp_path, driver) as one:
        assert await target(authority, one).ship(batch_of(made, checkpoint=NOTE)) == Shipped(8, checkpoint=True)
        *records, checkpoint = one.wait(9)
    for message, entry in zip(records, made, strict=True):
        record = json.loads(message["msg"].removeprefix("\ufeff"))
        assert int(message["pri"]) == 13 * 8 + SEVERITIES[record["decision"]]
        assert message["timereported"] == record["timestamp"]
        assert (message["hostname"], message["app-name"]) == (CHAIN.cluster_uid, "byteport-agent")
        assert (message["procid"], message["msgid"]) == (CHAIN.tenant, record["event"])
        told = {name: str(record[name]) for name in (*PUBLIC_FIELDS, "seq", "tenant") if record[name] is not None}
        assert parameters(message) == told
        assert int(told["seq"]) == entry.seq
    assert read_back(lines(records)) == made
    assert checkpoint["msgid"] == "checkpoint"
    assert json.loads(checkpoint["msg"].removeprefix("\ufeff")) == {"checkpoint": NOTE}


async def test_the_log_verifies_from_what_rsyslog_kept_read_as_the_page_tells(
    authority: Authority, tmp_path: Path
) -> None:
    made = [*hostile_entries(20)]
    with server(authority, tmp_path) as one:
        for _ in range(2):
            await target(authority, one).ship(batch_of(made))
        one.wait(40 * int(parameters(one.wait(1)[0])["parts"]))
    kept = read_back(as_the_page_tells(tmp_path / rsyslog.KEPT))
    assert kept == made
    assert verify_chain(kept, CHAIN).intact == "intact"


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.claim("C-153")
async def test_review_13_hostile_text_in_every_field_is_one_message_in_parts_that_rsyslog_takes_whole(
    authority: Authority, tmp_path: Path, driver: str
) -> None:
    made = hostile_entries(3)
    with server(authority, tmp_path, driver) as one:
        await target(authority, one).ship(batch_of([*made]))
        wanted = sum(int(parameters(one.wait(1)[0])["parts"]) for _ in made)
        messages = one.wait(wanted)
        assert "oversize" not in (tmp_path / "log").read_text()
    assert {message["hostname"] for message in messages} == {CHAIN.cluster_uid}
    assert all(parameters(message)["command"].isprintable() for message in messages)
    assert read_back(lines(messages)) == made
    assert json.loads(next(lines(messages)))["note"] == HOSTILE
    assert b"\x1b" not in one.written.read_bytes()


async def test_rsyslog_that_asks_for_a_certificate_takes_ours_and_no_other(
    authority: Authority, tmp_path: Path
) -> None:
    (ours, our_key), (others, others_key) = authority.files("agent"), authority.files("somebody")
    with server(authority, tmp_path, asks_for="agent") as one:
        mine = target(authority, one, client_certificate_file=ours, client_key_file=our_key)
        assert await mine.ship(batch_of(entries(2))) == Shipped(2)
        not_mine = target(authority, one, client_certificate_file=others, client_key_file=others_key)
        for unwelcome in (not_mine, target(authority, one)):
            with pytest.raises((NotPermitted, Unavailable)):
                await unwelcome.ship(batch_of(entries(2)))
        assert len(one.wait(2)) == 2


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.claim("C-154")
async def test_fault_23_rsyslog_killed_in_the_middle_of_a_batch_has_it_all_after_the_second_time(
    authority: Authority, tmp_path: Path, driver: str
) -> None:
    made = entries(3000)
    batch = batch_of(made)
    with server(authority, tmp_path, driver) as one:
        shipping = asyncio.create_task(target(authority, one).ship(batch))
        await asyncio.to_thread(one.kill_at_the_first_message)
        with pytest.raises(Unavailable):
            await shipping
        before = one.written.read_bytes()
        one.written.write_bytes(before[: before.rfind(b"\n") + 1])  # it was killed while it wrote
        kept = len(one.messages())
    assert 0 < kept < 3000
    with server(authority, tmp_path, driver) as again:
        assert await target(authority, again).ship(batch) == Shipped(3000)
        messages = again.wait(kept + 3000)
    assert read_back(lines(messages)) == made
