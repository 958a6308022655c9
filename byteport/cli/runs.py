"""`byteport runs`: what the agent is doing and has done, newest first."""

from __future__ import annotations

from typing import Annotated

import typer

from byteport.cli.output import ago, plain, print_json, say, table, while_waiting
from byteport.cli.session import AsJson, client_of, run, settings_of

STYLES = {"awaiting_approval": "yellow", "escalated": "red", "acted": "green"}


def runs(
    context: typer.Context,
    open_only: Annotated[bool, typer.Option("--open", help="Only runs that are not closed.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="How many.")] = 30,
    as_json: AsJson = False,
) -> None:
    """List remediations, newest first."""
    run(_runs(context, open_only, limit, as_json))


async def _runs(context: typer.Context, open_only: bool, limit: int, as_json: bool) -> None:
    from byteport.temporal.views import list_runs

    client = await client_of(settings_of(context))
    found = await while_waiting("listing runs", list_runs(client, open_only=open_only, limit=limit))
    if as_json:
        print_json(found)
        return
    if not found:
        say("No remediation yet. The watch reports symptoms by itself; `byteport signal` reports one by hand.")
        return
    rows = [
        (
            plain(one.target),
            plain(one.phase or one.status, STYLES.get(one.phase, "")),
            plain(one.decision, STYLES.get(one.decision, "")),
            one.runbook.removesuffix("Runbook"),
            "" if one.mttr_seconds is None else f"{one.mttr_seconds} s",
            ago(one.started_at),
            one.workflow_id,
        )
        for one in found
    ]
    table("TARGET", "PHASE", "DECISION", "RUNBOOK", "MTTR", "AGE", "ID", rows=rows)
