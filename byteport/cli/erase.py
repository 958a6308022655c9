"""`byteport erase`: ask for what records say to be erased, take that back, and see what has become of it.

Whoever has the ledger's credentials may ask, as with `byteport halt`; who did, and why, is a record. The request stands in
the ledger before Temporal is told, so that it is carried out though Temporal is down now.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.exits import Exit, exit_for
from byteport.cli.find import target_ref
from byteport.cli.ledger import erasures_of, must_have_the_time
from byteport.cli.output import complain, note, print_json, say, stderr, table, while_waiting
from byteport.cli.session import AsJson, client_of, person, run, settings_of
from byteport.errors import BytePortError, MalformedInput, TargetGone

if TYPE_CHECKING:
    from activities.audit.erasures import Request, Requested, Wanted
    from byteport.audit.records import Record
    from byteport.contracts.retention import OpenErasure
    from byteport.settings import Settings

app = typer.Typer(
    help="Erasure on request: what records say is destroyed after a day, within 72 hours; their hashes stay.",
    invoke_without_command=True,
)

Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; goes into the record, so write no name here.")]
By = Annotated[str | None, typer.Option("--as", help="Who asks; default `approvals.identity`.")]


@app.callback()
def erase(
    context: typer.Context,
    record: Annotated[
        list[str] | None, typer.Option("--record", metavar="ID", help="A record; again for more.")
    ] = None,
    incident: Annotated[str | None, typer.Option("--incident", metavar="ID", help="All of an incident.")] = None,
    target: Annotated[
        str | None, typer.Option("--target", metavar="REF", help="All about namespace/kind/name.")
    ] = None,
    reason: Reason = "",
    by: By = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask for records to be erased: shown first, and asked for only when you say yes. It can be taken back for a day."""
    if context.invoked_subcommand is not None:
        return
    wanted = _wanted(record or [], incident, target)
    settings = settings_of(context)
    erasures = erasures_of(settings)
    found = erasures.find(wanted)
    if not found:
        raise TargetGone("no record with a body is about that; was it erased or pruned already?")
    if not reason.strip():
        raise MalformedInput("--reason", "must say why; it goes into the record, so write no name in it")
    if not as_json:
        _show(found)
    must_have_the_time(settings, destroys=True)
    _confirm(found, yes=yes)
    requested = erasures.request([one.seq for one in found], by=by or person(settings), reason=reason)
    failed = run(_see_to(settings, _open(requested.request)))
    if as_json:
        print_json({"request": requested.request, "record": requested.record, "obstacles": requested.obstacles})
    else:
        _tell(requested)
    if failed is not None:
        complain(f"Temporal was not told: {failed.message}; the agent's daily run sees to it, within a day")
        raise typer.Exit(exit_for(failed))


@app.command("cancel")
def cancel(
    context: typer.Context,
    request: Annotated[str, typer.Argument(metavar="ID", help="The request, as `byteport erase list` names it.")],
    reason: Reason,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Take a request back. What is gone already stays gone."""
    settings = settings_of(context)
    must_have_the_time(settings, destroys=False)
    erasures = erasures_of(settings)
    recorded = erasures.cancel(request, by=by or person(settings), reason=reason)
    now = next(one for one in erasures.listed() if one.request_id == request)
    if run(_see_to(settings, _open(now))) is not None:
        note("Temporal was not told; the run finds it taken back when it looks next")
    if as_json:
        print_json({"request": now, "record": recorded})
    else:
        gone = f"; {now.erased} of {now.records} were gone already" if now.erased else ""
        say(f"{request} is taken back{gone}; recorded as {recorded.id}", style="green")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the requests, oldest first, with where what they name lies already."""
    listed = erasures_of(settings_of(context)).listed()
    if as_json:
        print_json(listed)
    elif not listed:
        say("Nothing was ever asked to be erased.")
    else:
        table(
            "REQUEST", "ASKED", "BY", "STATE", "RECORDS", "ERASED", "DUE", "LATE", "ALREADY AT", rows=map(_row, listed)
        )


def _wanted(records: Sequence[str], incident: str | None, target: str | None) -> Wanted:
    from activities.audit.erasures import Wanted

    if sum((bool(records), incident is not None, target is not None)) != 1:
        raise MalformedInput("erase", "say what by --record, --incident or --target, one of them")
    return Wanted(records=tuple(records), incident_id=incident, target=None if target is None else target_ref(target))


def _open(request: Request) -> OpenErasure:
    from activities.audit.erasures import waits

    return waits(request)


async def _see_to(settings: Settings, request: OpenErasure) -> BytePortError | None:
    """Start the run, or have it look; what kept Temporal from hearing of it."""
    from byteport.settings import installation
    from byteport.temporal.standing_runs import see_to_erasure

    try:
        client = await client_of(settings)
        await while_waiting("telling Temporal", see_to_erasure(client, installation(settings), request))
    except BytePortError as error:
        return error
    return None


def _show(found: Sequence[Record]) -> None:
    say(f"{len(found)} record(s): what they say will be destroyed; header, hash and place stay.", style="bold")
    rows = ((one.seq, one.timestamp, one.event.value, one.target, one.approver, one.command, one.id) for one in found)
    table("SEQ", "TIME", "EVENT", "TARGET", "BY", "COMMAND", "ID", rows=rows)


def _confirm(found: Sequence[Record], *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise MalformedInput("--yes", "is needed where nobody can be asked")
    stderr().print(f"Erase what {len(found)} record(s) say? [y/N] ", end="")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        note("nothing was asked for")
        raise typer.Exit(Exit.REFUSED)


def _tell(requested: Requested) -> None:
    request, times = requested.request, requested.request.times
    say(f"asked for as {request.request_id}; recorded as {requested.record.id}", style="bold")
    say(f"erased from {times.due:%Y-%m-%d %H:%M} UTC on, by {times.late:%Y-%m-%d %H:%M} UTC")
    say(f"to take it back: byteport erase cancel {request.request_id}")
    for one in requested.obstacles:
        say(f"in its way now: {one.says()}", style="bold yellow")
    for exported in request.exported:
        say(f"already at {exported.target}, up to record {exported.seq}: we cannot erase there, ask whoever runs it")


def _row(request: Request) -> tuple[object, ...]:
    at = ", ".join(f"{one.target} (to {one.seq})" for one in request.exported)
    times = request.times
    return (
        *(request.request_id, f"{request.at:%Y-%m-%d %H:%M}", request.by, request.state.value),
        *(request.records, request.erased, f"{times.due:%Y-%m-%d %H:%M}", f"{times.late:%Y-%m-%d %H:%M}", at),
    )
