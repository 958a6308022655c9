"""`byteport log-key`: the key by which others check the log. They should have it before there is a reason to doubt anything."""

from __future__ import annotations

import typer

from byteport.cli.output import print_json
from byteport.cli.session import AsJson, settings_of
from byteport.cli.signer import verifier_of


def log_key(context: typer.Context, as_json: AsJson = False) -> None:
    """Print the key by which the log's checkpoints are checked, for auditors and for witnesses."""
    key = verifier_of(settings_of(context))
    if as_json:
        print_json({"key": str(key)})
    else:
        typer.echo(str(key))  # one line, never folded: it is pasted
