"""`byteport verify-log`: whether the log is what was appended and all of it; one record, a ledger, or files without any.

Three verdicts are told apart, and what was not checked says what it would need. `log_files` reads what a stranger was
handed, `verdicts` prints; what the verdicts mean stands in docs/audit/verdicts.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
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
    with_matching,
)
from byteport.cli.exits import Exit
from byteport.cli.ledger import log_of
from byteport.cli.log_files import checkpoints_in, entries_in, trust_of, verify_files
from byteport.cli.output import note, print_json
from byteport.cli.session import AsJson, settings_of
from byteport.cli.spooling import readable_again
from byteport.cli.verdicts import print_inclusion, print_record, print_report
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from byteport.audit.completeness import Young
    from byteport.audit.findings import Report
    from byteport.audit.heads import Chain

NOT_SIGNED_YET = timedelta(minutes=10)
"""Records of a ledger that are younger need no checkpoint yet; one is signed each minute, if nothing is in the way."""


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
    uncovered: Annotated[
        str | None,
        typer.Option(
            "--uncovered",
            metavar="N|any",
            help="Be content with so many records that no checkpoint covers; default: none.",
        ),
    ] = None,
    at_least_once: Annotated[
        bool,
        typer.Option("--at-least-once", help="Pass over lines of files that are there twice, the same to the byte."),
    ] = False,
    quorum: Annotated[
        int | None, typer.Option("--quorum", help="How many witnesses must have cosigned; default: all that are named.")
    ] = None,
    against: AgainstFiles = None,
    service_account: Account = None,
    clock_skew: ClockSkew = DEFAULT_SKEW,
    cluster: Cluster = None,
    as_json: AsJson = False,
) -> None:
    """Verify the audit log; exit 1 when a record was changed, moved or taken away, or when there is none, 6 when a part of it is
    shown by nothing that was signed."""
    if sum((record is not None, everything, bool(files))) != 1:
        raise MalformedInput("verify-log", "give a record's ID, or --all, or --file")
    trust = trust_of(key or (), witness or (), quorum)
    given = checkpoints_in(checkpoint or ())
    most = _most(uncovered)
    held = Against(tuple(against or ()), service_account, clock_skew, cluster)
    held.must_fit(whole=record is None)
    set_aside: Sequence[Chain] = ()
    if record is not None:
        one = log_of(settings_of(context), ledger).verify_one(record, trust, given)
        reports: Sequence[Report] = (one.report,)
        shown: object = {"record": one.record, "report": one.report, "inclusion": one.inclusion}
    elif files:
        with readable_again(files) as paths:
            found, set_aside, of = verify_files(paths, given, trust, at_least_once=at_least_once)
            reports = shown = with_matching(found, held, lambda chain: entries_in(of[chain], chain))
    else:
        log = log_of(settings_of(context), ledger)
        reports = shown = with_matching(log.verify_all(trust, given, young=_young()), held, log.entries)
    if as_json:
        print_json(shown)
    else:
        if record is not None:
            print_record(one.record)
        for report in reports:
            print_report(report, named=len(reports) > 1 or bool(set_aside), part=record is not None)
        if record is not None:
            print_inclusion(one.inclusion)
    for chain in set_aside:
        note(f"the log {chain.origin} is there too, and is not verified: its key was not given")
    asked = bool(trust.keys) and record is None
    codes = {code_of(report, asked=asked, uncovered=most) for report in reports}
    if record is not None and trust.keys and not getattr(one.inclusion, "included", False):
        codes.add(Exit.FINDING)
    for worst in (Exit.FINDING, Exit.PARTLY):
        if worst in codes:
            raise typer.Exit(worst)


def _most(uncovered: str | None) -> float:
    """How many records without a checkpoint are well, as it was typed."""
    if uncovered is None or uncovered == "any":
        return -1 if uncovered is None else math.inf
    if not uncovered.isascii() or not uncovered.isdecimal() or len(uncovered) > 15:
        raise MalformedInput("--uncovered", "is a number of records, or any")
    return int(uncovered)


def _young() -> Young:
    """A ledger that is written to has records that the signer has not come to yet, by this machine's clock."""
    from byteport.audit.completeness import Young
    from byteport.audit.records import timestamp

    now = datetime.now(UTC)
    return Young(timestamp(now - NOT_SIGNED_YET), timestamp(now + NOT_SIGNED_YET))


def code_of(report: Report, *, asked: bool, uncovered: float = -1) -> Exit:
    """What a script is told. With a key it was asked whether the log is complete, and `not checked` is no yes."""
    from byteport.audit.findings import Coverage, NotChecked

    if isinstance(report.complete, NotChecked):
        return Exit.OK if report.is_good and not asked else Exit.FINDING
    if report.complete.verdict is not Coverage.PARTLY:
        return Exit.OK if report.is_good else Exit.FINDING
    if not report.is_good_so_far:
        return Exit.FINDING
    return Exit.OK if report.complete.not_covered <= uncovered else Exit.PARTLY
