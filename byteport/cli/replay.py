"""`byteport replay`: a run's history told as a timeline, and run again through today's code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from byteport.cli.exits import Exit
from byteport.cli.find import find_run
from byteport.cli.output import note, print_json, say, table, while_waiting
from byteport.cli.session import AsJson, client_of, keys_of, run, settings_of
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from temporalio.client import WorkflowHistory

    from byteport.settings import Settings
    from byteport.temporal.decisions import Compared, Decided
    from byteport.temporal.replay import Replayed, Scheduled


def replay(
    context: typer.Context,
    which: Annotated[str, typer.Argument(metavar="RUN|FILE", help="Workflow id, target, or a history saved as JSON.")],
    run_id: Annotated[
        str | None, typer.Option("--run-id", help="An earlier run of that id; default the newest.")
    ] = None,
    workflow_id: Annotated[
        str | None, typer.Option("--workflow-id", help="Of a FILE: the id it was recorded under; default its name.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Also write the history, still encrypted, to a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell a run as a timeline, replay it against this code, and compare what it decides and schedules (exit 1 when they differ)."""
    path = Path(which)
    saved = _from_file(path, workflow_id) if path.is_file() else None
    run(_replay(context, which, saved, run_id, save, as_json))


async def _replay(
    context: typer.Context,
    which: str,
    saved: WorkflowHistory | None,
    run_id: str | None,
    save: Path | None,
    as_json: bool,
) -> None:
    from byteport.temporal.converter import data_converter
    from byteport.temporal.decisions import side_by_side
    from byteport.temporal.opened import open_history
    from byteport.temporal.replay import replay as replay_history
    from byteport.temporal.timeline import timeline
    from workers.processes import WORKFLOWS
    from workers.runner import workflow_runner

    settings = settings_of(context)
    history = saved or await _from_server(settings, which, run_id)
    if save is not None:
        _write(save, history)
    converter = data_converter(await keys_of(settings))
    happenings = timeline(await open_history(history, converter))
    replayed = await while_waiting("replaying", replay_history(history, WORKFLOWS, converter, workflow_runner()))
    decisions = side_by_side(replayed.recorded, replayed.scheduled)
    if as_json:
        print_json(
            {
                "workflow_id": history.workflow_id,
                "timeline": happenings,
                "decisions": decisions,
                "replay": {"same": replayed.same, "failure": replayed.failure, "differences": replayed.differences},
            }
        )
    else:
        say(history.workflow_id, style="bold")
        table(
            "AT",
            "EVENT",
            "WHAT",
            rows=[(f"{one.at:%Y-%m-%d %H:%M:%S.%f}"[:-3], one.event_id, one.what) for one in happenings],
        )
        _print_decisions(decisions)
        say("")
        _print_verdict(replayed, len(history.events))
    if not replayed.same:
        raise typer.Exit(Exit.FINDING)


async def _from_server(settings: Settings, which: str, run_id: str | None) -> WorkflowHistory:
    from byteport.temporal.views import fetch_history

    client = await client_of(settings)
    workflow_id = which if ":" in which else await find_run(client, which)
    return await while_waiting("fetching the history", fetch_history(client, workflow_id, run_id))


def _from_file(path: Path, workflow_id: str | None) -> WorkflowHistory:
    """A file as `--save` or `temporal workflow show -o json` writes it; its payloads open under its own id only."""
    from google.protobuf.json_format import ParseError
    from temporalio.client import WorkflowHistory

    try:
        return WorkflowHistory.from_json(workflow_id or path.name.removesuffix(".json"), path.read_text())
    except (ParseError, ValueError, KeyError, TypeError, AttributeError):
        raise MalformedInput(str(path), "is not a workflow's history as JSON") from None
    except OSError as error:
        raise MalformedInput(str(path), error.strerror or "cannot be read") from None


def _write(path: Path, history: WorkflowHistory) -> None:
    try:
        path.write_text(history.to_json())
    except OSError as error:
        raise MalformedInput(str(path), error.strerror or "cannot be written") from None
    note(f"saved as {path}; replay it with --workflow-id '{history.workflow_id}'")


def _print_decisions(decisions: Sequence[Compared]) -> None:
    """Each decision once where both agree, and one above the other where they do not."""
    if not decisions:
        return
    say("")
    rows = []
    for one in decisions:
        told = [("then and now", one.now)] if one.same else [("then", one.then), ("now", one.now)]
        rows += [(when, *_cells(decided)) for when, decided in told]
    table("DECIDED", "WHAT", "DIAGNOSIS", "PLAN", "WHY", rows=rows)


def _cells(decided: Decided | None) -> tuple[str, str, str, str]:
    if decided is None:
        return "nothing", "", "", ""
    result = f", {decided.result}" if decided.result else ""
    what = f"{decided.event}: {decided.decision}{result}"
    return what, decided.cause or "", decided.command or "", ", ".join(decided.reasons)


def _print_verdict(replayed: Replayed, events: int) -> None:
    if replayed.same:
        say(f"Replayed {events} events against this code: the same acts with the same arguments.", style="green")
        return
    if replayed.failure:
        say(f"This code does not replay it: {replayed.failure}", style="red")
    for difference in replayed.differences:
        say(f"Act {difference.position + 1} differs:", style="red")
        say(f"  recorded  {_words(difference.recorded)}")
        say(f"  now       {_words(difference.replayed)}")


def _words(scheduled: Scheduled | None) -> str:
    import json

    if scheduled is None:
        return "nothing"
    arguments: Any = scheduled.arguments
    where = f" on {scheduled.task_queue}" if scheduled.task_queue else ""
    return f"{scheduled.name}{where} {json.dumps(arguments, sort_keys=True)}"
