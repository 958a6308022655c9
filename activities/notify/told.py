"""A notice in the order in which a person at three in the morning needs it, for every channel the same.

What is broken, since when, the evidence as numbers, how sure the cause is, why it was not done alone, the exact command and
its inverse, and one way to answer. Comes after the notice (`byteport/contracts/people.py`) and `plain.py`; before the files of
the channels, each of which only gives it a form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from activities.notify.plain import exact, plain
from byteport.contracts.people import Ending, Notice
from byteport.domain.explanations import meanings, next_steps
from byteport.domain.reasons import Cause
from byteport.domain.targets import Target

MOST_LINES = 25
"""Of one section; what follows is counted."""
NAMELESS = "nameless"
APPROVE, LOOK = "Read the plan and answer", "Read it and take it over"


@dataclass(frozen=True)
class Section:
    """A heading with its lines, all harmless. `commands` are to be copied, and shown as literal text only."""

    title: str
    lines: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Link:
    """The one page on which a person reads and answers."""

    words: str
    url: str


@dataclass(frozen=True)
class Told:
    """A notice made ready. Of its texts only `commands` and `link` are exact; all others are harmless."""

    key: str
    incident_id: str
    workflow_id: str
    rung: int
    ending: Ending | None
    headline: str
    """`[page 2] error_rate on shop/Deployment/web`."""
    cluster: str
    target: str
    summary: str
    """One line: headline, cluster and cause."""
    sections: tuple[Section, ...]
    link: Link | None
    footer: str
    at: datetime


def told(notice: Notice, page_url: str | None) -> Told:
    """`notice` for the channels; `page_url` is where people answer, or None where there is no page."""
    mark = "page " + str(notice.rung) if notice.rung else "notice"
    if notice.ending is not None:
        mark = notice.ending.value.replace("_", " ")
    headline = f"[{mark}] {plain(notice.title, 120)}"
    link = _link(notice, page_url)
    return Told(
        key=notice.key,
        incident_id=notice.incident_id,
        workflow_id=notice.workflow_id,
        rung=notice.rung,
        ending=notice.ending,
        headline=headline,
        cluster=plain(notice.cluster) or NAMELESS,
        target=plain(notice.target) or NAMELESS,
        summary=plain(f"{headline}: {notice.target} on {notice.cluster}, {_cause_words(notice)}", 500),
        sections=tuple(section for section in _sections(notice, link) if section.lines or section.commands),
        link=link,
        footer=plain(f"Run {notice.workflow_id}, incident {notice.incident_id}, runbook {notice.runbook}", 600),
        at=notice.at,
    )


def _sections(notice: Notice, link: Link | None) -> list[Section]:
    steps = () if notice.ending is not None else _next(notice)
    answer = (exact(notice.how_to_answer),) if notice.how_to_answer and link is None else ()
    return [
        Section("What is broken", _broken(notice)),
        Section("What was seen", _bounded(notice.evidence)),
        Section("What was tried", _bounded(notice.tried) or (("nothing",) if notice.rung else ())),
        Section("Why it was not done alone", _bounded(meanings(notice.reasons))),
        Section("The plan", commands=(exact(notice.command),) if notice.command else ()),
        Section("To undo it", commands=(exact(notice.inverse_command),) if notice.inverse_command else ()),
        Section("What to look at next", _bounded(steps)),
        Section("How to answer", _deadline(notice), answer),
    ]


def _broken(notice: Notice) -> tuple[str, ...]:
    lines = [f"{notice.target} on cluster {notice.cluster}"]
    lines += [notice.symptom] if notice.symptom else []
    lines += [f"since {notice.since:%Y-%m-%d %H:%M:%S} UTC ({_ago(notice)})"] if notice.since else []
    return tuple(text for line in [*lines, f"cause: {_cause_words(notice)}"] if (text := plain(line, 600)))


def _cause_words(notice: Notice) -> str:
    words = notice.cause.replace("_", " ")
    if notice.facts is None:
        return words
    return f"{words} (by {notice.facts} fact{'' if notice.facts == 1 else 's'})"


def _ago(notice: Notice) -> str:
    """For how long, in the two largest units."""
    assert notice.since is not None
    minutes, seconds = divmod(max(int((notice.at - notice.since).total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    first = next((place for place, (number, _) in enumerate(units) if number), len(units) - 1)
    return "for " + " ".join(f"{number} {unit}" for number, unit in units[first : first + 2])


def _deadline(notice: Notice) -> tuple[str, ...]:
    return (f"the question ends at {notice.answer_by:%Y-%m-%d %H:%M:%S} UTC",) if notice.answer_by else ()


def _link(notice: Notice, page_url: str | None) -> Link | None:
    """The plan where one waits for an answer, else the run."""
    if page_url is None or (notice.how_to_answer is None and notice.plan_digest is None and notice.ending is None):
        return None
    base = page_url.rstrip("/")
    if notice.plan_digest is not None and notice.ending is None:
        return Link(APPROVE, f"{base}/plans/{quote(notice.plan_digest, safe='')}")
    return Link(LOOK, f"{base}/runs/{quote(notice.workflow_id, safe='')}")


def _next(notice: Notice) -> tuple[str, ...]:
    words = notice.cause.split(":")[0]
    cause = Cause(words) if words in frozenset(Cause) else None
    return next_steps(_target(notice.target), cause, notice.reasons)


def _target(ref: str) -> Target:
    """The target of `namespace/Kind/name`, or `Kind/name` without a namespace."""
    *namespace, kind, name = ["", "", *ref.split("/")][-3:]
    return Target(cluster_uid="", namespace=namespace[0], kind=kind, name=name)


def _bounded(lines: Sequence[str]) -> tuple[str, ...]:
    """The first of them, without those that say nothing."""
    said = [text for line in lines if (text := plain(line))]
    shown, left = tuple(said[:MOST_LINES]), len(said) - MOST_LINES
    return (*shown, f"and {left} more") if left > 0 else shown
