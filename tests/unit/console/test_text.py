"""What is shown of text that others wrote, and that every word of ours has one for people."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.audit.records import Record
from byteport.console.difference import difference
from byteport.console.log import readable
from byteport.console.pages import page
from byteport.console.plans import by_object
from byteport.console.sessions import Person, Sessions
from byteport.console.text import LONGEST, span, visible
from byteport.console.told import ENDED, REFUSED, told
from byteport.contracts.console import ConsoleLimits
from byteport.contracts.workflows import AnswerReply, ApprovalOutcome, ApprovalState
from byteport.domain.approvals import Answer, Least, NotTaken, Rejection, Taken
from byteport.domain.plans import PruneImagesPlan, RaiseFloorPlan, Runtime, restore_of
from byteport.errors import MalformedInput
from tests.unit.domain.values import POD, TARGET, deletion, rollback
from tests.unit.trust.people import request

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
PRUNE = PruneImagesPlan(target=TARGET, helper=POD, runtime=Runtime.CONTAINERD)
FLOOR = RaiseFloorPlan(
    target=TARGET,
    autoscaler="web",
    autoscaler_uid="a1",
    rest_digest="3" * 64,
    floor_before=2,
    floor_from=2,
    floor_to=4,
    box_seconds=3600,
)
HOSTILE = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "\u202egnp.exe\u2066",
    "\x1b[31mred\x1b]8;;https://evil.example\x07",
    "a\u200bb\u00adc\ufeff",
    "line\r\nbreak\u2028other",
    "{{ 7 * 7 }}{% raw %}",
    "=HYPERLINK(1)",
    "[click](javascript:alert(1))",
)


@pytest.mark.claim("C-449")
@given(st.text(max_size=300))
def test_review_13_nothing_that_is_shown_moves_hides_or_turns_a_line(text: str) -> None:
    shown = visible(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn") for char in shown)
    assert visible(shown) == shown
    if text.isprintable():
        assert shown == text


def test_what_nobody_would_read_to_its_end_is_cut() -> None:
    assert len(visible("x" * 1_000_000)) == LONGEST + 1


@pytest.mark.claim("C-449")
@pytest.mark.parametrize("hostile", HOSTILE)
def test_review_13_a_plan_with_names_that_somebody_chose_is_a_page_and_nothing_else(hostile: str) -> None:
    sessions = Sessions(ConsoleLimits(), 3600, lambda: 0.0)
    session = sessions.sign_in(sessions.begin(), Person("sub", hostile, None))
    target = TARGET.model_copy(update={"namespace": hostile, "name": hostile})
    asked = request(
        target=hostile,
        plan=rollback().model_copy(update={"target": target, "to_replica_set": hostile}),
        cluster_name=hostile,
        command=hostile,
        inverse_command=hostile,
        evidence=(hostile, f"about: {hostile}"),
        runbook=hostile,
        approvers=frozenset({hostile}),
        remediation_id=hostile,
        least=Least.ATTESTED,
    )
    taken = Taken(principal=hostile, answer=Answer.APPROVE, answer_digest="a", signed=False, attested_by=hostile)
    state = ApprovalState(request=asked, taken=(taken,), refused=(), outcome=None)
    text = bytes(
        page(
            "plan.html",
            session,
            NOW,
            asked=asked,
            state=state,
            ended="",
            changes=difference(asked.plan),
            because=[],
            refused=[(hostile, "expired")],
            evidence=by_object(asked.evidence),
            not_undone=hostile,
            closed=None,
            longest=1000,
            shown=hostile,
        ).body
    ).decode()
    plain = page("refused.html", None, NOW, title="t", detail="d").body
    assert text.count("<script") == bytes(plain).decode().count("<script") == 0
    assert "<img" not in text
    assert "49" not in text.split("<main", 1)[1].split("2026", 1)[0]
    assert all(char.isprintable() or char == "\n" for char in text)


@pytest.mark.parametrize("plan", [deletion(), rollback(), PRUNE, FLOOR, restore_of(FLOOR)], ids=lambda plan: plan.act)
def test_every_plan_shows_what_it_changes(plan: object) -> None:
    changes = difference(plan)  # type: ignore[arg-type]  # each kind of plan
    assert changes
    assert all(one.what and one.before and one.after and one.before != one.after for one in changes)


def test_what_was_seen_is_gathered_under_its_object() -> None:
    assert by_object(["pod: a = 1", "node: b = 2", "pod: c = x: y", "plain"]) == [
        ("pod", ["a = 1", "c = x: y"]),
        ("node", ["b = 2"]),
        ("", ["plain"]),
    ]
    assert by_object(["Node/a: largest_bytes = 122406567936"]) == [
        ("Node/a", ["largest_bytes = 122406567936 (114.0 GiB)"])
    ]


def test_every_way_an_answer_or_a_wait_ends_has_words() -> None:
    assert set(REFUSED) == set(Rejection)
    assert set(ENDED) == set(ApprovalOutcome)
    for because in Rejection:
        words, well = told(AnswerReply(verdict=NotTaken(because=because), quorum=1, approvals=0))
        assert words.startswith("Not taken: ")
        assert not well


@pytest.mark.parametrize(("quorum", "says"), [(1, "That is enough"), (3, "2 more must say yes")])
def test_a_yes_says_how_many_are_still_needed(quorum: int, says: str) -> None:
    taken = Taken(principal="ada", answer=Answer.APPROVE, answer_digest="a", signed=False, attested_by="https://i")
    words, well = told(AnswerReply(verdict=taken, quorum=quorum, approvals=1))
    assert says in words
    assert well


@pytest.mark.parametrize(
    ("time", "says"),
    [
        (timedelta(seconds=5), "5 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(hours=23, minutes=59, seconds=3), "23 h 59 min"),
        (timedelta(days=2, hours=1), "2 d 1 h"),
    ],
)
def test_a_span_is_said_in_the_words_that_matter(time: timedelta, says: str) -> None:
    assert span(time) == says


def test_of_a_log_with_a_broken_record_what_can_be_read_is_listed_and_that_is_said() -> None:
    one = cast("Record", SimpleNamespace(seq=2))  # it is only listed

    def records(*, broken: bool) -> Iterator[Record]:
        yield one
        if broken:
            raise MalformedInput("record header", "is not what a record holds")

    assert readable(records(broken=True)) == ([one], True)
    assert readable(records(broken=False)) == ([one], False)
