"""`byteport secrets`: whether the backend gives what the settings name. No value is ever printed, nor how long it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.exits import Exit, exit_for
from byteport.cli.output import plain, print_json, say, table
from byteport.cli.session import AsJson, run, settings_of

if TYPE_CHECKING:
    from workers.secrets_check import Look

app = typer.Typer(help="Secrets: whether the backend gives them.", no_args_is_help=True)

WORST_FIRST = (Exit.USAGE, Exit.REFUSED, Exit.NOT_FOUND, Exit.UNREACHABLE, Exit.FINDING)
"""Of several that cannot be read, the first of these is the exit code: what trying again does not mend comes first."""


@app.command("check")
def check(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]…", help="path, or path#key; default: every secret that a setting names."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read each secret from the backend, say whether that went well, and drop it."""
    from byteport.settings.named_secrets import named_secrets
    from workers.secrets_check import look_at_secrets, must_be_whole

    settings = settings_of(context, without_cluster=True)
    by_name = named_secrets(settings)
    wanted = {name: by_name.get(name, "") for name in names} if names else by_name
    backend = settings.secret.backend
    if not wanted:
        must_be_whole(settings.secret)
        used = backend.value if backend else None
        print_json({"backend": used, "secrets": []}) if as_json else say("No setting names a secret.")
        return
    looks = run(look_at_secrets(settings.secret, wanted))
    if as_json:
        print_json({"backend": backend.value if backend else None, "secrets": [_told(look) for look in looks]})
    else:
        table("", "SECRET", "NAMED BY", "WHY NOT", rows=[_row(look) for look in looks])
    codes = {exit_for(look.error) for look in looks if look.error is not None}
    if codes:
        raise typer.Exit(next(code for code in WORST_FIRST if code in codes))


def _row(look: Look) -> tuple[object, ...]:
    if look.error is None:
        return plain("readable", "green"), look.name, look.setting, ""
    return plain(look.error.code, "bold red"), look.name, look.setting, look.error.message


def _told(look: Look) -> dict[str, object]:
    error = look.error
    return {
        "name": look.name,
        "setting": look.setting or None,
        "readable": error is None,
        "code": error.code if error else None,
        "why": error.message if error else None,
    }
