"""Attacks on the third verdict that once passed, as kinds: each must be found by its code, and honest neighbours not."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.audit.matched import Matching
from byteport.audit.outcomes import end_key, intent_key
from byteport.audit.records import Entry, read_header, read_payload, seal
from byteport.audit.words import Decision, Event, Result
from tests.unit.audit.seen import (
    DELETE,
    JSON,
    PRUNE,
    RAISE,
    ROLL_BACK,
    Told,
    action,
    causes,
    event,
    lines,
    matched,
    quiet,
    write,
)

CURL: JSON = {"userAgent": "curl/8.5.0"}
GUARD = {"apiGroup": "rbac.authorization.k8s.io", "resource": "clusterroles", "name": "guard", "namespace": ""}


def beside(*events: JSON, told: Told | None = None) -> Matching:
    """An act with its write at 60 s, `told`'s further records, and these events."""
    first = told or Told()
    if told is None:
        first.act(1, DELETE, 60)
    return matched(first, lines(write(1, DELETE, 62), events, quiet()))


def second(command: str = DELETE, outcome: str = "done", **other: Any) -> Told:
    told = Told()
    told.act(1, DELETE, 60)
    told.act(2, command, 120, outcome=outcome, **other)
    told.beside(500)
    return told


# -- called done, and refused ------------------------------------------------------------------------------------------


@pytest.mark.claim("C-093")
@pytest.mark.parametrize("code", [301, 403, 404, 409, 422, 429])
@pytest.mark.parametrize("command", [DELETE, ROLL_BACK, RAISE, PRUNE])
def test_an_act_that_is_called_done_and_was_refused_is_named(command: str, code: int) -> None:
    found = beside(write(2, command, 122, code=code), told=second(command))
    assert (found.verdict.value, causes(found), found.matched) == ("unmatched", ["write_missing"], 1)


@pytest.mark.parametrize("outcome", ["not_done", "unknown"])
def test_an_act_that_was_refused_and_is_not_called_done_is_matched(outcome: str) -> None:
    found = beside(write(2, DELETE, 122, code=403), told=second(outcome=outcome))
    assert (found.verdict.value, found.findings, found.matched) == ("matched", (), 2)


# -- commands that are none --------------------------------------------------------------------------------------------

STRANGE = [
    "kubectl delete pod  web-1 -n shop",
    "kubectl delete pod web-1 -n shop ",
    "kubectl delete pod web-1 --namespace shop",
    "kubectl delete pod [REDACTED] -n shop -n bank",
    'kubectl patch hpa web -n shop --type merge -p \'{"spec":{"maxReplicas":4}}\'',
    "kubectl scale deployment web -n shop --replicas=0",
    "",
    None,
]


@pytest.mark.claim("C-094")
@pytest.mark.parametrize("command", STRANGE)
def test_a_body_that_is_there_and_says_no_command_of_ours_matches_no_write(command: str | None) -> None:
    for about in (GUARD, {"resource": "pods", "name": "web-1", "namespace": "shop"}):
        told = Told()
        told.act(1, DELETE, 60)
        told.append(Event.STARTED, intent_key(action(2)), 2, 120, command=command)
        told.end(2, 130, "done")
        found = beside(write(2, DELETE, 122, objectRef=about), told=told)
        assert (found.verdict.value, causes(found)) == ("unmatched", ["other_object", "unknown_command"])
        assert found.objects_unknown == 0
        assert causes(beside(told=told))[-1] == "unknown_command"


def test_a_body_that_cannot_be_read_matches_no_write() -> None:
    told = second()
    torn = told.entries[2]
    told.entries[2] = Entry(torn.seq, torn.header, b"{}", torn.salt, torn.hash)
    assert "unknown_command" in causes(beside(write(2, DELETE, 122), told=told))


@pytest.mark.claim("C-094")
def test_where_a_body_is_gone_the_write_is_still_one_that_an_act_of_ours_has() -> None:
    told = second()
    told.entries = [Entry(one.seq, one.header, None, None, one.hash) for one in told.entries]
    assert beside(write(2, RAISE, 122), told=told).verdict.value == "matched"
    for other in ({"objectRef": GUARD}, {"verb": "create"}, {"verb": "deletecollection"}):
        assert causes(beside(write(2, DELETE, 122, **other), told=told)) == ["other_object"]
    sh = "/x/exec?container=helper&command=sh"
    assert causes(beside(write(2, PRUNE, 122, requestURI=sh), told=told)) == ["other_object"]


def test_a_name_that_the_record_masks_is_compared_as_it_would_be_masked() -> None:
    told = second("kubectl delete pod [REDACTED] -n shop")
    for name, found_as in (("sk-frontend-service-7d9f8b6c5-x2x4z", []), ("web-1", ["other_object"])):
        about = {"resource": "pods", "namespace": "shop", "name": name}
        assert causes(beside(write(2, DELETE, 122, objectRef=about), told=told)) == found_as


# -- records whose words are not those of their key ---------------------------------------------------------------------


@pytest.mark.claim("C-093")
@pytest.mark.parametrize(
    ("event_", "decision", "result"),
    [
        (Event.SKIPPED, Decision.SKIPPED, None),
        (Event.PLANNED, Decision.DRY_RUN_PLANNED, None),
        (Event.STARTED, Decision.SKIPPED, None),
        (Event.FINISHED, Decision.ACTED, None),
        (Event.STARTED, Decision.ACTED, Result.FAILURE),
    ],
)
def test_an_intent_that_says_something_else_is_named(event_: Event, decision: Decision, result: Result | None) -> None:
    told = Told()
    told.act(1, DELETE, 60)
    told.append(event_, intent_key(action(2)), 2, 120, command=DELETE, decision=decision, result=result)
    told.end(2, 130, "done")
    assert causes(beside(write(2, DELETE, 122), told=told)) == ["odd_record"]


@pytest.mark.claim("C-093")
@pytest.mark.parametrize(
    ("event_", "decision", "outcome", "result"),
    [
        (Event.SKIPPED, Decision.SKIPPED, "done", Result.FAILURE),
        (Event.FINISHED, Decision.ACTED, "done", Result.FAILURE),
        (Event.FINISHED, Decision.SKIPPED, "done", None),
        (Event.FINISHED, Decision.ACTED, "not_done", Result.SUCCESS),
        (Event.FINISHED, Decision.ACTED, "unknown", Result.SUCCESS),
        (Event.REVERTED, Decision.ACTED, "not_done", Result.FAILURE),
    ],
)
def test_an_end_that_says_something_else_is_named(
    event_: Event, decision: Decision, outcome: str, result: Result
) -> None:
    told = Told()
    told.act(1, DELETE, 60)
    told.act(2, DELETE, 120, outcome=None)
    key = end_key(action(2), outcome, verified=None)
    told.append(event_, key, 2, 130, command=DELETE, decision=decision, result=result)
    events = [write(2, DELETE, 122)] if outcome == "done" else []
    assert causes(beside(*events, told=told)) == ["odd_record"]


@pytest.mark.claim("C-093")
@pytest.mark.parametrize("number", [2, None])
@pytest.mark.parametrize("event_", [Event.STARTED, Event.FINISHED])
def test_a_record_that_says_that_something_was_done_and_is_no_acts_is_named(event_: Event, number: int | None) -> None:
    told = Told()
    told.act(1, DELETE, 60)
    told.append(event_, "a key of nobody", number, 120, command=DELETE, result=Result.SUCCESS)
    assert causes(beside(told=told)) == ["odd_record"]


def test_the_ends_that_the_agent_writes_are_not_odd() -> None:
    kinds = [
        (Event.FINISHED, Decision.ACTED, "done", True, Result.SUCCESS),
        (Event.FINISHED, Decision.ACTED, "done", False, Result.FAILURE),
        (Event.REVERTED, Decision.ACTED, "done", None, Result.SUCCESS),
        (Event.FINISHED, Decision.ESCALATED, "done", None, Result.FAILURE),
    ]
    for event_, decision, outcome, verified, result in kinds:
        told = Told()
        told.act(1, DELETE, 60, outcome=None)
        key = end_key(action(1), outcome, verified=verified)
        told.append(event_, key, 1, 70, command=DELETE, decision=decision, result=result)
        assert causes(beside(told=told)) == []


@pytest.mark.claim("C-093")
def test_ends_that_contradict_each_other_are_named_and_what_becomes_known_later_is_not() -> None:
    for ends, found_as in (
        (("done", "not_done"), ["contradicting_ends"]),
        (("not_done", "done"), ["contradicting_ends", "write_missing"]),
        (("not_done", "unknown"), ["contradicting_ends"]),
        (("unknown", "not_done"), []),
    ):
        told = Told()
        told.act(1, DELETE, 60)
        told.act(2, DELETE, 120, outcome=ends[0])
        told.end(2, 140, ends[1])
        assert causes(beside(told=told)) == found_as, ends


def test_an_end_that_stands_before_its_intent_is_named_in_a_part_of_a_log_too() -> None:
    told = Told(first_seq=7)
    told.end(1, 50, "done")
    told.act(1, DELETE, 60)
    assert "end_without_intent" in causes(beside(told=told))


@pytest.mark.parametrize("year", ["0001", "0002", "9999"])
def test_a_record_of_an_impossible_year_is_named(year: str) -> None:
    told = second()
    head = read_header(told.entries[2].header)
    odd = head.model_copy(update={"timestamp": f"{year}{head.timestamp[4:]}"})
    body = read_payload(told.entries[2].payload or b"")
    told.entries[2] = seal(odd, body, told.entries[2].salt or b"")
    assert "odd_record" in causes(beside(write(2, DELETE, 122), told=told))


# -- what may have taken effect ----------------------------------------------------------------------------------------

PERHAPS: list[JSON] = [
    {"code": 500},
    {"code": 504},
    {"stage": "Panic", "code": 500},
    {"stage": "RequestReceived", "responseStatus": None},
]


@pytest.mark.claim("C-094")
@pytest.mark.parametrize("answer", PERHAPS)
def test_a_known_id_that_another_client_sends_is_named_though_no_answer_tells_of_an_effect(answer: JSON) -> None:
    found = beside(write(1, DELETE, 64, **answer, **CURL))
    assert (found.verdict.value, causes(found)) == ("unmatched", ["other_client", "perhaps_repeated"])
    found = beside(write(2, DELETE, 122, **answer, **CURL), told=second())
    assert (causes(found), found.matched) == (["other_client"], 1)
    late = beside(write(1, DELETE, 400, **answer))
    assert causes(late) == ["after_end", "perhaps_repeated"]


@pytest.mark.parametrize("answer", PERHAPS)
def test_a_second_write_that_may_have_taken_effect_keeps_it_from_being_matched(answer: JSON) -> None:
    found = beside(write(1, DELETE, 61, **answer))
    assert (found.verdict.value, causes(found), found.matched) == ("partly", ["perhaps_repeated"], 0)


@pytest.mark.parametrize("answer", PERHAPS)
def test_the_agents_own_write_without_an_answer_is_the_acts(answer: JSON) -> None:
    assert beside(write(2, DELETE, 122, **answer), told=second()).verdict.value == "matched"
    found = beside(write(2, DELETE, 122, **answer), told=second(outcome="not_done"))
    assert (found.verdict.value, causes(found), found.matched) == ("partly", ["perhaps_done"], 1)


def test_a_command_that_was_sent_and_is_called_not_done_cannot_be_told() -> None:
    found = beside(write(2, PRUNE, 122), told=second(PRUNE, outcome="not_done"))
    assert (found.verdict.value, causes(found), found.matched) == ("partly", ["command_sent"], 1)


# -- answers that are not the API server's ------------------------------------------------------------------------------

THROUGH: list[JSON] = [
    {"verb": verb, "objectRef": {"resource": kind, "subresource": "proxy", "name": "x", "namespace": "shop"}}
    for verb, kind in (("create", "pods"), ("get", "services"), ("create", "nodes"), ("options", "pods"))
]
PARTLY_DONE: list[JSON] = [
    {"verb": "deletecollection", "objectRef": {"resource": "secrets", "namespace": "shop"}},
    {"verb": "create", "objectRef": {"resource": "widgets", "apiGroup": "example.com", "namespace": "shop"}},
    {"verb": "post", "objectRef": None, "requestURI": "/apis/example.com/v1"},
]


@pytest.mark.claim("C-095")
@pytest.mark.parametrize("code", [302, 400, 403, 404])
@pytest.mark.parametrize("asked", [*THROUGH, *PARTLY_DONE])
def test_a_refusal_that_is_not_the_api_servers_own_does_not_tell_that_nothing_was_done(asked: JSON, code: int) -> None:
    answered = event(200, **asked, **CURL, responseStatus={"code": code})
    found = beside(answered)
    assert (found.verdict.value, causes(found)) == ("unmatched", ["after_the_records"])
    forbidden = {**answered, "annotations": {"authorization.k8s.io/decision": "forbid"}}
    found = beside(forbidden)
    assert (found.verdict.value, [one.remark.value for one in found.notices]) == ("matched", ["refused_attempt"])
    allowed = {**answered, "annotations": {"authorization.k8s.io/decision": "allow"}}
    assert beside(allowed).verdict.value == "unmatched"


# -- what a query hides ------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-095")
@pytest.mark.parametrize(
    "query",
    [
        "command=du&command=-sh&command=/var/log&x=#&command=/etc&command=--files0-from=/etc/shadow",
        "command=df&command=-h#&command=/etc",
        "command=df&command=-h&" + "x=1&" * 2000 + "command=/etc",
    ],
)
def test_words_behind_a_fragment_or_very_many_others_are_words_of_the_command(query: str) -> None:
    about = {"resource": "pods", "subresource": "exec", "name": "helper-1", "namespace": "byteport-node"}
    uri = f"/x/exec?container=helper&{query}"
    look = event(65, verb="create", objectRef=about, requestURI=uri, responseStatus={"code": 101})
    assert causes(beside(look)) == ["unrecorded_write"]
    prune = f"/x/exec?container=helper&command=crictl&command=rmi&command=--prune&x=#&{query}"
    told = second(PRUNE)
    assert causes(beside(write(2, PRUNE, 122, requestURI=prune), told=told)) == ["other_object"]


# -- gaps, and sizes ---------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-096")
def test_a_rotated_file_of_nine_minutes_that_is_missing_is_a_gap_and_an_act_within_it_is_not_matched() -> None:
    told = Told()
    told.act(1, DELETE, 60)
    told.act(2, DELETE, 300)
    told.act(3, DELETE, 400, outcome="not_done")
    before = lines(write(1, DELETE, 62), quiet(120))
    after = lines([event(float(at), user={"username": "admin"}) for at in range(660, 3000, 60)])
    found = matched(told, before, after)
    assert (found.verdict.value, causes(found), found.gap_count) == ("partly", ["in_a_gap"], 1)
    assert [(one.seq, one.because.value) for one in found.not_covered] == [(5, "in_a_gap")]


@pytest.mark.parametrize(
    "at", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "9000-01-02T00:00:00Z"]
)
@pytest.mark.parametrize("field", ["requestReceivedTimestamp", "stageTimestamp"])
def test_an_event_of_an_impossible_year_is_a_line_that_tells_nothing(at: str, field: str) -> None:
    found = beside(event(65, verb="delete", **{field: at}))
    assert (found.verdict.value, causes(found)) == ("partly", ["other_format"])


def test_of_very_many_lines_that_tell_nothing_some_are_named_and_all_are_counted() -> None:
    told = Told()
    told.act(1, DELETE, 60)
    found = matched(told, [*lines(write(1, DELETE, 62), quiet()), *[b"{\n"] * 5000])
    assert (found.verdict.value, len(found.findings)) == ("partly", 1000)
    assert [(one.cause.value, one.count) for one in found.counts] == [("bad_json", 5000)]


def test_of_very_many_writes_some_are_looked_at_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("byteport.audit.requests.MOST_KEPT", 50)
    found = beside(*[event(70 + number / 100, verb="delete", responseStatus={"code": 403}) for number in range(120)])
    assert (found.verdict.value, causes(found), found.matched) == ("partly", ["too_many"], 1)
    assert "71 more lines" in found.findings[0].says


def test_what_is_asked_by_design_is_not_kept_however_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("byteport.audit.requests.MOST_KEPT", 5)
    about = {"resource": "pods", "subresource": "exec", "name": "helper-1", "namespace": "byteport-node"}
    uri, code = "/x/exec?container=helper&command=df&command=-h", {"code": 101}
    looks = [event(70 + n / 10, verb="get", objectRef=about, requestURI=uri, responseStatus=code) for n in range(50)]
    asked = {"resource": "selfsubjectaccessreviews", "apiGroup": "authorization.k8s.io"}
    questions = [event(70 + n / 10, verb="create", objectRef=asked) for n in range(50)]
    assert beside(*looks, *questions).verdict.value == "matched"


def test_of_very_many_findings_each_cause_is_counted() -> None:
    told = Told()
    told.act(1, DELETE, 60)
    found = beside(*[write(number, DELETE, 76 + number / 100) for number in range(10, 1510)], told=told)
    assert len(found.findings) == 1000
    assert [(one.cause.value, one.count) for one in found.counts] == [("after_the_records", 1500)]
