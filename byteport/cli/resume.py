"""`byteport resume`: ends a halt, in the ledger first and at the API server after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.halt import NoCluster, NoLedger, end, known_uid, refuse_neither, settings_or_error
from byteport.cli.hands import Context, Kubeconfig
from byteport.cli.ledger import halts_of
from byteport.cli.output import note, print_json, say
from byteport.cli.session import AsJson, person, run, settings_of

if TYPE_CHECKING:
    from byteport.cli.switch import Turned
    from byteport.contracts.ledger import Recorded


def resume(
    context: typer.Context,
    reason: Annotated[str, typer.Option("--reason", "-m", help="Why; goes into the record.")] = "",
    by: Annotated[str | None, typer.Option("--as", help="Who resumes; default `approvals.identity`.")] = None,
    kubeconfig: Kubeconfig = None,
    cluster_context: Context = None,
    no_cluster: NoCluster = False,
    no_ledger: NoLedger = False,
    as_json: AsJson = False,
) -> None:
    """End a halt. What waited for it is not done by itself: it is planned anew, or asked again."""
    from byteport.cli.switch import Side, Turned, turn
    from byteport.cli.turning import give_back

    refuse_neither(no_cluster, no_ledger)
    settings = settings_or_error(context)[0] if no_ledger else settings_of(context)
    recorded = None
    if settings is not None and not no_ledger:  # what cannot be resumed here raises, and the API server keeps refusing
        recorded = halts_of(settings).resume(by=by or person(settings), reason=reason)
    if no_cluster:
        turned = Turned(side=Side.LEFT, told="the API server's switch was left as it is")
    else:
        turned = run(turn(settings, known_uid(settings), kubeconfig, cluster_context, give_back, "byteport resume"))
    if as_json:
        print_json({"halted": False, "record": recorded, "api_server": turned})
    else:
        _tell(recorded, turned, ledger=not no_ledger)
    end(turned, None, "resumed", only_cluster=no_ledger)


def _tell(recorded: Recorded | None, turned: Turned, *, ledger: bool) -> None:
    from byteport.cli.switch import Side

    if recorded is not None:
        say(f"resumed; recorded as {recorded.id}", style="green")
    elif ledger:
        say("nothing was halted")
    if turned.side is Side.DONE:
        say(f"API server: {turned.told} ({turned.server})", style="green")
    elif not turned.failed:
        note(f"API server: {turned.told}")
