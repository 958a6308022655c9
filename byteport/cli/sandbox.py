"""`byteport sandbox up | down | status | demo`: a whole BytePort on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.demo import demo
from byteport.cli.exits import Exit
from byteport.cli.output import facts, note, print_json, say, stderr
from byteport.cli.session import AsJson
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from byteport.sandbox.control import State

FOLDER = Path(".byteport")
KINDS = ("simulated", "control-plane")
FAULTS = (
    "transient",
    "oom",
    "crash",
    "liveness",
    "image",
    "config",
    "probe",
    "disk-images",
    "disk-logs",
    "memory-leak",
    "load-surge",
    "load-at-max",
)

app = typer.Typer(help="A whole BytePort on this machine: Temporal, a cluster, keys of its own.", no_args_is_help=True)

app.command()(demo)

Folder = Annotated[Path, typer.Option("--folder", help="Where keys, logs and state lie.")]


@app.command()
def up(
    cluster: Annotated[str, typer.Option("--cluster", help=f"Which cluster: {' or '.join(KINDS)}.")] = "simulated",
    folder: Folder = FOLDER,
    export: Annotated[
        Path | None, typer.Option("--export", help="Send the log to files in this folder; by default it goes nowhere.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start everything and leave it running; print where Temporal UI and the kubeconfig are."""
    if cluster not in KINDS:
        raise MalformedInput("--cluster", f"must be one of {', '.join(KINDS)}")
    from byteport.sandbox import control

    console = stderr()
    if console.is_terminal:
        with console.status("starting") as shown:
            state = control.up(folder, cluster, shown.update, export=export)
    else:
        state = control.up(folder, cluster, note, export=export)
    _print(state, as_json)
    if not as_json:
        say("\nNext: byteport sandbox break image, then byteport runs    (end it with: byteport sandbox down)")


@app.command()
def down(folder: Folder = FOLDER, as_json: AsJson = False) -> None:
    """End the sandbox and every process that it started."""
    from byteport.sandbox import control

    ran = control.down(folder)
    if as_json:
        print_json({"ran": ran})
    else:
        say("the sandbox has ended" if ran else "no sandbox was running")


@app.command()
def status(folder: Folder = FOLDER, as_json: AsJson = False) -> None:
    """Print where the sandbox's parts are; exit 1 when none runs."""
    from byteport.sandbox import control

    state = control.status(folder)
    if state is None:
        if as_json:
            print_json(None)
        else:
            say("no sandbox runs here; start one with: byteport sandbox up")
        raise typer.Exit(Exit.FINDING)
    _print(state, as_json)


@app.command(name="break")
def break_(
    fault: Annotated[str, typer.Argument(help=f"What goes wrong: {', '.join(FAULTS)}.")],
    folder: Folder = FOLDER,
    as_json: AsJson = False,
) -> None:
    """Break something in the running sandbox, to see what the agent makes of it."""
    from byteport.errors import TargetGone
    from byteport.sandbox import control, playground

    state = control.status(folder)
    if state is None:
        raise TargetGone("no sandbox runs here; start one with: byteport sandbox up")
    done = playground.ask(state.playground_url, state.playground_token, fault, note)
    if as_json:
        print_json({"done": done})
    else:
        say(f"{done}; now see: byteport runs")


def _print(state: State, as_json: bool) -> None:
    if as_json:
        print_json(state)
        return
    facts(
        [
            ("Temporal UI", state.ui_url),
            ("Temporal", state.temporal_address),
            ("cluster", f"{state.cluster}, uid {state.cluster_uid}"),
            ("kubeconfig", state.kubeconfig),
            ("payloads", f"decoded for Temporal UI by {state.codec_url}"),
            ("process", f"{state.pid} (Temporal {state.temporal_pid})"),
        ]
    )
