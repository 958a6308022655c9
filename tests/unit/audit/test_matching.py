"""The third verdict: what pairs, what contradicts, and what cannot be told."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.audit.matched import Matching
from byteport.audit.records import Entry
from byteport.boundary.names import AGENT
from tests.unit.audit.seen import (
    DELETE,
    JSON,
    PRUNE,
    ROLL_BACK,
    Told,
    action,
    all_kinds,
    causes,
    event,
    lines,
    matched,
    quiet,
    write,
)

STOLEN = {"userAgent": "kubectl/v1.37", "user": {"username": AGENT}}


def one_act(*events: JSON, outcome: str | None = "done") -> Matching:
    """An act at 60 s, these events, and the reads of others all the while."""
    told = Told()
    told.act(1, DELETE, 60, outcome=outcome)
    told.beside(500)
    return matched(told, lines(events, quiet()))


@pytest.mark.claim("C-093")
def test_an_act_of_each_kind_with_its_write_is_matched() -> None:
    told, events = all_kinds()
    found = matched(told, lines(events))
    assert (found.verdict.value, found.acts, found.matched, found.findings) == ("matched", 4, 4, ())
    assert (found.since is not None, found.gaps, found.not_covered) == (True, (), ())


def test_two_stages_of_one_request_are_one_write() -> None:
    started = write(1, PRUNE, 62, stage="ResponseStarted")
    told = Told()
    told.act(1, PRUNE, 60)
    found = matched(told, lines(started, write(1, PRUNE, 62), quiet()))
    assert (found.verdict.value, found.findings) == ("matched", ())


@pytest.mark.claim("C-093")
def test_a_write_without_a_record_is_named_by_its_line() -> None:
    found = one_act(write(1, DELETE, 62), write(2, ROLL_BACK, 64))
    assert (found.verdict.value, causes(found)) == ("unmatched", ["unrecorded_write"])
    assert str(found.findings[0].at) == "audit.log:5"


@pytest.mark.claim("C-095")
@pytest.mark.parametrize(
    "hidden",
    [
        {"verb": "delete", "requestURI": "/api/v1/namespaces/shop/pods/web-9?dryRun=All"},
        {
            "verb": "get",
            "requestURI": "/api/v1/namespaces/shop/pods/web-9/exec?command=sh&container=web&dryRun=All",
            "subresource": "exec",
        },
        {"verb": "get", "requestURI": "/x/exec?command=df&command=-h&container=web", "subresource": "exec"},
        {"verb": "get", "requestURI": "/x/exec?command=df&container=helper&container=web", "subresource": "exec"},
        {"verb": "create", "requestURI": "/x/token?dryRun=All", "resource": "serviceaccounts", "subresource": "token"},
        {"verb": "get", "subresource": "portforward"},
        {"verb": "get", "subresource": "proxy", "resource": "services"},
        {"verb": "patch", "requestURI": "/x?dryRun=All&dryRun=", "resource": "deployments", "apiGroup": "apps"},
        {"verb": "patch", "requestURI": "/x?DryRun=All", "resource": "deployments", "apiGroup": "apps"},
        {"verb": "create", "requestURI": "/x?dryRun=All", "resource": "widgets", "apiGroup": "example.com"},
        {"verb": "create", "subresource": "binding"},
        {"verb": "create", "subresource": "eviction"},
        {"verb": "deletecollection"},
        {"verb": "create", "resource": "localreviews", "apiGroup": "example.com"},
        {"verb": "post", "resource": ""},
        {"verb": "frobnicate"},
    ],
)
def test_nothing_that_may_change_something_hides_as_a_question(hidden: JSON) -> None:
    plain = dict(hidden)
    about = {"namespace": "shop", "name": "web-9", "resource": "pods", "apiVersion": "v1"}
    about |= {key: plain.pop(key) for key in ("resource", "subresource", "apiGroup") if key in plain}
    found = one_act(write(1, DELETE, 62), event(70, objectRef=about, **plain))
    assert causes(found) == ["unrecorded_write"]


def test_a_delete_is_dry_by_its_body_alone() -> None:
    about = {"namespace": "shop", "name": "web-9", "resource": "pods"}
    for options, found_as in (({"dryRun": ["All"]}, []), ({"dryRun": []}, ["unrecorded_write"])):
        asked = event(70, verb="delete", requestURI="/x?dryRun=All", objectRef=about, requestObject=options)
        assert causes(one_act(write(1, DELETE, 62), asked)) == found_as


@pytest.mark.parametrize(
    ("code", "says"), [(200, ""), (500, "does not tell"), (0, "does not tell"), (504, "does not tell")]
)
def test_a_write_that_may_have_taken_effect_counts_as_one(code: int, says: str) -> None:
    found = one_act(write(1, DELETE, 62), write(2, ROLL_BACK, 64, code=code))
    assert causes(found) == ["unrecorded_write"]
    assert says in found.findings[0].says


BY_DESIGN: list[JSON] = [
    {"verb": "create", "objectRef": {"resource": "selfsubjectaccessreviews", "apiGroup": "authorization.k8s.io"}},
    {"verb": "create", "objectRef": {"resource": "selfsubjectreviews", "apiGroup": "authentication.k8s.io"}},
    {
        "verb": "create",
        "objectRef": {"resource": "pods", "subresource": "eviction", "namespace": "shop", "name": "web-1"},
        "requestURI": "/x/eviction?dryRun=All",
    },
    {
        "verb": "create",
        "objectRef": {"resource": "pods", "subresource": "eviction", "namespace": "shop", "name": "BYTEPORT-ASKS"},
        "responseStatus": {"code": 403},
    },
    {
        "verb": "create",
        "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "byteport-node", "name": "BYTEPORT-ASKS"},
        "requestURI": "/x/exec?command=true&stdout=true",
        "responseStatus": {"code": 403},
    },
    {
        "verb": "patch",
        "objectRef": {"resource": "deployments", "apiGroup": "apps", "namespace": "shop", "name": "web"},
        "requestURI": "/x?fieldManager=byteport-doctor&dryRun=All",
        "responseStatus": {"code": 403},
    },
    {
        "verb": "get",
        "objectRef": {"resource": "pods", "subresource": "exec", "namespace": "byteport-node", "name": "helper-1"},
        "requestURI": "/x/exec?container=helper&command=du&command=-sh&command=%2Fvar%2Flog&stdout=true",
        "responseStatus": {"code": 101},
    },
]


@pytest.mark.claim("C-095")
@pytest.mark.parametrize("asked", BY_DESIGN)
def test_what_the_account_asks_by_design_is_neither_a_write_nor_told(asked: JSON) -> None:
    found = one_act(write(1, DELETE, 62), event(70, **asked))
    assert (found.verdict.value, found.findings, found.notices) == ("matched", (), ())


@pytest.mark.parametrize("asked", [one for one in BY_DESIGN if "403" in str(one)])
def test_the_same_question_by_another_client_is_told_as_a_refused_attempt_or_an_odd_dry_run(asked: JSON) -> None:
    found = one_act(write(1, DELETE, 62), event(70, **{**asked, **STOLEN}))
    assert found.verdict.value == "matched"
    assert [notice.remark.value for notice in found.notices] in (["refused_attempt"], ["odd_dry_run"])


def test_a_question_in_vain_that_was_let_through_is_a_write() -> None:
    asked = {**BY_DESIGN[3], "responseStatus": {"code": 201}}
    assert causes(one_act(write(1, DELETE, 62), event(70, **asked))) == ["unrecorded_write"]


@pytest.mark.claim("C-095")
def test_refused_attempts_are_counted_and_the_first_is_named() -> None:
    refused = [write(7, ROLL_BACK, at, code=403, **STOLEN) for at in (70.0, 80.0)]
    found = one_act(write(1, DELETE, 62), *refused)
    assert (found.verdict.value, found.findings) == ("matched", ())
    (notice,) = found.notices
    assert (notice.remark.value, notice.count, notice.first) == (
        "refused_attempt",
        2,
        "patch deployments shop/web (403)",
    )


def test_a_call_that_was_refused_first_and_then_made_is_one_write_of_the_act() -> None:
    found = one_act(write(1, DELETE, 61, code=429), write(1, DELETE, 62))
    assert (found.verdict.value, found.findings, found.notices) == ("matched", (), ())


def test_a_refused_call_with_an_acts_id_by_another_client_is_told() -> None:
    found = one_act(write(1, DELETE, 61, code=403, **STOLEN), write(1, DELETE, 62))
    assert [notice.remark.value for notice in found.notices] == ["refused_attempt"]


@pytest.mark.claim("C-093")
def test_an_act_that_is_called_done_and_has_no_write_is_named() -> None:
    found = one_act(event(62))
    assert (found.verdict.value, causes(found), found.matched) == ("unmatched", ["write_missing"], 0)
    assert "delete pods shop/web-1" in found.findings[0].says


def test_a_write_of_an_act_that_was_not_done_is_named() -> None:
    assert causes(one_act(write(1, DELETE, 62), outcome="not_done")) == ["done_after_all"]


def test_an_act_that_was_not_done_has_no_write() -> None:
    found = one_act(event(62), outcome="not_done")
    assert (found.verdict.value, found.matched) == ("matched", 1)


@pytest.mark.parametrize(
    ("events", "remark"),
    [([write(1, DELETE, 62)], "unknown_was_done"), ([event(62)], "unknown_was_not_done")],
)
def test_what_became_of_an_unknown_outcome_the_api_server_tells(events: list[JSON], remark: str) -> None:
    found = one_act(*events, outcome="unknown")
    assert (found.verdict.value, [one.remark.value for one in found.notices]) == ("matched", [remark])


@pytest.mark.claim("C-094")
def test_an_id_used_twice_is_named() -> None:
    found = one_act(write(1, DELETE, 62), write(1, DELETE, 63))
    assert causes(found) == ["repeated_id"]


def test_a_line_that_stands_twice_in_one_file_is_named_but_files_may_overlap() -> None:
    told = Told()
    told.act(1, DELETE, 60)
    file = lines(write(1, DELETE, 62), quiet())
    assert matched(told, file, file).verdict.value == "matched"
    assert causes(matched(told, [*file[:4], *file])) == ["repeated_id"]


@pytest.mark.claim("C-094")
def test_an_id_under_another_user_is_named_if_the_request_may_have_changed_something() -> None:
    other: JSON = {"user": {"username": "mallory"}}
    for code in (200, 500, 0):
        found = one_act(write(1, DELETE, 62), write(1, DELETE, 63, code=code, **other))
        assert causes(found) == ["foreign_user"]
        assert "mallory" in found.findings[0].says


@pytest.mark.parametrize(
    "harmless", [{"code": 403}, {"verb": "get", "code": 401}, {"verb": "list"}, {"requestObject": {"dryRun": ["All"]}}]
)
def test_an_id_under_another_user_that_changed_nothing_is_told_and_spoils_nothing(harmless: JSON) -> None:
    found = one_act(write(1, DELETE, 62), write(1, DELETE, 63, user={"username": "system:anonymous"}, **harmless))
    assert (found.verdict.value, [one.remark.value for one in found.notices]) == ("matched", ["foreign_id"])


def test_somebody_who_acts_as_our_account_is_not_the_agent() -> None:
    acting: JSON = {"user": {"username": "admin"}, "impersonatedUser": {"username": AGENT}}
    assert causes(one_act(write(1, DELETE, 62), write(2, DELETE, 63, **acting))) == ["unrecorded_write"]
    found = one_act(write(1, DELETE, 63, **acting))
    assert causes(found) == ["other_object"]


def test_our_account_in_anothers_name_is_named() -> None:
    acting = {"impersonatedUser": {"username": "system:admin"}}
    assert causes(one_act(write(1, DELETE, 62), event(63, **acting))) == ["other_client"]


OTHER: list[tuple[str, dict[str, Any]]] = [
    ("name", {"objectRef": {"resource": "pods", "namespace": "shop", "name": "web-2"}}),
    ("namespace", {"objectRef": {"resource": "pods", "namespace": "bank", "name": "web-1"}}),
    ("resource", {"objectRef": {"resource": "configmaps", "namespace": "shop", "name": "web-1"}}),
    ("subresource", {"objectRef": {"resource": "pods", "subresource": "status", "namespace": "shop", "name": "web-1"}}),
    ("group", {"objectRef": {"resource": "pods", "apiGroup": "x", "namespace": "shop", "name": "web-1"}}),
    ("verb", {"verb": "update"}),
    ("uid of the precondition", {"requestObject": {"preconditions": {"uid": "uid-2"}}}),
    ("uid of the patch", {"requestObject": [{"op": "test", "path": "/metadata/uid", "value": "uid-2"}]}),
    ("uid of the answer", {"responseObject": {"kind": "Pod", "metadata": {"uid": "uid-2"}}}),
    ("uid of the reference", {"objectRef": {"resource": "pods", "namespace": "shop", "name": "web-1", "uid": "uid-2"}}),
]


@pytest.mark.claim("C-094")
@pytest.mark.parametrize("other", [change for _, change in OTHER], ids=[what for what, _ in OTHER])
def test_an_id_on_another_object_is_named_and_is_no_write_of_the_act(other: dict[str, Any]) -> None:
    found = one_act(write(1, DELETE, 62, **other))
    assert (found.verdict.value, causes(found), found.matched) == ("unmatched", ["other_object"], 0)


@pytest.mark.claim("C-094")
def test_another_command_with_the_id_of_a_prune_is_named() -> None:
    told = Told()
    told.act(1, PRUNE, 60)
    for uri in (
        "/x/exec?container=helper&command=sh",
        "/x/exec?container=web&command=crictl&command=rmi&command=--prune",
    ):
        assert causes(matched(told, lines(write(1, PRUNE, 62, requestURI=uri), quiet()))) == ["other_object"]


def test_uids_are_compared_where_both_sides_tell_one_and_it_is_said_how_often() -> None:
    same: JSON = {"requestObject": {"preconditions": {"uid": "uid-1"}}}
    assert one_act(write(1, DELETE, 62, **same)).uids_compared == 1
    assert one_act(write(1, DELETE, 62)).uids_compared == 0


def test_the_right_write_by_another_client_is_named() -> None:
    assert causes(one_act(write(1, DELETE, 62, userAgent="kubectl/v1"))) == ["other_client"]
    assert causes(one_act(write(1, DELETE, 62, userAgent=f"byteport/1.0.0 ({action(2)[:12]})"))) == ["other_client"]


@pytest.mark.parametrize(
    "uri", ["/x", "/x?fieldManager=kubectl", "/x?fieldManager=byteport-agent&fieldManager=kubectl"]
)
def test_a_patch_under_another_field_manager_is_another_clients(uri: str) -> None:
    told = Told()
    told.act(1, ROLL_BACK, 60)
    assert causes(matched(told, lines(write(1, ROLL_BACK, 62, requestURI=uri), quiet()))) == ["other_client"]


@pytest.mark.parametrize(("at", "cause"), [(50, "before_intent"), (80, "after_end"), (60 + 16 * 60, "outside_lease")])
def test_a_write_outside_its_time_is_named(at: float, cause: str) -> None:
    told = Told()
    told.act(1, DELETE, 60, outcome=None)
    told.end(1, 70 if cause == "after_end" else 3000, "done")
    assert causes(matched(told, lines(write(1, DELETE, at), quiet(3000)))) == [cause]


def test_clocks_that_are_apart_are_named_once() -> None:
    late = [write(number, command, number * 60 - 3600) for number, command in enumerate((DELETE, ROLL_BACK), start=1)]
    told = Told()
    told.act(1, DELETE, 60)
    told.act(2, ROLL_BACK, 120)
    found = matched(told, lines(late, quiet(), event(-3700), event(-3500), event(-3000)))
    assert [cause for cause in causes(found) if cause != "in_a_gap"] == ["clock_skew"]
    assert found.verdict.value == "unmatched"
    assert "-3600.0 s" in found.findings[0].says


@pytest.mark.claim("C-096")
def test_an_act_outside_of_the_log_is_not_covered_and_never_matched() -> None:
    told = Told()
    told.act(1, DELETE, -7200)
    told.act(2, DELETE, 60)
    told.act(3, DELETE, 7200)
    found = matched(told, lines(write(2, DELETE, 62), quiet()))
    assert (found.verdict.value, found.matched) == ("matched", 1)
    assert [(one.seq, one.because.value) for one in found.not_covered] == [(1, "before_the_log"), (5, "after_the_log")]


@pytest.mark.claim("C-096")
def test_a_log_that_speaks_for_no_act_matches_nothing() -> None:
    told = Told()
    told.act(1, DELETE, -7200)
    assert matched(told, lines(event(0), quiet())).verdict.value == "nothing"


@pytest.mark.claim("C-096")
def test_a_log_without_a_word_of_our_account_matches_nothing() -> None:
    told = Told()
    told.act(1, DELETE, 60, outcome="not_done")
    assert matched(told, lines(quiet())).verdict.value == "nothing"
    assert matched(told, []).verdict.value == "nothing"
    assert matched(Told(), lines(event(1))).verdict.value == "nothing"


@pytest.mark.claim("C-096")
def test_a_gap_is_said_and_an_act_within_it_is_not_taken_for_done() -> None:
    told = Told()
    told.act(1, DELETE, 60)
    told.act(2, DELETE, 3600)
    later = [event(float(at)) for at in range(7200, 7500, 60)]
    found = matched(told, lines(write(1, DELETE, 62), quiet()), lines(later))
    assert (found.verdict.value, causes(found), len(found.gaps)) == ("partly", ["in_a_gap"], 1)


def test_writes_of_before_a_part_of_a_log_are_told_apart() -> None:
    told = Told(first_seq=7)
    told.act(1, DELETE, 60)
    found = matched(told, lines(write(9, ROLL_BACK, 0), write(1, DELETE, 62), quiet()))
    assert (found.verdict.value, [one.remark.value for one in found.notices]) == ("matched", ["before_the_records"])


def test_writes_after_the_last_record_are_never_matched() -> None:
    told = Told()
    told.act(1, DELETE, 60)
    found = matched(told, lines(write(1, DELETE, 62), write(2, DELETE, 300), quiet()))
    assert (found.verdict.value, causes(found)) == ("unmatched", ["after_the_records"])


def test_an_act_under_way_is_said_and_one_that_was_left_open_is_a_finding() -> None:
    assert one_act(write(1, DELETE, 62), outcome=None).verdict.value == "partly"
    told = Told()
    told.act(1, DELETE, 60, outcome=None)
    told.beside(2 * 24 * 3600)
    assert causes(matched(told, lines(write(1, DELETE, 62), quiet()))) == ["no_end"]


def test_a_second_intent_and_an_end_without_intent_are_named() -> None:
    told = Told()
    told.act(1, DELETE, 60)
    told.act(1, DELETE, 90, outcome=None)
    told.end(2, 100, "done")
    assert causes(matched(told, lines(write(1, DELETE, 62), quiet()))) == ["end_without_intent", "repeated_intent"]


def test_the_log_of_another_cluster_is_called_that() -> None:
    found = one_act(write(5, ROLL_BACK, 62))
    assert "another_log" in causes(found)


def test_another_account_is_asked_for_by_name() -> None:
    told = Told()
    told.act(1, DELETE, 60)
    file = lines(write(1, DELETE, 62, user={"username": "system:serviceaccount:ops:repair"}), quiet())
    assert matched(told, file, account="system:serviceaccount:ops:repair").verdict.value == "matched"
    assert causes(matched(told, file)) == ["foreign_user", "write_missing"]


def test_a_pruned_record_still_has_its_write_by_id_and_time_and_the_object_is_said_not_to_be_compared() -> None:
    told = Told()
    told.act(1, DELETE, 60)
    told.entries = [Entry(one.seq, one.header, None, None, one.hash) for one in told.entries]
    found = matched(told, lines(write(1, DELETE, 62), quiet()))
    assert (found.verdict.value, found.matched, found.objects_unknown) == ("matched", 1, 1)


def test_what_a_stranger_wrote_is_shown_without_control_characters() -> None:
    found = one_act(write(1, DELETE, 62, userAgent="x\x1b[2J\r\nintact: yes"))
    assert "\x1b" not in found.findings[0].says
    assert "\n" not in found.findings[0].says
