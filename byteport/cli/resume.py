"""`byteport resume`: ends a halt."""

from __future__ import annotations

from typing import Annotated

import typer

from byteport.cli.ledger import halts_of
from byteport.cli.output import print_json, say
from byteport.cli.session import AsJson, person, settings_of


def resume(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; goes into the record.")] = "",
    by: Annotated[str | None, typer.Option("--as", help="Who resumes; default `approvals.identity`.")] = None,
    as_json: AsJson = False,
) -> None:
    """End a halt. What waited for it is not done by itself: it is planned anew, or asked again."""
    settings = settings_of(context)
    recorded = halts_of(settings).resume(by=by or person(settings), reason=reason)
    if as_json:
        print_json({"halted": False, "record": recorded})
    elif recorded is None:
        say("nothing was halted")
    else:
        say(f"resumed; recorded as {recorded.id}", style="green")
