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
from byteport.domain.explanations import meanings, next_steps, not_undone
from byteport.domain.legible import duration, legible
from byteport.domain.reasons import Cause
from byteport.domain.targets import Target

MOST_LINES = 25
"""Of one section; what follows is counted."""
NAMELESS = "nameless"
APPROVE, TAKE, READ = "Read the plan and answer", "Read it and take it over", "Read what was seen and done"
HAS_A_PAGE = "remediate:"
"""What the ids of runs begin with that have a page of their own; of any other run people answer by a command."""
ENOUGH = 2
"""Facts that a cause must rest on before anything is changed."""


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
    """`[page 2] error_rate on shop/Deployment/web`; the mark says whether a yes is asked for."""
    cluster: str
    target: str
    summary: str
    """One line, as a locked telephone shows it: headline, cluster, for how long, and the cause."""
    sections: tuple[Section, ...]
    link: Link | None
    footer: str
    at: datetime


def told(notice: Notice, page_url: str | None) -> Told:
    """`notice` for the channels; `page_url` is where people answer, or None where there is no page."""
    headline = f"[{_mark(notice)}] {plain(notice.title, 120)}"
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
        summary=plain(f"{headline}: {_where(notice)}, {_cause_words(notice)}", 500),
        sections=tuple(section for section in _sections(notice, link) if section.lines or section.commands),
        link=link,
        footer=plain(f"Run {notice.workflow_id}, incident {notice.incident_id}, runbook {notice.runbook}", 600),
        at=notice.at,
    )


def _mark(notice: Notice) -> str:
    if notice.ending is not None:
        return notice.ending.value.replace("_", " ")
    mark = f"page {notice.rung}" if notice.rung else "notice"
    return f"{mark}, waits for a yes" if notice.plan_digest is not None else mark


def _sections(notice: Notice, link: Link | None) -> list[Section]:
    steps = () if notice.ending is not None else _next(notice)
    answer = (exact(notice.how_to_answer),) if notice.how_to_answer and link is None else ()
    over = notice.ending is Ending.OVER or (_ran(notice, notice.command) and not notice.reasons)
    why = "Why it stopped here" if notice.tried else "Why it was not done alone"
    return [
        Section("What was broken" if over else "What is broken", _broken(notice)),
        Section("What was seen", _bounded([legible(line) for line in notice.evidence])),
        Section("What was tried", _bounded(notice.tried) or (("nothing",) if notice.rung else ())),
        Section(why, _bounded(meanings(notice.reasons))),
        Section(_called(notice), commands=(exact(notice.command),) if notice.command else ()),
        _undoing(notice),
        Section("What to look at next", _bounded(steps)),
        Section("How to answer", _deadline(notice), answer),
    ]


def _called(notice: Notice) -> str:
    """What the command is: one that a yes lets run, one that ran, or one that was planned and is asked for no more."""
    if notice.plan_digest is not None and notice.ending is None:
        return "The plan"
    return "The command that ran" if _ran(notice, notice.command) else "What was planned"


def _ran(notice: Notice, command: str | None) -> bool:
    """By what was tried, whose lines are our own."""
    return command is not None and any(
        line.startswith("done") and line.endswith(f": {command}") for line in notice.tried
    )


def _undoing(notice: Notice) -> Section:
    """The inverse as a command, or why there is none: whoever says yes is to know which."""
    if notice.command is None:
        return Section("To undo it")
    if _ran(notice, notice.inverse_command):
        return Section("To undo it", ("it was undone",))
    if notice.inverse_command:
        return Section("To undo it", commands=(exact(notice.inverse_command),))
    return Section("To undo it", _bounded((not_undone(notice.runbook),)))


def _broken(notice: Notice) -> tuple[str, ...]:
    lines = [f"{notice.target} on cluster {notice.cluster}"]
    lines += [notice.symptom] if notice.symptom else []
    lines += [f"since {notice.since:%Y-%m-%d %H:%M:%S} UTC ({_ago(notice)})"] if notice.since else []
    lines += [f"cause: {_cause_words(notice)}"]
    lines += [_confidence(notice.facts)] if notice.facts is not None else []
    return tuple(text for line in lines if (text := plain(line, 600)))


def _where(notice: Notice) -> str:
    """What the title has said already is not said again."""
    place = f"on {notice.cluster}" if notice.target in notice.title else f"{notice.target} on {notice.cluster}"
    return f"{place} {_ago(notice)}" if notice.since is not None and notice.ending is None else place


def _cause_words(notice: Notice) -> str:
    return notice.cause.replace("_", " ")


def _confidence(facts: int) -> str:
    rests = f"the cause rests on {facts} fact{'' if facts == 1 else 's'}"
    return f"confidence: {rests}; a change asks for {ENOUGH} at least"


def _ago(notice: Notice) -> str:
    """For how long, in the two largest units."""
    assert notice.since is not None
    return "for " + duration(int((notice.at - notice.since).total_seconds()))


def _deadline(notice: Notice) -> tuple[str, ...]:
    return (f"the question ends at {notice.answer_by:%Y-%m-%d %H:%M:%S} UTC",) if notice.answer_by else ()


def _link(notice: Notice, page_url: str | None) -> Link | None:
    """The plan where one waits for an answer, else the run, where it has a page."""
    if page_url is None:
        return None
    base = page_url.rstrip("/")
    if notice.plan_digest is not None and notice.ending is None:
        return Link(APPROVE, f"{base}/plans/{quote(notice.plan_digest, safe='')}")
    if not notice.workflow_id.startswith(HAS_A_PAGE):
        return None
    taken = notice.ending is not None or notice.how_to_answer is None
    return Link(READ if taken else TAKE, f"{base}/runs/{quote(notice.workflow_id, safe='')}")


def _next(notice: Notice) -> tuple[str, ...]:
    words = notice.cause.split(":")[0]
    cause = Cause(words) if words in frozenset(Cause) else None
    return next_steps(_target(notice.target), cause, notice.reasons, answered_by=notice.how_to_answer)


def _target(ref: str) -> Target:
    """The target of `namespace/Kind/name`, or `Kind/name` without a namespace."""
    *namespace, kind, name = ["", "", *ref.split("/")][-3:]
    return Target(cluster_uid="", namespace=namespace[0], kind=kind, name=name)


def _bounded(lines: Sequence[str]) -> tuple[str, ...]:
    """The first of them, without those that say nothing."""
    said = [text for line in lines if (text := plain(line))]
    shown, left = tuple(said[:MOST_LINES]), len(said) - MOST_LINES
    return (*shown, f"and {left} more") if left > 0 else shown
