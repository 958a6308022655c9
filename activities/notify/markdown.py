"""A notice as Markdown: what was seen, what was tried, why it stopped, what to look at next, and how to answer.

For channels that show Markdown, and in the file channel's line for those who read it by hand. Names and numbers come
from a cluster: what Markdown, HTML or a chat would take for a sign (mentions and links too) is made harmless.
"""

from __future__ import annotations

from byteport.contracts.people import Notice
from byteport.domain.explanations import meanings, next_steps, not_undone
from byteport.domain.legible import legible
from byteport.domain.markdown import code, inert, section
from byteport.domain.reasons import Cause
from byteport.domain.targets import Target


def as_markdown(notice: Notice) -> str:
    """The whole notice; ends with a newline."""
    parts = [
        f"## {inert(notice.title)}",
        f"**{inert(notice.target)}** on cluster **{inert(notice.cluster)}**: {inert(notice.cause.replace('_', ' '))}",
        section("What is broken", [inert(item) for item in _broken(notice)]),
        section("What was seen", [inert(legible(item)) for item in notice.evidence]),
        section("What was tried", [inert(item) for item in notice.tried] or ["nothing"]) if notice.rung else "",
        section("Why it stopped here", [inert(text) for text in meanings(notice.reasons)]),
        _plan(notice),
        section("What to look at next", [inert(text) for text in _next(notice)]),
        section("How to answer", [code(notice.how_to_answer)]) if notice.how_to_answer else "",
        f"Run {code(notice.workflow_id)}, incident {code(notice.incident_id)}, runbook {inert(notice.runbook)}",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _broken(notice: Notice) -> list[str]:
    """Symptom, since when, and on how much the cause rests, as far as the notice tells."""
    since = f"since {notice.since:%Y-%m-%d %H:%M} UTC" if notice.since else ""
    facts = f"facts that the cause rests on: {notice.facts}" if notice.facts is not None else ""
    until = f"the question ends at {notice.answer_by:%Y-%m-%d %H:%M} UTC" if notice.answer_by else ""
    return [line for line in (notice.symptom or "", since, facts, until) if line]


def _plan(notice: Notice) -> str:
    if notice.command is None:
        return ""
    inverse = code(notice.inverse_command) if notice.inverse_command else inert(not_undone(notice.runbook))
    return section("The plan", [code(notice.command), f"to undo it: {inverse}"])


def _next(notice: Notice) -> tuple[str, ...]:
    words = notice.cause.split(":")[0]
    cause = Cause(words) if words in frozenset(Cause) else None
    return next_steps(_target(notice.target), cause, notice.reasons, answered_by=notice.how_to_answer)


def _target(ref: str) -> Target:
    """The target of `namespace/Kind/name`, or `Kind/name` without a namespace."""
    *namespace, kind, name = ["", "", *ref.split("/")][-3:]
    return Target(cluster_uid="", namespace=namespace[0], kind=kind, name=name)
