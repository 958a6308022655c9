"""`byteport reject`: a person's no to exactly one plan, signed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from byteport.cli.answer import Choices, give
from byteport.cli.session import AsJson, run, settings_of


def reject(
    context: typer.Context,
    plan: Annotated[str | None, typer.Argument(help="Plan digest, or its first digits.")] = None,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; goes into the record.")] = "",
    key: Annotated[
        Path | None, typer.Option("--key", help="SSH key to sign with; default: settings, else agent.")
    ] = None,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="Do not sign; refused unless settings accept it.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before signing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Reject a plan that waits; without PLAN, list those that do."""
    from byteport.domain.approvals import Answer

    choices = Choices(reason=reason, key=key, unsigned=unsigned, yes=yes, as_json=as_json)
    run(give(settings_of(context), plan, Answer.REJECT, choices))
