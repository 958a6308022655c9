"""The list of commands, in the order in which a newcomer meets them."""

from __future__ import annotations

import typer

from byteport.cli import alarm, erase, export, hold, keys, migrate, notify, policy, sandbox, secrets, signer, witness
from byteport.cli.ack import ack
from byteport.cli.alerts import alerts
from byteport.cli.api import api
from byteport.cli.approve import approve
from byteport.cli.checkpoints import checkpoints
from byteport.cli.codec import codec
from byteport.cli.console import console
from byteport.cli.disable import disable
from byteport.cli.doctor import doctor
from byteport.cli.enable import enable
from byteport.cli.explain import explain
from byteport.cli.halt import halt
from byteport.cli.log_key import log_key
from byteport.cli.records import records
from byteport.cli.reject import reject
from byteport.cli.replay import replay
from byteport.cli.report import report
from byteport.cli.resume import resume
from byteport.cli.runs import runs
from byteport.cli.show import show
from byteport.cli.signal import signal
from byteport.cli.support_bundle import support_bundle
from byteport.cli.verify_log import verify_log
from byteport.cli.worker import worker

SEE = "See"
ANSWER = "Answer"
PROVE = "Prove"
RUN = "Run"


def add_commands(app: typer.Typer) -> None:
    """Register every command once."""
    if app.registered_commands:
        return
    app.add_typer(sandbox.app, name="sandbox", rich_help_panel=RUN)
    app.add_typer(keys.app, name="keys", rich_help_panel=RUN)
    app.add_typer(secrets.app, name="secrets", rich_help_panel=RUN)
    app.add_typer(migrate.app, name="ledger", rich_help_panel=RUN)
    app.add_typer(alarm.app, name="alarm", rich_help_panel=ANSWER)
    app.add_typer(policy.app, name="policy", rich_help_panel=ANSWER)
    app.add_typer(notify.app, name="notify", rich_help_panel=RUN)
    app.add_typer(hold.app, name="hold", rich_help_panel=PROVE)
    app.add_typer(erase.app, name="erase", rich_help_panel=PROVE)
    app.add_typer(export.app, name="export", rich_help_panel=PROVE)
    app.add_typer(signer.app, name="signer", rich_help_panel=RUN)
    app.add_typer(witness.app, name="witness", rich_help_panel=PROVE)
    for panel, command in (
        (RUN, worker),
        (RUN, api),
        (RUN, alerts),
        (RUN, console),
        (RUN, codec),
        (RUN, signal),
        (RUN, enable),
        (RUN, disable),
        (SEE, runs),
        (SEE, show),
        (SEE, explain),
        (ANSWER, approve),
        (ANSWER, reject),
        (ANSWER, ack),
        (ANSWER, halt),
        (ANSWER, resume),
        (SEE, report),
        (PROVE, records),
        (PROVE, verify_log),
        (PROVE, checkpoints),
        (PROVE, log_key),
        (PROVE, replay),
        (PROVE, doctor),
        (PROVE, support_bundle),
    ):
        app.command(rich_help_panel=panel)(command)
