"""A postmortem as Markdown: what happened, on what evidence, what was decided and done, and what each mode would have done.

Comes after `postmortems.py`; what files it comes after. The same facts give the same bytes. Every text is redacted first and made
harmless then, so that no name that somebody gave an object mentions, links or formats anything where the postmortem is read.
"""

from __future__ import annotations

from byteport.domain.explanations import meanings
from byteport.domain.markdown import code, inert, section
from byteport.domain.policy import VerdictKind
from byteport.domain.postmortems import InMode, Postmortem
from byteport.domain.redaction import sanitised

LONGEST = 65_000
"""Characters. GitHub takes 65,536 in an issue."""
LONGEST_TITLE = 240
CUT = "\n\n*Cut here: the postmortem is longer than an issue may be. `byteport show` and the log have all of it.*\n"
MARK = "<!-- byteport-postmortem {mark} -->"
"""First line of every postmortem; not shown."""
_WORDS = {
    VerdictKind.ACT: "act alone",
    VerdictKind.AWAIT_APPROVAL: "ask for a yes, and act on nothing else",
    VerdictKind.ESCALATE: "tell people, and not act alone",
    VerdictKind.SKIP: "do nothing, and page nobody",
}


def as_markdown(told: Postmortem) -> str:
    """The whole postmortem, its mark first; ends with a newline, and is at most `LONGEST` characters long."""
    parts = [
        MARK.format(mark=told.mark),
        f"## {_plain(told.title)}",
        _summary(told),
        section("Evidence", _evidence(told)),
        section("Decision", _decision(told)),
        section("Commands", _commands(told)),
        _modes(told),
        section("Timeline", [f"{step.at:%Y-%m-%d %H:%M:%S} UTC: {_plain(step.what)}" for step in told.steps]),
        f"Run {_code(told.workflow_id)}, incident {_code(told.incident_id)}. Written by BytePort from its own records.",
    ]
    return _bounded("\n\n".join(part for part in parts if part) + "\n")


def as_title(told: Postmortem) -> str:
    """One line of visible characters; an issue's title is shown as it is."""
    return sanitised(told.title, limit=LONGEST_TITLE)


def is_of(body: str, told: Postmortem) -> bool:
    """Whether `body` is a postmortem of the same incident, by its first line."""
    first, _, _ = body.replace("\r\n", "\n").partition("\n")
    return first == MARK.format(mark=told.mark)


def _summary(told: Postmortem) -> str:
    minutes, seconds = divmod(max(int((told.closed_at - told.opened_at).total_seconds()), 0), 60)
    times = "once" if told.reports == 1 else f"{told.reports} times"
    verified = "not verified" if told.mttr_seconds is None else f"{told.mttr_seconds} s"
    rows = [
        ("target", f"{_plain(told.target)} on cluster {_plain(told.cluster)}"),
        ("symptom", f"{_plain(told.signal_type)} = {told.signal_value:g} (threshold {told.threshold:g}), seen {times}"),
        ("cause", _plain((told.cause or "not found").replace("_", " "))),
        ("decision", _plain(told.decision)),
        ("result", _plain(told.result or "none")),
        ("time to repair (MTTR)", verified),
        ("open", f"{told.opened_at:%Y-%m-%d %H:%M:%S} UTC, for {minutes} min {seconds} s"),
        ("runbook", _plain(told.runbook)),
    ]
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)])


def _evidence(told: Postmortem) -> list[str]:
    facts = [f"{_plain(fact.about)}: {_plain(fact.name)} = {_plain(str(fact.value))}" for fact in told.facts]
    return [*facts, *([f"look at {_plain(told.culprit)}"] if told.culprit else [])] or ["none was gathered"]


def _decision(told: Postmortem) -> list[str]:
    asked = f"the policy said: {told.verdict.value.replace('_', ' ')}" if told.verdict else "the policy was not asked"
    by = f"approved by {_plain(', '.join(told.approvers))}" if told.approvers else ""
    over = f"taken over by {_plain(told.taken_over_by)}" if told.taken_over_by else ""
    return [line for line in (asked, *(_plain(text) for text in meanings(told.reasons)), by, over) if line]


def _commands(told: Postmortem) -> list[str]:
    planned = [f"planned: {_code(told.command)}"] if told.command else ["nothing was planned"]
    inverse = [f"to undo it: {_code(told.inverse_command)}"] if told.inverse_command else []
    return [*planned, *inverse, *(_plain(deed) for deed in told.tried)]


def _modes(told: Postmortem) -> str:
    title = "### What each mode would have done"
    if not told.modes:
        return f"{title}\n\nNo plan was judged: no mode would have changed that."
    return "\n".join([title, "", "| mode | it would | why |", "|---|---|---|", *(_row(one) for one in told.modes)])


def _row(one: InMode) -> str:
    name = f"**{one.mode.value}** (in force)" if one.in_force else one.mode.value
    why = "; ".join(_plain(text) for text in meanings(one.reasons)) or "nothing spoke against it"
    return f"| {name} | {_WORDS[one.verdict]} | {why} |"


def _plain(text: str) -> str:
    return inert(sanitised(text))


def _code(text: str) -> str:
    return code(sanitised(text))


def _bounded(text: str) -> str:
    """Whole lines only, and a line that says so; the mark is first and stays."""
    if len(text) <= LONGEST:
        return text
    return text[: LONGEST - len(CUT)].rpartition("\n")[0] + CUT
