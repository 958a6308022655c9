"""`byteport halt`: the kill switch. It needs neither Temporal nor the agent nor the cluster."""

from __future__ import annotations

from typing import Annotated

import typer

from byteport.cli.ledger import halts_of
from byteport.cli.output import print_json, say
from byteport.cli.session import AsJson, person, settings_of


def halt(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; goes into the record.")] = "",
    by: Annotated[str | None, typer.Option("--as", help="Who halts; default `approvals.identity`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Stop every act, granted ones too, within 5 s and until `byteport resume`."""
    settings = settings_of(context)
    halts = halts_of(settings)
    before = halts.in_force()
    recorded = halts.halt(by=by or person(settings), reason=reason)
    now = halts.in_force()
    if as_json:
        print_json({"halted": now is not None, "halt": now, "record": recorded})
    elif before is not None:
        say(f"already halted by {before.by} since {before.since:%Y-%m-%d %H:%M:%S} UTC; recorded as {recorded.id}")
    else:
        say(f"halted: nothing is acted until `byteport resume`; recorded as {recorded.id}", style="bold red")
