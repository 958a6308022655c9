"""`byteport alarm`: what stops the agent from acting alone while a service level is in danger. Needs only the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.exits import Exit
from byteport.cli.ledger import alarms_of
from byteport.cli.output import print_json, say, table
from byteport.cli.session import AsJson, person, settings_of

if TYPE_CHECKING:
    from activities.audit.alarms import Alarm

app = typer.Typer(
    help="Alarms: while one stands, nothing is done alone, in its namespace or in the whole cluster.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is called, as your alerting calls it.")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Why; goes into the record.")]
By = Annotated[str | None, typer.Option("--as", help="Who does it; default `approvals.identity`.")]


@app.command("raise")
def raise_(
    context: typer.Context,
    name: Name,
    namespace: Annotated[str, typer.Option("--namespace", "-n", help="Only there; default: the whole cluster.")] = "",
    reason: Reason = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Raise an alarm; people are asked for every act until it is cleared."""
    settings = settings_of(context)
    recorded = alarms_of(settings).raise_(name, namespace=namespace, by=by or person(settings), reason=reason)
    where = f"in {namespace}" if namespace else "in the whole cluster"
    if as_json:
        print_json({"alarm": name, "namespace": namespace, "stands": True, "record": recorded})
    elif recorded is None:
        say(f"{name} stands {where} already")
    else:
        say(f"{name} stands: nothing is done alone {where}; recorded as {recorded.id}", style="bold red")


@app.command("clear")
def clear(
    context: typer.Context,
    name: Name,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Only there; default: wherever.")] = None,
    reason: Reason = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Clear an alarm, in one namespace or wherever it stands."""
    settings = settings_of(context)
    recorded = alarms_of(settings).clear(name, namespace=namespace, by=by or person(settings), reason=reason)
    if as_json:
        print_json({"alarm": name, "stands": False, "record": recorded})
    elif recorded is None:
        say(f"no alarm {name} stands")
    else:
        say(f"{name} is cleared; recorded as {recorded.id}", style="green")
    if recorded is None:
        raise typer.Exit(Exit.NOT_FOUND)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the alarms that stand, oldest first."""
    standing = alarms_of(settings_of(context)).standing()
    if as_json:
        print_json(standing)
    elif not standing:
        say("No alarm stands.")
    else:
        table("ALARM", "NAMESPACE", "SINCE", "BY", "REASON", rows=map(_row, standing))


def _row(alarm: Alarm) -> tuple[object, ...]:
    return alarm.name, alarm.namespace or "(all)", f"{alarm.since:%Y-%m-%d %H:%M:%S}", alarm.by, alarm.reason
