"""What most commands begin with: the settings, and a client of Temporal."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeVar

import typer

from byteport.cli.output import while_waiting

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.runtime import Runtime

    from byteport.settings import Settings
    from byteport.temporal.keys import Ring

Result = TypeVar("Result")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


class Globals(NamedTuple):
    """Options that stand before the command."""

    config: Path | None = None


def settings_of(context: typer.Context, *, without_cluster: bool = False) -> Settings:
    """The settings of this call, or `ConfigError`; of a command that has to do with no cluster, none need be named."""
    from byteport.settings import load

    given = context.obj if isinstance(context.obj, Globals) else Globals()
    return load(given.config, os.environ, without_cluster=without_cluster)


async def client_of(settings: Settings) -> Client:
    """A connected client, or one line that says why not."""
    return await client_with(settings, await keys_of(settings))


async def client_with(settings: Settings, ring: Ring, runtime: Runtime | None = None) -> Client:
    """The same, of one who has the payload keys already."""
    from byteport.temporal.connect import connect

    connecting = connect(settings.temporal, ring, identity=f"byteport-cli:{person(settings)}", runtime=runtime)
    return await while_waiting(f"connecting to Temporal at {settings.temporal.address}", connecting)


async def keys_of(settings: Settings) -> Ring:
    """The payload keys, from a file, or from the secret backend with the rights of whoever runs the command."""
    from workers.payload_keys import payload_keys

    reading = payload_keys(settings)
    if settings.temporal.payload_keys is None:
        return await reading
    return await while_waiting("reading the payload keys from the secret backend", reading)


def person(settings: Settings) -> str:
    """Who is at the keyboard, as far as nothing has to be proved."""
    if settings.approvals.identity:
        return settings.approvals.identity
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run one command's asynchronous part to its end."""
    return asyncio.run(work)
