"""`byteport ledger`: the tables of the log brought to a version, forward or back, by an administrator; and, in
`set_aside`, the way out of a fork."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.output import print_json, say
from byteport.cli.session import AsJson, settings_of
from byteport.cli.set_aside import set_aside
from byteport.errors import ConfigError, MalformedInput

if TYPE_CHECKING:
    from byteport.ledger.postgres_migrating import Plan
    from byteport.settings import Settings

app = typer.Typer(help="The ledger's tables.", no_args_is_help=True)

Url = Annotated[
    str | None,
    typer.Option("--url", help="PostgreSQL as an administrator: postgresql://admin@host/database, without a password."),
]


@app.callback()
def ledger() -> None:
    """The ledger's tables."""


app.command("set-aside")(set_aside)


@app.command("migrate")
def migrate(
    context: typer.Context,
    url: Url = None,
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="File with the administrator's password; mode 0600.")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="Default: the newest. An earlier one goes back.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the ledger's tables to a version: those of a PostgreSQL, or of the settings' own SQLite file.

    All of it or nothing. In PostgreSQL the roles and the tables are made, too; the agent's own login never does that.
    """
    if url is None:
        _file(settings_of(context), to, dry_run=dry_run, as_json=as_json)
        return
    from byteport.ledger.postgres import VERSION
    from byteport.ledger.postgres_migrating import migrate as bring

    plan = bring(url, password_file, to=to or VERSION, dry_run=dry_run)
    if as_json:
        print_json({**plan._asdict(), "steps": [step._asdict() for step in plan.steps], "done": not dry_run})
        return
    _print(plan, dry_run=dry_run)


def _print(plan: Plan, *, dry_run: bool) -> None:
    say(f"tables: version {plan.present or 'none'} → {plan.wanted}")
    would = "would be " if dry_run else ""
    for role in plan.roles:
        say(f"  role {role} {would}made")
    for step in plan.steps:
        say(
            f"  version {step.version} {would}{'brought' if step.direction == 'upgrade' else 'taken back'}: {step.says}"
        )
    if not plan.steps and not plan.roles:
        say("nothing to do")
    elif not dry_run:
        say("a login for the agent: CREATE ROLE agent LOGIN PASSWORD '…' IN ROLE byteport_agent")


def _file(settings: Settings, to: str | None, *, dry_run: bool, as_json: bool) -> None:
    """A SQLite file; forward it is brought by the process that writes it, too, when that starts."""
    from byteport.ledger.opening import body_keys
    from byteport.ledger.schema import VERSION
    from byteport.ledger.sqlite import bring_file, version_of_file

    if settings.ledger.url is not None:
        raise ConfigError("--url", "the settings name a PostgreSQL; name it here with an administrator's login")
    path = settings.ledger.path
    if path is None:
        raise ConfigError("ledger.path", "must be set")
    wanted = VERSION if to is None else _number(to)
    before = version_of_file(path)
    if not dry_run:
        bring_file(path, to=wanted, keys=body_keys(settings.ledger))
    if as_json:
        print_json({"present": str(before), "wanted": str(wanted), "done": not dry_run})
    else:
        say(f"{path}: version {before} → {wanted}" + (" (not done: --dry-run)" if dry_run else ""))


def _number(text: str) -> int:
    from byteport.ledger.schema import VERSION

    if text not in {str(version) for version in range(1, VERSION + 1)}:
        raise MalformedInput("--to", f"there is no version {text}; there are 1 to {VERSION}")
    return int(text)
