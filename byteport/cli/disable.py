"""`byteport disable`: an administrator takes a namespace from the agent; then floors that it raised there go back."""

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


def disable(
    namespace: Annotated[str | None, typer.Argument(metavar="NAMESPACE", help="The namespace; or --all.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every namespace in which anything of it is found, as before an uninstall.")
    ] = False,
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take a namespace from the agent, with your own credentials: all rights go, then raised floors are put back."""
    if every == (namespace is not None):
        raise MalformedInput(
            "NAMESPACE", "is needed, or --all in its place" if not every else "and --all say two things"
        )
    name = checked_name(namespace) if namespace is not None else None

    async def planner(hands: Hands) -> Plan:
        from workers.administration import plan_disabling, plan_disabling_all

        return await (plan_disabling_all(hands) if name is None else plan_disabling(hands, name))

    run(change_namespace(Manner(name, kubeconfig, context, yes, dry_run, as_json), planner))
