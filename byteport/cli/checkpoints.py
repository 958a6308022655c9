"""`byteport checkpoints`: what was signed of the log, so that somebody can carry one away and hold the log to it later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from byteport.cli.exits import Exit
from byteport.cli.output import print_json, say, table
from byteport.cli.session import AsJson, settings_of

if TYPE_CHECKING:
    from datetime import datetime

    from byteport.ledger.checkpoints import Checkpoint

MOST = 20


class Row(NamedTuple):
    """One checkpoint as it is shown; who signed it is said by the note and not checked here."""

    size: int
    at: datetime
    signed_by: tuple[str, ...]
    note: str


def checkpoints(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--list", help=f"List the newest {MOST} instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the newest checkpoint of the log as it was signed, ready to be kept elsewhere."""
    from byteport.audit.heads import Chain
    from byteport.ledger.checkpoints import latest, since
    from byteport.ledger.opening import open_reader
    from byteport.settings import installation

    settings = settings_of(context)
    ours = installation(settings)
    chain = Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid)
    with open_reader(settings.ledger, settings.tenant).snapshot() as sql:
        newest = latest(sql, chain)
        kept = since(sql, chain, 0)[-MOST:] if every else (newest,) if newest is not None else ()
    rows = list(_rows(kept))
    if as_json:
        print_json(rows)
    elif not rows:
        say("Nothing of this log was signed yet.")
    elif every:
        table(
            "RECORDS",
            "SIGNED",
            "BY",
            rows=((row.size, f"{row.at:%Y-%m-%d %H:%M:%S}", ", ".join(row.signed_by)) for row in reversed(rows)),
        )
    else:
        typer.echo(rows[-1].note, nl=False)  # byte by byte: a space more and no signature holds
    if not rows:
        raise typer.Exit(Exit.NOT_FOUND)


def _rows(kept: tuple[Checkpoint, ...]) -> Iterator[Row]:
    from byteport.audit.notes import parse_note
    from byteport.errors import MalformedInput
    from byteport.ledger.append import moment

    for one in kept:
        try:
            names = tuple(f"{line.name}+{line.key_id.hex()}" for line in parse_note(one.note).signatures)
        except MalformedInput:
            names = ()
        yield Row(one.size, moment(one.at_ms), names, one.note)
