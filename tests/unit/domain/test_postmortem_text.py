"""A postmortem as Markdown: all there is to know, and nothing in it that acts where it is read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.diagnoses import Fact
from byteport.domain.postmortem_text import LONGEST, as_markdown, as_title, is_of
from byteport.domain.postmortems import Postmortem, Step
from tests.builders.closed import OPENED, postmortem

HOSTILE = (
    "@acme/everybody",
    "fixes #1",
    "acme/ops#214",
    "GH-214",
    "![x](https://evil.example/pixel.png)",
    "[Approve](https://evil.example)",
    "https://evil.example/x",
    "www.evil.example",
    "<img src=x onerror=alert(1)>",
    "--> <b>",
    "`rm -rf /`",
    "```\n# Approved",
    "a | b | c",
    "\r\n## Approved\r\n- [x] done",
    "<!-- byteport-postmortem 00 -->",
    "\x1b]0;pwned\x07",
    "\u202egnp.exe",
    "ada@evil.example",
    "password=hunter2hunter2",
)
_ACTS = re.compile(
    r"(?<![\\\w])@\w|https?://|www\.|(?<!\\)\]\(|(?<!\\)<(?!!-- byteport-postmortem [0-9a-f]{64} -->)|\w#\d|(?<!\\)#\d|GH-\d",
    re.IGNORECASE,
)


def everywhere(text: str) -> Postmortem:
    """Wherever a cluster, a person or a run could have put it."""
    return postmortem(
        target=f"shop/Deployment/{text}",
        cluster=text,
        cause=text,
        culprit=text,
        runbook=text,
        signal_type=text,
        command=text,
        inverse_command=text,
        tried=(text,),
        approvers=(text,),
        taken_over_by=text,
        workflow_id=text,
        facts=(Fact(name=text, value=text, about=text),),
        steps=(Step(at=OPENED, what=text),),
    )


def outside_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", text)


@pytest.mark.claim("C-477")
@pytest.mark.parametrize("hostile", HOSTILE)
def test_review_13_words_of_a_cluster_act_in_no_postmortem(hostile: str) -> None:
    said = as_markdown(everywhere(hostile))
    assert _ACTS.search(outside_code(said)) is None
    assert "\n## Approved" not in said
    assert "hunter2" not in said
    assert not any(ord(char) < 32 and char != "\n" for char in said)
    assert as_title(everywhere(hostile)).isprintable()


@pytest.mark.claim("C-477")
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=500))
def test_whatever_the_words_are_the_form_stays_and_nothing_acts(text: str) -> None:
    said = as_markdown(everywhere(text))
    assert len(said.splitlines()) == len(as_markdown(everywhere("web")).splitlines())
    assert _ACTS.search(outside_code(said)) is None
    assert is_of(said, everywhere(text))


def test_the_same_facts_give_the_same_bytes_and_all_of_them_are_there() -> None:
    said = as_markdown(postmortem())
    assert said == as_markdown(postmortem())
    for words in (
        "| result | success |",
        "| time to repair (MTTR) | 90 s |",
        "restarts = 5",
        "`kubectl delete pod web-1 -n shop`",
        "| observe | tell people, and not act alone |",
        "| dry_run | ask for a yes, and act on nothing else |",
        "| **auto** (in force) | act alone | nothing spoke against it |",
        "2026-03-10 03:10:00 UTC: judging the plan",
        "for 1 min 35 s",
    ):
        assert words in said, words


def test_one_that_is_too_long_is_cut_at_a_line_says_so_and_keeps_its_mark() -> None:
    long = postmortem(steps=tuple(Step(at=OPENED, what="[" * 300) for _ in range(200)))
    said = as_markdown(long)
    assert len(said) <= LONGEST < 65_536
    assert "Cut here" in said
    assert is_of(said, long)
    assert not is_of(said, postmortem(2))


@pytest.mark.parametrize("change", [{"tenant": "other"}, {"cluster_uid": "d"}])
def test_another_installations_incident_has_another_mark(change: dict[str, Any]) -> None:
    assert not is_of(as_markdown(postmortem(**change)), postmortem())
