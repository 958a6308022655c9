"""`byteport enable`: an administrator gives a namespace to the agent, and says how far it may go there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.enrolment import DryRun, Manner, Yes, change_namespace, checked_name
from byteport.cli.hands import Context, Kubeconfig
from byteport.cli.session import AsJson, run
from byteport.errors import MalformedInput
from byteport.kubernetes.hands import Hands

if TYPE_CHECKING:
    from byteport.boundary.changes import Plan
    from byteport.domain.ceilings import Ceiling
    from workers.preflight import Check

MODES = ("observe", "dry_run", "auto")


def enable(
    namespace: Annotated[str, typer.Argument(metavar="NAMESPACE", help="The namespace.")],
    mode: Annotated[str, typer.Option("--mode", help=f"How far it may go at most: {', '.join(MODES)}.")] = "dry_run",
    rollback: Annotated[
        list[str] | None,
        typer.Option(
            "--rollback", metavar="NAME", help="A Deployment that may be rolled back; again for more, or '*'."
        ),
    ] = None,
    hpa: Annotated[
        list[str] | None,
        typer.Option("--hpa", metavar="NAME", help="An autoscaler whose floor may be raised; again for more, or '*'."),
    ] = None,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give a namespace to the agent, with your own credentials: rights, ceiling and label, shown before they are made.

    What you do not name is taken away again: the command says all that the agent may do there.
    """
    name = checked_name(namespace)
    ceiling = ceiling_of(mode, rollback or [], hpa or [])

    async def planner(hands: Hands) -> Plan:
        from workers.administration import plan_enabling

        return await plan_enabling(hands, name, ceiling)

    async def held(hands: Hands) -> list[Check]:
        from workers.boundary_doctor import examine_given

        return await examine_given(hands, name, ceiling)

    manner = Manner(name, kubeconfig, context, yes, dry_run, as_json)
    run(change_namespace(manner, planner, held if ceiling.mode.value != "observe" else None))


def ceiling_of(mode: str, rollback: list[str], hpa: list[str]) -> Ceiling:
    """What was asked for, in one piece. Raises `MalformedInput`, which names the option."""
    from pydantic import ValidationError

    from byteport.domain.ceilings import Ceiling
    from byteport.domain.policy import Mode

    if mode not in MODES:
        raise MalformedInput("--mode", f"must be one of {', '.join(MODES)}")
    for option, named in (("--rollback", rollback), ("--hpa", hpa)):
        if named and mode == Mode.OBSERVE:
            raise MalformedInput(option, "has no meaning with --mode observe, which writes nothing")
    given = {"rollback": _names(rollback), "hpa": _names(hpa)}
    try:
        return Ceiling.model_validate({"mode": Mode(mode), **given})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        several = first["type"] == "value_error"
        text = "write '*' alone, or names" if several else "is not a name that an object can have"
        raise MalformedInput(f"--{first['loc'][0]}", text) from None


def _names(given: list[str]) -> tuple[str, ...]:
    """`--rollback api,web` and `--rollback api --rollback web` are the same."""
    return tuple(part for one in given for part in one.split(","))
