"""The list of commands, in the order in which a newcomer meets them."""

from __future__ import annotations

import typer

from byteport.cli.ack import ack
from byteport.cli.approve import approve
from byteport.cli.reject import reject
from byteport.cli.replay import replay
from byteport.cli.runs import runs
from byteport.cli.show import show
from byteport.cli.signal import signal

SEE = "See"
ANSWER = "Answer"
PROVE = "Prove"
RUN = "Run"


def add_commands(app: typer.Typer) -> None:
    """Register every command once."""
    if app.registered_commands:
        return
    for panel, command in (
        (SEE, runs),
        (SEE, show),
        (ANSWER, approve),
        (ANSWER, reject),
        (ANSWER, ack),
        (PROVE, replay),
        (RUN, signal),
    ):
        app.command(rich_help_panel=panel)(command)
