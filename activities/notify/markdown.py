"""A notice as Markdown: what was seen, what was tried, why it stopped, what to look at next, and how to answer.

For channels that show Markdown, and in the file channel's line for those who read it by hand. Names and numbers come
from a cluster: what Markdown, HTML or a chat would take for a sign (mentions and links too) is made harmless.
"""

from __future__ import annotations

from byteport.contracts.people import Notice
from byteport.domain.explanations import meanings, next_steps
from byteport.domain.reasons import Cause
from byteport.domain.targets import Target

LONGEST_TEXT = 300
_NOTHING = "\u200b"
"""A space of no width: parts a sign from what follows it."""
_SIGNS = frozenset("\\`*_{}[]()#+!|<>~@&")


def as_markdown(notice: Notice) -> str:
    """The whole notice; ends with a newline."""
    parts = [
        f"## {inert(notice.title)}",
        f"**{inert(notice.target)}** on cluster **{inert(notice.cluster)}**: {inert(notice.cause.replace('_', ' '))}",
        _section("What is broken", [inert(item) for item in _broken(notice)]),
        _section("What was seen", [inert(item) for item in notice.evidence]),
        _section("What was tried", [inert(item) for item in notice.tried] or ["nothing"]) if notice.rung else "",
        _section("Why it stopped here", [inert(text) for text in meanings(notice.reasons)]),
        _plan(notice),
        _section("What to look at next", [inert(text) for text in _next(notice)]),
        _section("How to answer", [_code(notice.how_to_answer)]) if notice.how_to_answer else "",
        f"Run {_code(notice.workflow_id)}, incident {_code(notice.incident_id)}, runbook {inert(notice.runbook)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def inert(text: str) -> str:
    """`text` on one line, with no sign that anything would act on, cut to `LONGEST_TEXT`."""
    cut = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
    printable = "".join(char if char.isprintable() else " " for char in cut)
    escaped = "".join("\\" + char if char in _SIGNS else char for char in printable)
    for start in ("@", "<", ":"):  # a mention, a tag or a link begins here, for some reader of Markdown or other
        escaped = escaped.replace(start, start + _NOTHING)
    return escaped


def _section(title: str, items: list[str]) -> str:
    return "\n".join([f"### {title}", "", *(f"- {item}" for item in items)]) if items else ""


def _broken(notice: Notice) -> list[str]:
    """Symptom, since when, and on how much the cause rests, as far as the notice tells."""
    since = f"since {notice.since:%Y-%m-%d %H:%M} UTC" if notice.since else ""
    facts = f"facts that the cause rests on: {notice.facts}" if notice.facts is not None else ""
    until = f"the question ends at {notice.answer_by:%Y-%m-%d %H:%M} UTC" if notice.answer_by else ""
    return [line for line in (notice.symptom or "", since, facts, until) if line]


def _plan(notice: Notice) -> str:
    if notice.command is None:
        return ""
    inverse = [f"to undo it: {_code(notice.inverse_command)}"] if notice.inverse_command else []
    return _section("The plan", [_code(notice.command), *inverse])


def _next(notice: Notice) -> tuple[str, ...]:
    words = notice.cause.split(":")[0]
    cause = Cause(words) if words in frozenset(Cause) else None
    return next_steps(_target(notice.target), cause, notice.reasons)


def _target(ref: str) -> Target:
    """The target of `namespace/Kind/name`, or `Kind/name` without a namespace."""
    *namespace, kind, name = ["", "", *ref.split("/")][-3:]
    return Target(cluster_uid="", namespace=namespace[0], kind=kind, name=name)


def _code(text: str) -> str:
    """Inline code; a backtick in it would end it, so there is none."""
    plain = "".join(char if char.isprintable() else " " for char in text).replace("`", "'")
    return f"`{plain}`"
