"""`byteport ack`: a person takes an escalation, or a storm, over; the ladder stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.find import find_runs
from byteport.cli.output import print_json, say, while_waiting
from byteport.cli.session import AsJson, client_of, person, run, settings_of

if TYPE_CHECKING:
    from temporalio.client import Client


def ack(
    context: typer.Context,
    which: Annotated[
        str, typer.Argument(metavar="RUN", help="Workflow id, target as namespace/kind/name, or `storm`.")
    ],
    note: Annotated[str, typer.Option("--note", help="What you know, for the record.")] = "",
    by: Annotated[str | None, typer.Option("--as", help="Who takes over; default `approvals.identity`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Acknowledge an escalation, so that nobody else is paged and the run can close."""
    run(_ack(context, which, note, by, as_json))


async def _ack(context: typer.Context, which: str, note: str, by: str | None, as_json: bool) -> None:
    from pydantic import ValidationError

    from byteport.contracts.workflows import Acknowledge
    from byteport.domain.ids import storm_id
    from byteport.errors import MalformedInput, PreconditionFailed
    from byteport.settings import installation
    from byteport.temporal.intake import acknowledge
    from byteport.temporal.views import storm_state

    settings = settings_of(context)
    try:
        acknowledgement = Acknowledge(by=by or person(settings), note=note)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise MalformedInput("--as" if first["loc"][0] == "by" else "--note", first["msg"]) from None
    if which.startswith("timebox:"):
        raise MalformedInput(which, "is a time box, which waits for nobody; a remediation or `storm` can be taken over")
    client = await client_of(settings)
    if which == "storm" or which.startswith("storm:"):
        cluster_uid = installation(settings).cluster_uid
        workflow_id = storm_id(cluster_uid)
        storm = await while_waiting(f"asking {workflow_id}", storm_state(client, cluster_uid))
        if storm is None or not storm.on:
            raise PreconditionFailed("no storm is on: there is nothing to take over")
    else:
        workflow_id = await _to_take_over(client, which)
    await while_waiting("telling the run", acknowledge(client, workflow_id, acknowledgement))
    if as_json:
        print_json({"workflow_id": workflow_id, "acknowledged_by": acknowledgement.by})
    else:
        say(f"{acknowledgement.by} has taken over {workflow_id}")


async def _to_take_over(client: Client, which: str) -> str:
    """The one run of `which` that waits for a person: one that only passes, to hand over what it heard, is not meant."""
    from byteport.contracts.workflows import Phase
    from byteport.errors import MalformedInput, PreconditionFailed
    from byteport.temporal.views import remediation_state

    phases = {
        found: (await while_waiting(f"asking {found}", remediation_state(client, found))).phase
        for found in await find_runs(client, which)
    }
    waiting = [found for found, phase in phases.items() if phase in (Phase.ESCALATED, Phase.AWAITING_APPROVAL)]
    if not waiting:
        said = ", ".join(f"{found} is {phase.value}" for found, phase in phases.items())
        raise PreconditionFailed(f"{said}: there is nothing to take over")
    if len(waiting) > 1:
        raise MalformedInput(which, "has more than one run that waits for somebody; name one: " + ", ".join(waiting))
    return waiting[0]
