"""The verdicts on a log for a person: each on its line, apart from the others, then what was found. `--json` has all of it.

Comes before `verify_log`. What came out of a file may be anybody's words: it is printed so that it says nothing to a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from byteport.cli.against import print_matched
from byteport.cli.output import facts, say
from byteport.telemetry import printable

if TYPE_CHECKING:
    from byteport.audit.findings import Completeness, Fault, Finding, NotChecked, Report
    from byteport.audit.inclusion import Inclusion
    from byteport.audit.records import Record
    from byteport.domain.approvals import SignedAnswer

LAST_SECOND = 253_402_300_799
"""Of the year 9999. A cosignature's time may be any; what comes later is shown as this."""
MOST_RANGES = 20
"""Of destroyed bodies; `--json` has more."""


def print_report(report: Report, *, named: bool = False, part: bool = False) -> None:
    """The three verdicts apart, then each finding on a line."""
    if named:
        say(f"log of {report.chain.tenant}, cluster {report.chain.cluster_uid}", style="bold")
    good = report.intact.value == "intact"
    bodies = [
        f"{count} {what}"
        for count, what in (
            (report.removed, "body(ies) destroyed as recorded"),
            (report.not_opened, "body(ies) not opened: nothing is verified of them"),
            (report.still_there, "body(ies) still there that a record calls destroyed"),
            (report.repeated, "line(s) repeated"),
        )
        if count
    ]
    told = "; ".join([f"{report.records} record(s), {report.intact.value}", *bodies])
    say(f"intact: {'yes' if good else 'NO'} ({told})", style="green" if good else "bold red")
    for line in _destroyed(report):
        say(f"  {line}", style="dim")
    if not part:
        _print_complete(report.complete)
    for notice in report.notices:
        say(
            f"  {notice.count} record(s), the first of them {notice.seq}: {notice.says} [{notice.remark.value}]",
            style="yellow",
        )
    _print_findings(report.findings, report.not_listed, report.codes)
    print_matched(report.matched)


def _destroyed(report: Report) -> Iterator[str]:
    for cause in dict.fromkeys(one.cause for one in report.gone):
        ranges = [
            str(one.first) if one.first == one.last else f"{one.first}-{one.last}"
            for one in report.gone
            if one.cause is cause
        ]
        more = " and more" if len(ranges) > MOST_RANGES or report.gone_not_listed else ""
        yield f"{cause.value}: {', '.join(ranges[:MOST_RANGES])}{more}"


def _print_findings(findings: Sequence[Finding], not_listed: int, codes: Mapping[Fault, int]) -> None:
    """Each on a line, the place in the file first."""
    for finding in findings:
        place = f"{printable(finding.file or 'line')}:{finding.line} " if finding.line is not None else ""
        named = f"record {finding.seq} " if finding.seq else ""
        known = f"({finding.id}) " if finding.id else ""
        say(f"  {place}{named}{known}{finding.says} [{finding.fault.value}]", style="red")
    if not_listed:
        counted = ", ".join(f"{count} {fault.value}" for fault, count in sorted(codes.items()))
        say(f"  and {not_listed} more; of all: {counted}", style="red")


def _print_complete(complete: Completeness | NotChecked) -> None:
    from byteport.audit.findings import Coverage, NotChecked

    if isinstance(complete, NotChecked):
        say(f"complete: not checked; needs {complete.needs}", style="dim")
        return
    told = [f"{complete.checkpoints} signed checkpoint(s)", f"{complete.covered} record(s) covered"]
    if complete.as_of is not None:
        told.append(f"the last of them of {complete.as_of}")
    if complete.young:
        told.append(f"{complete.not_covered} newer not signed yet")
    elif complete.not_covered:
        told.append(f"{complete.not_covered} newer are covered by no checkpoint")
    if complete.witnesses:
        at = datetime.fromtimestamp(min(complete.cosigned_at or 0, LAST_SECOND), UTC).isoformat().replace("+00:00", "Z")
        told.append(f"cosigned by {', '.join(complete.witnesses)}, last at {at}")
    if complete.verdict is Coverage.INCOMPLETE:
        pass  # there is more to look at than what a whole log would not show
    elif not complete.kept:
        told.append(
            "a log cut back to an older checkpoint would look the same: bring one that was kept elsewhere (--checkpoint)"
        )
    elif complete.kept < complete.covered:
        told.append(f"a log cut back to a checkpoint after record {complete.kept} would look the same")
    answer, style, code = {
        Coverage.COMPLETE: ("yes", "green", ""),
        Coverage.PARTLY: (
            f"partly, to record {complete.covered} of {complete.covered + complete.not_covered}",
            "bold yellow",
            " [partly]",
        ),
        Coverage.INCOMPLETE: ("NO", "bold red", ""),
    }[complete.verdict]
    say(f"complete: {answer} ({'; '.join(told)}){code}", style=style)
    _print_findings(complete.findings, complete.not_listed, complete.codes)


def print_inclusion(inclusion: Inclusion | NotChecked) -> None:
    """Whether one record is in what was signed."""
    from byteport.audit.findings import NotChecked

    if isinstance(inclusion, NotChecked):
        say(f"included: not checked; needs {inclusion.needs}", style="dim")
        return
    answer = "yes" if inclusion.included else "NO"
    say(
        f"included: {answer} (record {inclusion.index + 1} of the {inclusion.size} that were signed)",
        style="green" if inclusion.included else "bold red",
    )


def print_record(record: Record | None) -> None:
    """What it is, in short; nothing of one that cannot be read."""
    if record is None:
        return
    facts(
        [
            ("record", record.id),
            ("seq", record.seq),
            ("time", record.timestamp),
            ("event", record.event.value),
            ("decision", record.decision.value),
            ("target", record.target),
            ("command", record.command),
            *(("answer", _answer(one)) for one in record.answers),
            ("hash", record.hash),
        ]
    )


def _answer(answer: SignedAnswer) -> str:
    """What was said, and what is in the record to prove whose word it was."""
    proof = "attested by a token" if answer.token else "signed" if answer.signature else "unsigned"
    return f"{answer.text.answer.value}, {proof}"
