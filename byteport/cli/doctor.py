"""`byteport doctor`: everything that a worker would look at before it starts, each with its finding; changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.exits import Exit
from byteport.cli.hands import Kubeconfig
from byteport.cli.output import plain, print_json, say, table
from byteport.cli.session import AsJson, run, settings_of

if TYPE_CHECKING:
    from byteport.settings import Settings
    from workers.preflight import Check

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def doctor(
    context: typer.Context,
    settings: Annotated[
        bool, typer.Option("--settings", help="List every setting, its variable and its default.")
    ] = False,
    installation: Annotated[
        bool,
        typer.Option(
            "--installation", help="Only what holds the agent of a cluster, looked at with your own credentials."
        ),
    ] = False,
    metrics: Annotated[
        bool,
        typer.Option(
            "--metrics", help="Only what the identity of this pod may do at the sources of metrics (`clouds.sources`)."
        ),
    ] = False,
    sign_in: Annotated[
        bool,
        typer.Option(
            "--sign-in", help="Only the identity provider of the approvals page (`console`), for its own pod."
        ),
    ] = False,
    kubeconfig: Kubeconfig = None,
    cluster: Annotated[str | None, typer.Option("--context", help="Context in it; implies --installation.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", hidden=True)] = False,
    as_json: AsJson = False,
) -> None:
    """Look at settings, keys, Temporal, policy, log, and what the API server holds the agent to; exit 1 when something
    must be mended."""
    if settings:
        _list_settings(as_json, markdown)
        return
    outside = installation or kubeconfig is not None or cluster is not None
    if metrics:
        checks = run(_metrics(settings_of(context)))
    elif sign_in:
        checks = run(_sign_in(settings_of(context)))
    else:
        checks = run(_installed(kubeconfig, cluster) if outside else _look(settings_of(context)))
    if as_json:
        print_json(checks)
    else:
        rows = [(plain(one.outcome.value, STYLES[one.outcome.value]), one.name, one.finding) for one in checks]
        table("", "CHECK", "FINDING", rows=rows)
        _tell_what_to_run(checks)
    if any(one.outcome.value == "failed" for one in checks):
        raise typer.Exit(Exit.FINDING)


def _tell_what_to_run(checks: list[Check]) -> None:
    """Below the table, where no column folds a command; one that mends several things is told once."""
    remedies = dict.fromkeys((one.name, one.remedy) for one in checks if one.remedy)
    if remedies:
        say("\nWhat to run", style="bold")
    for name, its_remedy in remedies:
        say(f"  {name}: {its_remedy}")


async def _installed(kubeconfig: Path | None, context: str | None) -> list[Check]:
    from workers.boundary_doctor import examine_installation

    return await examine_installation(kubeconfig, context)


async def _metrics(settings: Settings) -> list[Check]:
    from workers.clouds import check_clouds

    return await check_clouds(settings)


async def _sign_in(settings: Settings) -> list[Check]:
    from byteport.errors import ConfigError
    from workers.examine import examine_sign_in

    if settings.console.issuer is None:
        raise ConfigError("console.issuer", "is not set: there is no approvals page by these settings")
    return await examine_sign_in(settings)


async def _look(settings: Settings) -> list[Check]:
    from byteport.sandbox import control
    from workers.examine import examine

    running = control.status(settings.state_dir)
    inside = f"the sandbox's process {running.pid}" if running and running.cluster == "simulated" else None
    return await examine(settings, cluster_inside=inside)


def _list_settings(as_json: bool, as_markdown: bool) -> None:
    from byteport.settings.catalogue import catalogue, markdown

    every = catalogue()
    if as_markdown:
        typer.echo(markdown(), nl=False)
    elif as_json:
        print_json(every)
    else:
        table(
            "SETTING",
            "VARIABLE",
            "DEFAULT",
            "MEANING",
            rows=[(one.key, one.variable, one.default, one.meaning) for one in every],
        )
