"""`byteport verify-log`: whether the log is what was appended and all of it; one record, a ledger, or files without any.

Three verdicts are printed apart, and what was not checked says what it would need. `log_files` reads what a stranger was
handed; what the verdicts mean stands in docs/audit/verdicts.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.against import (
    DEFAULT_SKEW,
    Account,
    Against,
    AgainstFiles,
    ClockSkew,
    Cluster,
    print_matched,
    with_matching,
)
from byteport.cli.exits import Exit
from byteport.cli.ledger import log_of
from byteport.cli.log_files import checkpoints_in, entries_in, trust_of, verify_files
from byteport.cli.output import facts, print_json, say
from byteport.cli.session import AsJson, settings_of
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from byteport.audit.findings import Completeness, Finding, NotChecked, Report
    from byteport.audit.inclusion import Inclusion
    from byteport.audit.records import Record

LAST_SECOND = 253_402_300_799
"""Of the year 9999. A cosignature's time may be any; what comes later is shown as this."""


def verify_log(
    context: typer.Context,
    record: Annotated[
        str | None, typer.Argument(metavar="ID", help="A record's id; its neighbours are checked too.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Check every record of every chain.")] = False,
    files: Annotated[
        list[Path] | None,
        typer.Option("--file", help="An export, or a folder of them; needs no ledger, no network and no settings."),
    ] = None,
    ledger: Annotated[Path | None, typer.Option("--ledger", help="A ledger file, such as an auditor's copy.")] = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="VKEY|FILE", help="The log's public key, to tell complete.")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option("--checkpoint", help="A signed checkpoint that was kept elsewhere.")
    ] = None,
    witness: Annotated[
        list[str] | None, typer.Option("--witness", metavar="VKEY|FILE", help="A witness whose cosignature counts.")
    ] = None,
    quorum: Annotated[
        int | None, typer.Option("--quorum", help="How many witnesses must have cosigned; default: all that are named.")
    ] = None,
    against: AgainstFiles = None,
    service_account: Account = None,
    clock_skew: ClockSkew = DEFAULT_SKEW,
    cluster: Cluster = None,
    as_json: AsJson = False,
) -> None:
    """Verify the audit log; exit 1 when a record was changed, moved or taken away, or when there is none."""
    if sum((record is not None, everything, bool(files))) != 1:
        raise MalformedInput("verify-log", "give a record's ID, or --all, or --file")
    trust = trust_of(key or (), witness or (), quorum)
    given = checkpoints_in(checkpoint or ())
    held = Against(tuple(against or ()), service_account, clock_skew, cluster)
    held.must_fit(whole=record is None)
    if record is not None:
        one = log_of(settings_of(context), ledger).verify_one(record, trust, given)
        reports: Sequence[Report] = (one.report,)
        shown: object = {"record": one.record, "report": one.report, "inclusion": one.inclusion}
    elif files:
        paths = files
        reports = with_matching((verify_files(paths, given, trust),), held, lambda chain: entries_in(paths, chain))
        shown = reports
    else:
        log = log_of(settings_of(context), ledger)
        reports = with_matching(log.verify_all(trust, given), held, log.entries)
        shown = reports
    if as_json:
        print_json(shown)
    else:
        if record is not None:
            _print_record(one.record)
        for report in reports:
            print_report(report, named=len(reports) > 1, part=record is not None)
        if record is not None:
            _print_inclusion(one.inclusion)
    good = all(is_shown(report, asked=bool(trust.keys) and record is None) for report in reports)
    if not good or (record is not None and trust.keys and not getattr(one.inclusion, "included", False)):
        raise typer.Exit(Exit.FINDING)


def is_shown(report: Report, *, asked: bool) -> bool:
    """Whether all that was asked for holds. With a key it was asked whether the log is complete, and `not checked` is no yes."""
    from byteport.audit.findings import NotChecked

    return report.is_good and not (asked and isinstance(report.complete, NotChecked))


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
        )
        if count
    ]
    told = "; ".join([f"{report.records} record(s), {report.intact.value}", *bodies])
    say(f"intact: {'yes' if good else 'NO'} ({told})", style="green" if good else "bold red")
    if not part:
        _print_complete(report.complete)
    print_findings(report.findings)
    if report.not_listed:
        say(f"  and {report.not_listed} more", style="red")
    print_matched(report.matched)


def print_findings(findings: Sequence[Finding]) -> None:
    """Each on a line, the place in the file first."""
    for finding in findings:
        place = f"{finding.file or 'line'}:{finding.line} " if finding.line is not None else ""
        named = f"record {finding.seq} " if finding.seq else ""
        known = f"({finding.id}) " if finding.id else ""
        say(f"  {place}{named}{known}{finding.says} [{finding.fault.value}]", style="red")


def _print_complete(complete: Completeness | NotChecked) -> None:
    from byteport.audit.findings import Coverage, NotChecked

    if isinstance(complete, NotChecked):
        say(f"complete: not checked; needs {complete.needs}", style="dim")
        return
    good = complete.verdict is Coverage.COMPLETE
    told = [f"{complete.checkpoints} signed checkpoint(s)", f"{complete.covered} record(s) covered"]
    if complete.not_covered:
        told.append(f"{complete.not_covered} newer not covered yet")
    if complete.witnesses:
        at = datetime.fromtimestamp(min(complete.cosigned_at or 0, LAST_SECOND), UTC).isoformat().replace("+00:00", "Z")
        told.append(f"cosigned by {', '.join(complete.witnesses)}, last at {at}")
    say(f"complete: {'yes' if good else 'NO'} ({'; '.join(told)})", style="green" if good else "bold red")
    print_findings(complete.findings)


def _print_inclusion(inclusion: Inclusion | NotChecked) -> None:
    from byteport.audit.findings import NotChecked

    if isinstance(inclusion, NotChecked):
        say(f"included: not checked; needs {inclusion.needs}", style="dim")
        return
    answer = "yes" if inclusion.included else "NO"
    say(
        f"included: {answer} (record {inclusion.index + 1} of the {inclusion.size} that were signed)",
        style="green" if inclusion.included else "bold red",
    )


def _print_record(record: Record | None) -> None:
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
            ("hash", record.hash),
        ]
    )
