"""`byteport halt`: the kill switch, twice: at the API server, which needs none of ours, and in the ledger, which needs no cluster.

Each is thrown even if the other cannot be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.exits import Exit, exit_for
from byteport.cli.hands import Context, Kubeconfig
from byteport.cli.ledger import halts_of
from byteport.cli.output import complain, note, print_json, say
from byteport.cli.session import AsJson, person, run, settings_of
from byteport.errors import BytePortError, ConfigError, MalformedInput

if TYPE_CHECKING:
    from activities.audit.halts import Halt
    from byteport.cli.switch import Turned
    from byteport.contracts.ledger import Recorded
    from byteport.settings import Settings

NoCluster = Annotated[bool, typer.Option("--no-cluster", help="Leave the API server's switch as it is.")]
NoLedger = Annotated[
    bool, typer.Option("--no-ledger", help="Only the API server's switch: for a machine without the ledger.")
]


def halt(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; goes into the record.")] = "",
    by: Annotated[str | None, typer.Option("--as", help="Who halts; default `approvals.identity`.")] = None,
    kubeconfig: Kubeconfig = None,
    cluster_context: Context = None,
    no_cluster: NoCluster = False,
    no_ledger: NoLedger = False,
    as_json: AsJson = False,
) -> None:
    """Stop every act, granted ones too, within 5 s and until `byteport resume`: at the API server, and in the ledger."""
    from byteport.cli.switch import Side, Turned, turn
    from byteport.cli.turning import take_away

    refuse_neither(no_cluster, no_ledger)
    settings, unread = settings_or_error(context)
    if no_cluster:
        turned = Turned(side=Side.LEFT, told="the API server's switch was left as it is")
    else:
        turned = run(turn(settings, known_uid(settings), kubeconfig, cluster_context, take_away, BY_HAND))
    before, recorded, now, failed = None, None, None, unread
    if settings is not None and not no_ledger:
        try:
            halts = halts_of(settings)
            before = halts.in_force()
            recorded = halts.halt(by=by or person(settings), reason=reason)
            now = halts.in_force()
        except BytePortError as error:
            failed = error
    failed = None if no_ledger else failed
    if as_json:
        ledger = {"halted": now is not None, "halt": now, "record": recorded}
        print_json({**ledger, "ledger_error": failed and failed.message, "api_server": turned})
    else:
        _tell(turned, "API server: halted: ")
        if recorded is not None:
            _tell_ledger(before, recorded)
    end(turned, failed, "halted", only_cluster=no_ledger)


BY_HAND = "kubectl delete clusterrolebinding byteport-may-act"


def refuse_neither(no_cluster: bool, no_ledger: bool) -> None:
    """One of the two must be left to do."""
    if no_cluster and no_ledger:
        raise MalformedInput("--no-ledger", "and --no-cluster together leave nothing to do")


def settings_or_error(context: typer.Context) -> tuple[Settings | None, BytePortError | None]:
    """The settings, or why there are none: the API server's switch needs none."""
    try:
        return settings_of(context), None
    except ConfigError as error:
        return None, error


def known_uid(settings: Settings | None) -> str | None:
    """The uid of the cluster that the settings mean, if anybody has written it down."""
    from byteport.settings import installation

    try:
        return installation(settings).cluster_uid if settings is not None else None
    except ConfigError:
        return None


def end(turned: Turned, ledger: BytePortError | None, word: str, *, only_cluster: bool) -> None:
    """Complain of whichever half failed, and end with its code. Neither is silent about the other."""
    from byteport.cli.switch import Side

    if turned.failed:
        complain(f"API server: not {word}: {turned.told}; by hand: {turned.next}")
    elif turned.side is Side.UNKNOWN:
        complain(f"API server: not known to be {word}: {turned.told}; {turned.next}")
    if ledger is not None:
        complain(f"ledger: not {word}: {ledger.message}")
    nothing = only_cluster and turned.side in (Side.NO_CLUSTER, Side.NOT_INSTALLED)
    if nothing:
        complain(f"nothing was {word}: {turned.told}")
    codes = [turned.exit_code, int(exit_for(ledger)) if ledger is not None else 0, int(Exit.FINDING) if nothing else 0]
    if any(codes):
        raise typer.Exit(next(code for code in codes if code))


def _tell(turned: Turned, begins: str) -> None:
    from byteport.cli.switch import Side

    if turned.side is Side.DONE:
        say(f"{begins}{turned.told} ({turned.server})", style="bold red")
    elif turned.side not in (Side.FAILED, Side.UNKNOWN):
        note(f"API server: {turned.told}")
    for floor in turned.floors or ():
        say(f"kept up by the halt: {floor}")
    if turned.side in (Side.DONE, Side.UNKNOWN) and turned.floors is None:
        note("which floors stand raised cannot be told: autoscalers cannot be listed in all namespaces")


def _tell_ledger(before: Halt | None, recorded: Recorded) -> None:
    if before is not None:
        say(f"already halted by {before.by} since {before.since:%Y-%m-%d %H:%M:%S} UTC; recorded as {recorded.id}")
    else:
        say(f"halted: nothing is acted until `byteport resume`; recorded as {recorded.id}", style="bold red")
