"""A record as messages of RFC 5424, read back by a strict reader of its grammar."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from activities.export.syslog_message import messages
from activities.export.target import Batch
from byteport.audit.records import PUBLIC_FIELDS
from byteport.contracts.stream_receivers import SyslogConfig
from tests.builders.exported import CHAIN, HOSTILE, NOTE, batch_of, entries, hostile_entries, read_back
from tests.integration.export.rfc5424 import BOM, Message, parse

CONFIG = SyslogConfig(address="syslog.example:6514")
ELEMENT = "byteport@32473"


def parsed(batch: Batch, config: SyslogConfig = CONFIG) -> list[Message]:
    return [parse(message) for _, message in messages(batch, config)]


def test_what_a_collector_sorts_by_stands_in_front_and_the_line_of_the_export_behind() -> None:
    made = entries(4)
    found = parsed(batch_of(made))
    assert read_back(message.text.encode() for message in found) == made
    first = found[0]
    assert (first.facility, first.time, first.host) == (13, "2026-03-10T09:00:00.000Z", CHAIN.cluster_uid)
    assert (first.app, first.process, first.kind) == ("byteport-agent", "acme", "approved")
    assert first.elements[ELEMENT] == {
        name: str(value)
        for name, value in json.loads(first.text).items()
        if name in (*PUBLIC_FIELDS, "seq", "tenant") and value is not None
    }


@pytest.mark.parametrize(
    ("decision", "severity"), [("acted", 5), ("escalated", 4), ("dry_run_planned", 6), ("skipped", 6)]
)
def test_the_severity_follows_from_the_decision(decision: str, severity: int) -> None:
    found = {message.elements[ELEMENT]["decision"]: message.severity for message in parsed(batch_of(entries(4)))}
    assert found[decision] == severity


def test_a_text_beyond_ascii_has_its_mark_and_another_has_none() -> None:
    (marked,) = parsed(batch_of(entries(1)))
    (plain,) = parsed(batch_of(entries(1, texts={"note": "plain"})))
    assert (marked.marked, plain.marked) == (True, False)


def test_the_same_record_is_the_same_message_again() -> None:
    batch = batch_of(hostile_entries(3), checkpoint=NOTE)
    assert [*messages(batch, CONFIG)] == [*messages(batch, CONFIG)]


def test_a_checkpoint_is_a_message_of_its_own_kind() -> None:
    *_, last = parsed(batch_of(entries(1), checkpoint=NOTE))
    assert last.kind == "checkpoint"
    assert json.loads(last.text) == {"checkpoint": NOTE}


@pytest.mark.parametrize("largest", [2048, 4096, 8096])
def test_a_longer_record_goes_in_parts_that_join_to_its_line(largest: int) -> None:
    made = hostile_entries(1)
    config = CONFIG.model_copy(update={"largest_message": largest})
    raw = [message for _, message in messages(batch_of(made), config)]
    found = [parse(message).elements[ELEMENT] for message in raw]
    assert max(map(len, raw)) <= largest
    assert len(raw) > 1
    assert [(one["part"], one["parts"]) for one in found] == [(str(n), str(len(raw))) for n in range(1, len(raw) + 1)]
    assert len({one["id"] for one in found}) == 1
    assert read_back(["".join(parse(message).text for message in raw).encode()]) == made


def test_review_13_hostile_text_in_every_field_ends_no_message_and_begins_none() -> None:
    made = hostile_entries(2)
    config = CONFIG.model_copy(update={"largest_message": 65536})
    raw = [message for _, message in messages(batch_of(made), config)]
    assert all(message.replace(BOM, b"", 1).decode().isprintable() for message in raw)
    assert len(raw) == 2
    (first, _) = map(parse, raw)
    assert list(first.elements) == [ELEMENT]
    assert first.elements[ELEMENT]["command"].startswith(r"web\r\n<13>1 - - evil - - - forged\x00\x1b[2J\x1b]0;owned")
    assert json.loads(first.text)["note"] == HOSTILE
    assert read_back(parse(message).text.encode() for message in raw) == made


@given(st.text(max_size=300), st.sampled_from([2048, 8096, 65536]))
def test_review_13_whatever_a_field_holds_the_grammar_holds_and_the_line_is_whole(text: str, largest: int) -> None:
    encodable = text.encode("utf-8", "replace").decode()
    made = entries(
        1, apart=timedelta(0), texts={"command": encodable, "cluster": encodable, "postmortem_url": encodable}
    )
    config = CONFIG.model_copy(update={"largest_message": largest})
    found = parsed(batch_of(made), config)
    assert read_back(["".join(message.text for message in found).encode()]) == made


@given(st.text(min_size=1, max_size=5), st.integers(min_value=1, max_value=300), st.sampled_from([2048, 2500, 8096]))
@example("\U000e0001", 200, 2048)
@example("🙂", 300, 2048)
@example('"', 300, 2048)
def test_what_is_never_left_out_has_room_too_whatever_a_hand_has_made_of_it(
    text: str, times: int, largest: int
) -> None:
    damaged = entries(1)[0]._replace(hash=text.encode("utf-8", "replace").decode() * times)
    config = CONFIG.model_copy(update={"largest_message": largest, "app_name": "a" * 48})
    raw = [message for _, message in messages(batch_of([damaged]), config)]
    assert max(map(len, raw)) <= largest
    assert json.loads("".join(parse(message).text for message in raw))["seq"] == 1


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b'{"decision":"acted\\r\\n","event":"x y","timestamp":"now","id":"a]b"}',
        b'{"decision":null,"event":null,"timestamp":"2026-03-10T09:00:00.000Z ","id":7}',
    ],
)
def test_a_damaged_record_is_a_message_too_and_an_error(line: bytes) -> None:
    (message,) = parsed(Batch(CHAIN, 1, 1, (line,)))
    assert (message.severity, message.time, message.kind) == (3, "-", "-")
    assert message.text.encode() == line
