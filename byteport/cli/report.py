"""`byteport report`: what the agent did in a time, from the log alone: what it fixed, what people were needed for, what did not hold."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.ledger import log_of
from byteport.cli.output import facts, print_json, say, table
from byteport.cli.session import AsJson, settings_of
from byteport.cli.times import YEARS, parse_time
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from byteport.audit.tally import Answers, Summary, Times

UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_LONG = re.compile(r"([1-9][0-9]{0,4})([hdw])")
RUNBOOKS = (
    "RUNBOOK", "FIXED ALONE", "AFTER A YES", "DID NOT HELP", "REVERTED", "ASKED", "ESCALATED", "SKIPPED", "DID NOT HOLD",
    "MTTR P50", "MTTR P90",
)  # fmt: skip
REFUSALS = ("RUNBOOK", "REASON", "TIMES")
NOT_HELD = ("TIME", "RUNBOOK", "TARGET", "CAUSE", "INCIDENT")


def report(
    context: typer.Context,
    since: Annotated[
        str, typer.Option("--since", help="Since when: 12h, 7d, 4w, or a time as in 2026-03-10T09:00:00Z.")
    ] = "7d",
    until: Annotated[str | None, typer.Option("--until", help="Up to when; the same. Default: now.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown for a page.")] = False,
    as_json: AsJson = False,
) -> None:
    """Sum up the log: time to repair, what was fixed and held, what was refused and why, and how long people took."""
    from byteport.audit.tally import Tally
    from byteport.ledger.log import Filter
    from byteport.ledger.unseen import unseen

    if markdown and as_json:
        raise MalformedInput("--markdown", "is another form than --json; choose one")
    now = datetime.now(UTC)
    begin, end = moment("--since", since, now), now if until is None else moment("--until", until, now)
    if begin >= end:
        raise MalformedInput("--since", "must be before --until")
    settings = settings_of(context)
    tally, log = Tally(), log_of(settings)
    tally.add_all(log.iter_records(Filter(tenant=settings.tenant, since=begin, until=end)))
    gone = unseen(log.store, settings.tenant, begin, end)  # last: what is destroyed meanwhile is told, not lost
    summary = tally.summary(begin, end, gone)
    if as_json:
        print_json(summary)
    elif markdown:
        typer.echo("\n".join(written(summary)))
    else:
        _show(summary)


def moment(option: str, text: str, now: datetime) -> datetime:
    """`7d` before now, or a time. Raises `MalformedInput`."""
    if (long := _LONG.fullmatch(text)) is not None:
        try:
            begin = now - int(long[1]) * UNITS[long[2]]
        except OverflowError:
            begin = datetime.min.replace(tzinfo=UTC)
        if begin.year not in YEARS:
            raise MalformedInput(option, "is before any record can be")
        return begin
    if not re.search(r"[T-]", text):
        raise MalformedInput(option, "write how long ago, as in 12h, 7d or 4w, or a time as in 2026-03-10T09:00:00Z")
    return parse_time(option, text, zone=UTC)


def _show(summary: Summary) -> None:
    if not summary.records:
        say(f"No record between {_at(summary.since)} and {_at(summary.until)}.")
        for line in _unseen(summary):
            say(f"Not seen: {line}.")
        return
    facts([*_facts(summary), *(("not seen", line) for line in _unseen(summary))])
    for title, head, rows in _tables(summary):
        say(f"\n{title}", style="bold")
        table(*head, rows=rows)


def written(summary: Summary) -> Iterator[str]:
    """The same as Markdown, line by line. Names from a cluster stand in it as code, and end no cell."""
    yield f"# BytePort, {_at(summary.since)} to {_at(summary.until)}"
    yield ""
    if not summary.records:
        yield "No record."
    for name, value in _facts(summary) if summary.records else ():
        yield f"- {name}: {value}"
    for line in _unseen(summary):
        yield f"- not seen: {line}"
    for title, head, rows in _tables(summary):
        yield ""
        yield f"## {title}"
        yield ""
        yield f"| {' | '.join(word.lower() for word in head)} |"
        yield "|" + "---|" * len(head)
        for row in rows:
            yield f"| {' | '.join(_cell(cell) for cell in row)} |"


def _facts(summary: Summary) -> list[tuple[str, object]]:
    return [
        ("from", _at(summary.since)),
        ("to", _at(summary.until)),
        ("records", str(summary.records)),
        ("pages saved", f"{summary.acted_alone_and_held} repaired alone and held"),
        ("escalated", str(summary.escalated)),
        ("plans that waited", _answers(summary.answers)),
        ("answered after", _times(summary.answers.waited)),
    ]


def _unseen(summary: Summary) -> Iterator[str]:
    """What of the time is in no sum, and why, so that nobody takes a few records for all of them."""
    gone = summary.unseen
    if gone.destroyed:
        about = ", ".join(f"{count} {event.replace('_', ' ')}" for event, count in sorted(gone.events.items()))
        yield (
            f"{gone.destroyed} more record(s) ({about}) from {_at(gone.first)} to {_at(gone.last)}, whose content retention or "
            "an erasure has destroyed; byteport verify-log --all says whether that is recorded"
        )
    if gone.locked:
        yield f"{gone.locked} more record(s) whose key is not in ledger.body_key"
    if gone.log_begins is None:
        yield "anything: nothing was ever recorded for this tenant here"
    elif summary.since is not None and gone.log_begins > summary.since:
        yield f"anything before {_at(gone.log_begins)}: the log begins then"


def _answers(answers: Answers) -> str:
    ended = f"{answers.approved} approved, {answers.rejected} rejected, {answers.expired} expired or withdrawn"
    return f"{answers.asked} asked, {ended}, {answers.open} open; {answers.refused} answer(s) did not count"


def _tables(summary: Summary) -> Iterator[tuple[str, Sequence[str], list[tuple[object, ...]]]]:
    yield (
        "By runbook",
        RUNBOOKS,
        [
            (
                one.runbook,
                one.fixed_alone,
                one.fixed_after_a_yes,
                one.did_not_help,
                one.reverted,
                one.planned_only,
                one.escalated,
                one.skipped,
                one.did_not_hold,
                _seconds(one.mttr.p50),
                _seconds(one.mttr.p90),
            )
            for one in summary.runbooks
        ],
    )
    if summary.refusals:
        yield "Why not, or not alone", REFUSALS, [(one.runbook, one.reason, one.count) for one in summary.refusals]
    if summary.not_held:
        rows: list[tuple[object, ...]] = [
            (_at(one.at), one.runbook, one.target, one.cause, one.incident_id) for one in summary.not_held
        ]
        yield "What did not hold", NOT_HELD, rows


def _cell(value: object) -> str:
    if value is None or value == "":
        return "–"
    text = "".join(char if char.isprintable() and char not in "`|" else "·" for char in str(value))
    return f"`{text}`" if isinstance(value, str) else text


def _times(spent: Times) -> str:
    if not spent.count:
        return "–"
    return f"{_seconds(spent.p50)} (median), {_seconds(spent.p90)} (90th percentile), {_seconds(spent.longest)} at most"


def _seconds(value: int | None) -> str:
    return "" if value is None else f"{value} s"


def _at(at: datetime | None) -> str:
    return "the beginning" if at is None else at.strftime("%Y-%m-%d %H:%M UTC")
