"""`byteport hold`: legal holds, which keep records from being pruned and erased. Needs only the ledger.

Whoever has the ledger's credentials may set and end one, as with `byteport halt`; who did, and why, is a record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.exits import Exit
from byteport.cli.find import target_ref
from byteport.cli.ledger import holds_of, must_have_the_time
from byteport.cli.output import print_json, say, table
from byteport.cli.session import AsJson, person, settings_of
from byteport.cli.times import parse_time
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from activities.audit.holds import About, Hold

app = typer.Typer(
    help="Legal holds: what one is about is neither pruned nor erased for as long as it stands.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is called, as your case is.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; goes into the record.")]
By = Annotated[str | None, typer.Option("--as", help="Who does it; default `approvals.identity`.")]


@app.command("set")
def set_(
    context: typer.Context,
    name: Name,
    reason: Reason,
    incident: Annotated[str | None, typer.Option("--incident", help="Records of this incident.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Records about namespace/kind/name.")] = None,
    runbook: Annotated[str | None, typer.Option("--runbook", help="Records of this runbook.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="From this time on, as 2026-03-10T09:00:00Z.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Before this time.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every record, those to come included.")] = False,
    future: Annotated[
        bool, typer.Option("--future", help="Set it though it keeps nothing yet: for records to come.")
    ] = False,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Keep records, those to come included; several conditions must all be so."""
    about = _about(incident, target, runbook, since, until)
    if about.everything is not everything:
        raise MalformedInput("hold", "say what it is about, or --all and nothing else")
    settings = settings_of(context)
    must_have_the_time(settings, destroys=False)
    recorded, keeps = holds_of(settings).set_(name, about, by=by or person(settings), reason=reason, future=future)
    if as_json:
        print_json({"hold": name, "about": about, "stands": True, "keeps": keeps, "record": recorded})
    elif recorded is None:
        say(f"{name} stands already, and keeps {keeps} record(s) now")
    else:
        say(f"{name} stands: {about.options()} is kept, {keeps} record(s) now; recorded as {recorded.id}", style="bold")


@app.command("end")
def end(context: typer.Context, name: Name, reason: Reason, by: By = None, as_json: AsJson = False) -> None:
    """End a hold; what is old enough, or was to be erased, goes at the next look."""
    settings = settings_of(context)
    must_have_the_time(settings, destroys=True)
    recorded = holds_of(settings).end(name, by=by or person(settings), reason=reason)
    if as_json:
        print_json({"hold": name, "stands": False, "record": recorded})
    elif recorded is None:
        say(f"no hold {name} stands")
    else:
        say(f"{name} has ended; recorded as {recorded.id}", style="green")
    if recorded is None:
        raise typer.Exit(Exit.NOT_FOUND)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the holds that stand, oldest first."""
    standing = holds_of(settings_of(context)).standing()
    if as_json:
        print_json(standing)
    elif not standing:
        say("No hold stands.")
    else:
        table("HOLD", "ABOUT", "SINCE", "BY", "REASON", rows=map(_row, standing))


def _about(
    incident: str | None, target: str | None, runbook: str | None, since: str | None, until: str | None
) -> About:
    from activities.audit.holds import About

    return About(
        incident_id=incident,
        target=None if target is None else target_ref(target),
        runbook=runbook,
        since=None if since is None else parse_time("--since", since),
        until=None if until is None else parse_time("--until", until),
    )


def _row(hold: Hold) -> tuple[object, ...]:
    return hold.name, hold.about.options(), f"{hold.since:%Y-%m-%d %H:%M:%S}", hold.by, hold.reason
