"""`byteport disable`: an administrator takes a namespace from the agent; then floors that it raised there go back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.enrolment import DryRun, Manner, Yes, change_namespace, checked_name
from byteport.cli.hands import Context, Kubeconfig
from byteport.cli.session import AsJson, run
from byteport.kubernetes.hands import Hands

if TYPE_CHECKING:
    from byteport.boundary.changes import Plan


def disable(
    namespace: Annotated[str, typer.Argument(metavar="NAMESPACE", help="The namespace.")],
    kubeconfig: Kubeconfig = None,
    context: Context = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take a namespace from the agent, with your own credentials: all rights go, then raised floors are put back."""
    name = checked_name(namespace)

    async def planner(hands: Hands) -> Plan:
        from workers.administration import plan_disabling

        return await plan_disabling(hands, name)

    run(change_namespace(Manner(name, kubeconfig, context, yes, dry_run, as_json), planner))
