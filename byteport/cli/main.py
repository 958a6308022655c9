"""`byteport`: joins the commands, and turns whatever happens into one line and a documented exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from byteport.cli.exits import Exit, exit_for
from byteport.cli.output import complain
from byteport.cli.session import Globals
from byteport.errors import BytePortError

EXIT_CODES = (
    "Exit codes: 0 ok, 1 the answer is no (a finding), 2 wrong argument, setting or input, 3 not reachable, "
    "4 refused, 5 not found, 6 only a part can be told, 70 a mistake of ours, 130 interrupted."
)
_ClickError: type[Exception] = typer.BadParameter.__mro__[2]
"""Base of every error that the argument parser raises; typer does not export it."""

app = typer.Typer(
    name="byteport",
    help="Watches Kubernetes clusters, repairs what it may, asks where it must, and proves what it did.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("byteport"))
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="Settings file; default $BYTEPORT_CONFIG, else .byteport/config.yaml."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end.")
    ] = False,
) -> None:
    """Options of every command."""
    context.obj = Globals(config=config)


def main() -> None:
    """Entry point of `byteport` and `kubectl-byteport`."""
    leave(invoke(sys.argv[1:], _program(sys.argv[0])))


def leave(code: int) -> NoReturn:
    """End the process at once. Temporal's native threads may still call into an interpreter that is being taken down,
    which was seen to abort it; nothing of ours waits for an orderly end any more."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def invoke(arguments: list[str], program: str = "byteport") -> int:
    """Run one command line and return its exit code; nothing escapes as a traceback."""
    from byteport.cli.commands import add_commands

    add_commands(app)
    command = typer.main.get_command(app)
    try:
        result = command.main(args=arguments, prog_name=program, standalone_mode=False)
        code = int(result) if isinstance(result, int) else Exit.OK
        if code == Exit.INTERRUPTED:  # the argument parser has turned Ctrl-C into this code
            complain("interrupted")
        return code
    except _ClickError as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if message:  # none when help was asked for
            message = message.replace(": Value error, ", ": ")  # pydantic's words around typer's own
            complain(f"{message} (see `{program} --help`)")
        return Exit.USAGE
    except BytePortError as error:
        complain(str(error))
        return exit_for(error)
    except (KeyboardInterrupt, typer.Abort):
        complain("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:  # noqa: BLE001  the border: a person sees one line, and where the rest is
        return _mistake(error)


def _mistake(error: Exception) -> Exit:
    import traceback

    complain(f"a mistake of ours: {type(error).__name__}: {error}; with BYTEPORT_DEBUG=1 it is shown in full")
    if os.environ.get("BYTEPORT_DEBUG") == "1":
        traceback.print_exception(error)
    return Exit.INTERNAL


def _program(path: str) -> str:
    return "kubectl byteport" if Path(path).name == "kubectl-byteport" else "byteport"
