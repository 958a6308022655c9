"""`byteport records`: the audit log, as people read it and as scripts take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.ledger import log_of
from byteport.cli.output import plain, print_json, say, table
from byteport.cli.session import AsJson, settings_of

if TYPE_CHECKING:
    from byteport.audit.records import Record

STYLES = {"success": "green", "failure": "red", "pending_approval": "yellow"}


def records(
    context: typer.Context,
    run: Annotated[str | None, typer.Option("--run", help="Only of this workflow id.")] = None,
    incident: Annotated[str | None, typer.Option("--incident", help="Only of this incident.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="Only about this target.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List audit records, oldest first."""
    from byteport.ledger.log import Filter

    wanted = Filter(workflow_id=run, incident_id=incident, target=target, limit=limit, newest_first=True)
    found = list(log_of(settings_of(context)).iter_records(wanted))[::-1]
    if as_json:
        print_json(found)
    elif not found:
        say("No record yet.")
    else:
        table("SEQ", "TIME", "EVENT", "DECISION", "RESULT", "TARGET", "COMMAND", "ID", rows=map(_row, found))


def _row(record: Record) -> tuple[object, ...]:
    result = record.result.value if record.result else ""
    return (
        record.seq,
        record.timestamp,
        record.event.value,
        record.decision.value,
        plain(result, STYLES.get(result, "")),
        record.target,
        record.command,
        record.id,
    )
