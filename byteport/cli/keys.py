"""`byteport keys`: the keys that an installation starts with, made where there are none, or put where they can be used.

An installation of any weight takes its keys from its secret backend; a trial, a sandbox or a first start makes them. A
Secret of Kubernetes is mounted for a group, and a key that others may read is refused: hence `place`, into memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from byteport.cli.output import say
from byteport.cli.session import settings_of
from byteport.errors import ConfigError, MalformedInput, Unavailable

app = typer.Typer(help="Keys: made where there are none, or put where they can be used.", no_args_is_help=True)

LARGEST = 1 << 20


@app.command("init")
def init(
    context: typer.Context,
    signer: Annotated[bool, typer.Option("--signer", help="The key that signs the log, too.")] = False,
) -> None:
    """Make the payload key and the ledger's keys where the settings say, each only if it is not there.

    The key that signs the log belongs to the signer alone, and is made only where it is asked for. Payload keys that the settings
    name in a secret backend are made there, by whoever keeps it.
    """
    from byteport.ledger.keys import make_body_keys
    from byteport.temporal.keys import make_key_file
    from byteport.trust.files import make_key, read_private_key

    settings = settings_of(context)
    payload = settings.temporal.payload_key_file
    if payload is None and settings.temporal.payload_keys is None:
        raise ConfigError("temporal.payload_key_file", "must be set")
    bodies = _set(settings.ledger.body_key, "ledger.body_key")
    grant = _set(settings.ledger.grant_key, "ledger.grant_key")
    public = _set(settings.cluster.grant_public_key, "cluster.grant_public_key")
    with _alone(grant.parent, "ledger.grant_key"):
        made = [payload] if payload is not None and make_key_file(payload) else []
        made += [bodies] if make_body_keys(bodies) else []
        if not grant.exists():
            made.append(grant)
            make_key(grant, "ledger.grant_key", comment="byteport ledger")
        if not public.exists():
            made.append(public)
            line = read_private_key(grant, "ledger.grant_key").public_key.line
            _write(public, f"{line} byteport ledger\n".encode(), 0o644, "cluster.grant_public_key")
        if signer:
            checkpoint = _set(settings.audit.signer.key, "audit.signer.key")
            if not checkpoint.exists():
                made.append(checkpoint)
                make_key(checkpoint, "audit.signer.key", comment="byteport checkpoints")
    say("\n".join(f"made {path}" for path in made) or "every key is there already")


@app.command("place")
def place(
    source: Annotated[Path, typer.Argument(metavar="FROM", help="Folder of key files, such as a mounted Secret.")],
    target: Annotated[Path, typer.Argument(metavar="TO", help="Folder in memory that they are copied into.")],
) -> None:
    """Copy every key of a folder into another, readable by its owner alone."""
    try:
        files = sorted(path for path in source.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise MalformedInput("FROM", f"{source}: {error.strerror or 'cannot be read'}") from None
    for path in files:
        _write(target / path.name, _read(path), 0o600, "TO")
    say(f"{len(files)} key file(s) placed in {target}")


def _set(path: Path | None, key: str) -> Path:
    if path is None:
        raise ConfigError(key, "must be set")
    return path


@contextlib.contextmanager
def _alone(folder: Path, key: str) -> Iterator[None]:
    """While inside, no other process makes keys in that folder: two pods of one volume may start at once."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigError(key, f"{folder}: {error.strerror or 'cannot be used'}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise MalformedInput("FROM", f"{path}: {error.strerror or 'cannot be read'}") from None
    if len(data) > LARGEST:
        raise MalformedInput("FROM", f"{path} is larger than {LARGEST} bytes")
    return data


def _write(path: Path, data: bytes, mode: int, key: str) -> None:
    """All of it or nothing, never through a link; what was there before is replaced."""
    from byteport.trust.durable import replace

    try:
        replace(path, data, mode=mode)
    except Unavailable as error:
        raise ConfigError(key, error.message) from None
