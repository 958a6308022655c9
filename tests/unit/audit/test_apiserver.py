"""The API server's audit log, line by line: what is an event, and what each other line is called."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.audit.apiserver import BadLine, Event, read
from byteport.audit.requests import Effect, Requests
from byteport.boundary.by_design import rules
from byteport.boundary.names import AGENT
from tests.unit.audit.seen import DELETE, JSON, Told, causes, event, lines, matched, quiet, write

GOOD = json.dumps(event(0)).encode() + b"\n"


def only(line: bytes) -> Event | BadLine:
    (found,) = read([line], "audit.log")
    return found


@pytest.mark.parametrize(
    ("line", "flaw", "says"),
    [
        (b"{not json}\n", "bad_json", "no JSON"),
        (b"\x00\x00\x00\n", "bad_json", "no JSON"),
        (b"\xff\xfe{}\n", "bad_json", "no JSON"),
        (b"[" * 100_000 + b"\n", "bad_json", "no JSON"),
        (GOOD[:-20], "truncated", "in the middle"),
        (b'2026-03-10T09:00:00Z AUDIT: id="0" stage="RequestReceived"\n', "other_format", "legacy"),
        (b"[]\n", "other_format", "no JSON object"),
        (b"7\n", "other_format", "no JSON object"),
        (b'{"kind":"EventList","items":[]}\n', "other_format", "no event"),
        (json.dumps(event(0, apiVersion="audit.k8s.io/v1beta1")).encode() + b"\n", "other_format", "no event"),
        (json.dumps(event(0, user="us")).encode() + b"\n", "other_format", "user"),
        (json.dumps(event(0, verb=7)).encode() + b"\n", "other_format", "verb"),
        (json.dumps(event(0, stageTimestamp="today")).encode() + b"\n", "other_format", "stageTimestamp"),
        (json.dumps(event(0, stageTimestamp="2026-03-10T09:00:00")).encode() + b"\n", "other_format", "zone"),
        (json.dumps(event(0, responseStatus={"code": "200"})).encode() + b"\n", "other_format", "code"),
    ],
)
def test_a_line_that_is_no_event_is_named_with_its_place_and_cause(line: bytes, flaw: str, says: str) -> None:
    found = list(read([GOOD, line], "audit.log"))[-1]
    assert isinstance(found, BadLine)
    assert (found.flaw.value, str(found.at)) == (flaw, "audit.log:2")
    assert says in found.says


def test_a_line_that_cannot_be_read_keeps_the_verdict_from_being_matched() -> None:
    told = Told()
    told.act(1, DELETE, 60)
    file = lines(write(1, DELETE, 62), quiet())
    for spoilt, cause in ((b"{}\n", "other_format"), (b"{\n", "bad_json")):
        found = matched(told, [*file, spoilt])
        assert (found.verdict.value, causes(found), str(found.findings[0].at)) == (
            "partly",
            [cause],
            f"audit.log:{len(file) + 1}",
        )
    assert causes(matched(told, [*file, file[-1][:-9]])) == ["truncated"]


def test_empty_lines_are_nothing_and_a_last_line_without_its_end_is_read() -> None:
    assert [type(one) for one in read([b"\n", GOOD, b"  \n", GOOD.rstrip()], "audit.log")] == [Event, Event]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(event(0))), JUNK)
def test_no_value_of_any_field_raises(field: str, junk: Any) -> None:
    line = json.dumps(event(0, **{field: junk})).encode() + b"\n"
    assert isinstance(only(line), Event | BadLine)


@given(st.binary(max_size=200))
def test_no_bytes_raise(line: bytes) -> None:
    for found in read([line], "audit.log"):
        assert isinstance(found, Event | BadLine)


def kept(*events: JSON) -> Requests:
    requests = Requests(AGENT, {"an-id"}, rules().idle)
    requests.take(read(lines(*events), "audit.log"))
    return requests


def test_only_what_may_concern_our_account_is_kept() -> None:
    others = event(1, user={"username": "admin"}, verb="delete")
    theirs = event(2, user={"username": "admin"}, auditID="an-id")
    mine = event(3, verb="delete")
    requests = kept(event(0), others, theirs, mine)
    assert [one.event.received.second for one in requests.all()] == [2, 3]
    assert (requests.lines, requests.of_account) == (4, 2)


def test_a_request_is_what_all_of_its_stages_say() -> None:
    stages = [
        event(1, verb="delete", stage="RequestReceived", responseStatus=None),
        event(1, verb="delete", stage="ResponseStarted", responseStatus={"code": 200}),
        event(1, verb="delete", stage="Panic", responseStatus={"code": 500}),
    ]
    assert [one.effect for one in kept(stages[0]).all()] == [Effect.UNKNOWN]
    (whole,) = kept(*stages).all()
    assert (whole.effect, whole.times) == (Effect.DONE, 1)
    assert [one.effect for one in kept(stages[2]).all()] == [Effect.UNKNOWN]


def test_the_log_speaks_for_its_stretches_and_rotated_files_join_where_they_meet() -> None:
    requests = Requests(AGENT, set(), rules().idle)
    requests.take(read(lines(event(0), event(300)), "audit-1.log"))
    requests.take(read(lines(event(400), event(500)), "audit.log"))
    assert len(requests.heard.spans()) == 1
    requests.take(read(lines(event(5000), event(9000)), "audit-0.log"))
    assert [round((span.last - span.first).total_seconds()) for span in requests.heard.spans()] == [500, 0, 0]
