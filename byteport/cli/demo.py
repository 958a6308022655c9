"""`byteport sandbox demo`: eight things that BytePort does or refuses to do, in a minute and a half; leaves nothing running."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.exits import Exit
from byteport.cli.output import note, plain, print_json, say, table
from byteport.cli.session import AsJson, run
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from byteport.sandbox.demo.preview import Preview
    from byteport.sandbox.demo.report import Report
    from byteport.sandbox.demo.run import Demo

KINDS = ("simulated", "control-plane")


def demo(
    cluster: Annotated[str, typer.Option("--cluster", help=f"Which cluster: {' or '.join(KINDS)}.")] = "simulated",
    context: Annotated[
        str | None, typer.Option("--context", help="A cluster of your own; looked at first, and asked before a write.")
    ] = None,
    kubeconfig: Annotated[Path | None, typer.Option("--kubeconfig", help="Where that context is.")] = None,
    folder: Annotated[Path, typer.Option("--folder", help="For keys, logs and the report; emptied first.")] = Path(
        ".byteport/demo"
    ),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask before writing to a cluster of your own.")
    ] = False,
    simulated_nodes: Annotated[
        bool, typer.Option("--simulated-nodes", help="That cluster's nodes run no containers (kwok).")
    ] = False,
    export: Annotated[
        Path | None, typer.Option("--export", help="Send the log to files in this folder; by default it goes nowhere.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show repairs, one of them under approval, escalations, restraint, the kill switch, and the log's proof."""
    from byteport.sandbox.assembly import ClusterKind
    from byteport.sandbox.demo.run import Demo

    if cluster not in KINDS:
        raise MalformedInput("--cluster", f"must be one of {', '.join(KINDS)}")
    if context is None:
        wanted = Demo(folder, ClusterKind(cluster), export=export)
    else:
        from byteport.sandbox.demo.preview import default_kubeconfig

        file = (kubeconfig or default_kubeconfig()).absolute()
        wanted = Demo(folder, ClusterKind.CONTEXT, file, context, containers_run=not simulated_nodes, export=export)
        _ask_first(wanted, yes)
    report = _show(wanted, quiet=as_json)
    if as_json:
        print_json(report.as_json())
    else:
        _print(report, folder)
    if not report.passed:
        raise typer.Exit(Exit.FINDING)


def _show(wanted: Demo, *, quiet: bool) -> Report:
    from byteport.sandbox.demo.run import run_demo

    begun = time.monotonic()

    def tell(text: str) -> None:
        if quiet:
            note(text.strip())
        elif text.startswith("\n"):
            say("")
            say(text.strip(), style="bold")
        else:
            say(f"{time.monotonic() - begun:6.1f} s  {text}")

    return run(run_demo(wanted, tell))


def _ask_first(wanted: Demo, yes: bool) -> None:
    """The dry run on a cluster of the user's own, then the question."""
    from byteport.errors import NotPermitted
    from byteport.sandbox.demo.preview import look

    assert wanted.kubeconfig is not None
    assert wanted.context is not None
    preview = run(look(wanted.kubeconfig, wanted.context))
    _print_preview(preview)
    if not preview.may_go_on:
        raise NotPermitted("nothing was written; see the lines above for what is missing or in the way")
    if not yes and not typer.confirm("Make these objects, break them, and take them away again?", err=True):
        raise typer.Exit(Exit.FINDING)


def _print_preview(preview: Preview) -> None:
    say(f"Dry run on {preview.server} (cluster {preview.cluster_uid}); nothing has been written.")
    for check in preview.checks:
        say(f"  {check.outcome.value:<8}{check.name}: {check.text}")
    say("The demo would make, break, and take away again:")
    for item in preview.would_make:
        say(f"  {item}")
    say(f"Left out, since your nodes' disks and your load are not the demo's: {'; '.join(preview.left_out)}.")
    for name in preview.in_the_way:
        say(f"  in the way: namespace {name} exists or is enabled already, and is not the demo's to touch", style="red")


def _print(report: Report, folder: Path) -> None:
    say("")
    rows = [
        (
            plain("ok" if told.ok else "FAILED", "green" if told.ok else "bold red"),
            told.name,
            told.expected,
            told.decision,
            told.result,
            told.class_,
            "" if told.mttr_seconds is None else f"{told.mttr_seconds} s",
        )
        for told in report.scenarios
    ]
    table("", "SCENARIO", "EXPECTED", "DECISION", "RESULT", "CLASS", "MTTR", rows=rows)
    for line in report.broken:
        say(f"BROKEN: {line}", style="bold red")
    audit = report.audit
    found = "found" if audit.tamper_detected else "NOT FOUND"
    say("")
    if not report.broken:
        say("Nothing was broken.", style="green")
    matched = (
        ""
        if audit.matched is None
        else f", {'matched' if audit.matched.value == 'matched' else 'NOT MATCHED'} by the API server's own audit log"
    )
    say(
        f"{audit.records} records, {'intact' if audit.intact else 'NOT INTACT'}{matched}; the changed byte was {found}."
    )
    say(f"{report.seconds:.0f} s on {report.cluster}; report: {folder / 'report.json'}", style="dim")
