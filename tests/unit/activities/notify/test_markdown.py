"""A notice as Markdown: all that a person needs, and nothing in it that acts on its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.notify.markdown import as_markdown
from byteport.contracts.people import Notice
from byteport.domain.markdown import inert
from byteport.domain.reasons import Reason


def notice(**changes: Any) -> Notice:
    plain: dict[str, Any] = {
        "key": "k",
        "incident_id": "inc-1",
        "workflow_id": "remediate:c:shop:Deployment:web:memory",
        "cluster": "prod",
        "rung": 1,
        "title": "memory_pressure on shop/Deployment/web",
        "runbook": "MemoryPressureRunbook",
        "target": "shop/Deployment/web",
        "cause": "memory_leak: Deployment/web",
        "reasons": (Reason.LEAKS,),
        "evidence": ("Pod/shop/web-1: share = 0.97",),
        "tried": ("not done: the budget refuses",),
        "command": "kubectl delete pod web-1 -n shop",
        "inverse_command": None,
        "how_to_answer": "byteport ack remediate:c:shop:Deployment:web:memory",
        "at": datetime(2026, 3, 1, tzinfo=UTC),
    }
    return Notice(**(plain | changes))


def test_it_says_what_was_seen_tried_and_is_to_be_looked_at_next() -> None:
    told = as_markdown(notice())
    order = [told.index(f"### {title}") for title in ("What was seen", "What was tried", "Why it stopped", "The plan")]
    order += [told.index(f"### {title}") for title in ("What to look at next", "How to answer")]
    assert order == sorted(order)
    assert "a leak, which more replicas or a restart only delay" in told
    assert "kubectl top pods -n shop --containers" in told
    assert "`byteport ack remediate:c:shop:Deployment:web:memory`" in told


def test_a_page_says_so_when_nothing_was_tried() -> None:
    assert "### What was tried\n\n- nothing" in as_markdown(notice(tried=()))


def test_a_plain_notice_of_what_was_done_does_not_speak_of_trying() -> None:
    assert "What was tried" not in as_markdown(notice(rung=0, tried=()))


@pytest.mark.claim("C-111")
@pytest.mark.parametrize(
    "hostile",
    ["<!channel>", "@here", "[click](http://evil)", "`rm -rf`", "a\r\n## Approved", "\x1b[31mred", "x\x00y", "<b>"],
)
def test_review_13_words_of_a_cluster_cannot_act(hostile: str) -> None:
    told = as_markdown(notice(evidence=(hostile,), title=hostile, target=f"shop/Deployment/{hostile}"))
    assert hostile not in told
    assert "\n## Approved" not in told
    assert "\x1b" not in told
    assert "\x00" not in told


@pytest.mark.claim("C-111")
@given(st.text(max_size=2000))
def test_inert_text_is_one_bounded_line(text: str) -> None:
    said = inert(text)
    assert "\n" not in said
    assert all(char.isprintable() or char == "\u200b" for char in said)
    assert len(said) <= 3 * 301
