"""What `enable` and `disable` share: plan, show what would change, ask, carry it out in order, and look again.

Comes after `byteport/boundary` has planned and `administration.py` has looked.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from rich.text import Text

from byteport.cli.exits import Exit, exit_for
from byteport.cli.hands import hands_of
from byteport.cli.output import complain, note, print_json, say, stderr, while_waiting
from byteport.errors import BytePortError, MalformedInput
from byteport.kubernetes.hands import Hands

if TYPE_CHECKING:
    from byteport.boundary.changes import AnyChange, Plan
    from byteport.boundary.installed import Problem
    from workers.preflight import Check

Planner = Callable[[Hands], Awaitable["Plan"]]
Look = Callable[[Hands], Awaitable["list[Check]"]]

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; for scripts.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")]

SIGNS = {"create": "+", "delete": "-", "replace": "~", "label": "~", "entry": "~", "restore": "~"}
STYLES = {"+": "green", "-": "red", "~": "yellow"}


class Manner(NamedTuple):
    """How the command was asked for: the options of both."""

    namespace: str | None
    """None for every one."""
    kubeconfig: Path | None
    context: str | None
    yes: bool
    dry_run: bool
    as_json: bool


def checked_name(namespace: str) -> str:
    """The namespace's name as it may be. Raises `MalformedInput`."""
    from pydantic import TypeAdapter, ValidationError

    from byteport.domain.ceilings import NamespaceName

    try:
        return TypeAdapter(NamespaceName).validate_python(namespace)
    except ValidationError:
        raise MalformedInput("NAMESPACE", "is not a name that a namespace can have") from None


async def change_namespace(manner: Manner, planner: Planner, look: Look | None = None) -> None:
    """Do what `planner` finds is to be done, once a person has seen it and said yes.

    `look` is asked when all of it stands, of what this command does not make and which may be of no use without.
    """
    async with hands_of(manner.kubeconfig, manner.context) as hands:
        planned = await while_waiting(f"looking at {hands.server}", planner(hands))
        _refuse(planned.problems)
        if planned.changes:
            from workers.administration import lacking_for

            _refuse(await while_waiting("asking what you may do", lacking_for(hands, planned.changes)))
        if not manner.as_json:
            _show(manner, hands.server, planned)
        applied = bool(planned.changes) and not manner.dry_run
        left = planned.left
        if applied:
            _confirm(manner, hands.server)
            await _carry_out_all(hands, planned.changes)
            left = await _look_again(hands, planner)
        checks: list[Check] = []
        if look is not None and not manner.dry_run:
            checks = await while_waiting("asking the API server", look(hands))
        if manner.as_json:
            print_json(
                _document(manner, hands.server, planned.model_copy(update={"left": left}), checks, applied=applied)
            )
        elif applied:
            but = " but for what follows" if left else ""
            say(f"done; the cluster was read again, and is as shown{but}", style="green")
        _tell(checks, left, as_json=manner.as_json)


def _tell(checks: Sequence[Check], left: Sequence[Problem], *, as_json: bool) -> None:
    """What is amiss beside the changes, which stand: a defect ends with the code that doctor has for one."""
    for problem in left:
        complain(problem.text)
    for check in checks:
        if check.outcome.value == "failed":
            complain(f"{check.name}: {check.text}")
        elif check.outcome.value == "warning" and not as_json:
            say(f"  ! {check.name}: {check.text}", style="bold yellow")
    if left or any(check.outcome.value == "failed" for check in checks):
        raise typer.Exit(Exit.FINDING)


def _refuse(problems: Sequence[Problem]) -> None:
    """All of them at once, each on a line; nothing has been applied."""
    if not problems:
        return
    from byteport.boundary.installed import Obstacle

    for problem in problems:
        complain(problem.text)
    note("nothing was changed")
    raise typer.Exit(Exit.NOT_FOUND if problems[0].kind is Obstacle.NO_SUCH else Exit.REFUSED)


def _show(manner: Manner, server: str, planned: Plan) -> None:
    where = manner.namespace or "every namespace"
    say(f"{where} on {server}:" if planned.changes else f"{where} on {server}: nothing changes")
    for change in planned.changes:
        sign = SIGNS[change.verb]
        say(f"  {sign} {change.ref}: {change.why}", style=STYLES[sign])
        for line in change.lines:
            say(f"      {line}", style=STYLES.get(line[:1], ""))
    for told in (*(problem.text for problem in planned.left), *planned.notes):
        say(f"  ! {told}", style="bold yellow")


def _confirm(manner: Manner, server: str) -> None:
    if manner.yes:
        return
    if manner.as_json:
        raise MalformedInput("--yes", "is needed with --json, which shows nothing before it asks; or add --dry-run")
    if not sys.stdin.isatty():
        raise MalformedInput("--yes", "is needed where nobody can be asked")
    stderr().print(Text("Nothing has been changed yet."))
    if not typer.confirm(f"Make these changes on {server}?", err=True):
        raise typer.Exit(Exit.FINDING)


async def _carry_out_all(hands: Hands, changes: Sequence[AnyChange]) -> None:
    """One after another, in the plan's order. What stops half-way is safe: the next run does the rest.

    A floor that cannot be put back stops nothing: whoever can write to its autoscaler would keep the others up.
    """
    from byteport.boundary.changes import Restore
    from workers.administration import carry_out

    for done, change in enumerate(changes):
        try:
            await carry_out(hands, change)
        except BytePortError as error:
            if isinstance(change, Restore):
                note(f"{change.ref}: {error.message}")
                continue
            complain(f"{change.ref}: {error.message}")
            note(f"{done} of {len(changes)} changes were made; run it again, which looks anew and does the rest")
            raise typer.Exit(exit_for(error)) from None


async def _look_again(hands: Hands, planner: Planner) -> tuple[Problem, ...]:
    """Read everything again, and return what is left to a person. A floor that was raised between the look and the last
    change is put back now, since nothing of ours may raise another."""
    from byteport.boundary.changes import Restore

    left = await planner(hands)
    restores = [change for change in left.changes if isinstance(change, Restore)]
    if restores:
        await _carry_out_all(hands, restores)
        left = await planner(hands)
    _refuse_rest(left)
    return left.left


def _refuse_rest(left: Plan) -> None:
    """What is still not as it was to be: somebody changed it meanwhile."""
    if not left.changes and not left.problems:
        return
    for change in left.changes:
        complain(f"{change.ref} is not as it was left: somebody else changes it; run the command again")
    for problem in (*left.problems, *left.left):
        complain(problem.text)
    raise typer.Exit(Exit.FINDING)


def _document(manner: Manner, server: str, planned: Plan, checks: Sequence[Check], *, applied: bool) -> dict[str, Any]:
    return {
        "namespace": manner.namespace,
        "server": server,
        "changed": bool(planned.changes),
        "applied": applied,
        "changes": [change.model_dump(mode="json") for change in planned.changes],
        "left": [problem.text for problem in planned.left],
        "notes": planned.notes,
        "checks": [check._asdict() for check in checks],
    }
