"""`byteport verify-log`: whether the log is what was appended, one record or all of it, with the record at fault named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.exits import Exit
from byteport.cli.ledger import log_of
from byteport.cli.output import facts, print_json, say
from byteport.cli.session import AsJson, settings_of
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from byteport.audit.verify import Report
    from byteport.ledger.log import One


def verify_log(
    context: typer.Context,
    record: Annotated[
        str | None, typer.Argument(metavar="ID", help="A record's id; its neighbours are checked too.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every record of every chain.")] = False,
    ledger: Annotated[Path | None, typer.Option("--ledger", help="A ledger file, such as an auditor's copy.")] = None,
    as_json: AsJson = False,
) -> None:
    """Verify the audit log; exit 1 when a record was changed, moved or taken away, or when there is none."""
    if (record is None) is not everything:
        raise MalformedInput("verify-log", "give a record's ID, or --all")
    log = log_of(settings_of(context), ledger)
    if record is not None:
        one = log.verify_one(record)
        reports: tuple[Report, ...] = (one.report,)
        if as_json:
            print_json({"record": one.record, "report": one.report})
        else:
            _print_record(one)
    else:
        reports = log.verify_all()
        if as_json:
            print_json(reports)
    if not as_json:
        for report in reports:
            print_report(report)
    if any(report.intact.value != "intact" for report in reports):
        raise typer.Exit(Exit.FINDING)


def print_report(report: Report) -> None:
    """The three verdicts apart, then each finding on a line."""
    from byteport.audit.verify import NotChecked

    good = report.intact.value == "intact"
    say(
        f"intact: {'yes' if good else 'NO'} ({report.records} record(s), {report.intact.value})",
        style="green" if good else "bold red",
    )
    complete = report.complete
    if isinstance(complete, NotChecked):
        say(f"complete: not checked; needs {complete.needs}", style="dim")
    say(f"matched: not checked; needs {report.matched.needs}", style="dim")
    for finding in report.findings:
        named = f"record {finding.seq}" + (f" ({finding.id})" if finding.id else "")
        say(f"  {named} {finding.says} [{finding.fault.value}]", style="red")


def _print_record(one: One) -> None:
    if one.record is None:
        return
    record = one.record
    facts(
        [
            ("record", record.id),
            ("seq", record.seq),
            ("time", record.timestamp),
            ("event", record.event.value),
            ("decision", record.decision.value),
            ("target", record.target),
            ("command", record.command),
            ("hash", record.hash),
        ]
    )
