"""`byteport support-bundle`: what somebody needs to help, in one file, without a secret, for a person to look through first.

Comes after `support_parts.py`. The same parts give the same bytes: names in order, no times, no owners. It is sent nowhere.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.exits import Exit
from byteport.cli.output import facts, note, print_json, say, table
from byteport.cli.session import AsJson, run, settings_of
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from byteport.cli.support_parts import Asked, Gathered
    from byteport.settings import Settings

MANIFEST = "MANIFEST.json"
FOLDER = "byteport-support"


def support_bundle(
    context: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to make (.tar.gz); nothing is written over. Default: here.")
    ] = None,
    records: Annotated[int, typer.Option("--records", min=0, max=10_000, help="So many of the newest records.")] = 200,
    bodies: Annotated[
        bool, typer.Option("--bodies", help="Also what records say: names of what was acted on, and people's words.")
    ] = False,
    runs: Annotated[int, typer.Option("--runs", min=0, max=1000, help="So many of the newest remediations.")] = 50,
    values: Annotated[
        Path | None,
        typer.Option("--values", help="The chart's values, as `helm get values byteport-agent` prints them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Gather versions, settings, findings, the newest records' headers, runs, health and metrics into one file, redacted."""
    from byteport.cli.support_parts import Asked

    settings = settings_of(context)
    path = out or Path(f"byteport-support-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz")
    made = run(gathered_of(settings, Asked(records, bodies, runs, values)))
    content = packed(made)
    _write(path, content)
    missing = [one for one in made if one.content is None]
    if as_json:
        print_json({"path": str(path), "bytes": len(content), "parts": _entries(made)})
    else:
        facts([("written", str(path)), ("bytes", str(len(content)))])
        table("FILE", "WHY", "MISSING", rows=[(one.name, one.why, one.missing) for one in made])
        say(f"Look through it before you give it away: tar -xzf {path}")
        for one in missing:
            note(f"{one.name} is not in it: {one.missing}")
    if missing:
        raise typer.Exit(Exit.PARTLY)


async def gathered_of(settings: Settings, asked: Asked) -> list[Gathered]:
    """Part after part, so that the same order asks the same things."""
    from byteport.cli.support_masking import Masking, known_secrets
    from byteport.cli.support_parts import gathered, parts

    masking = Masking(known_secrets(settings, os.environ))
    return [await gathered(part, masking) for part in parts(settings, os.environ, asked, masking)]


def packed(made: Sequence[Gathered]) -> bytes:
    """The archive: the manifest first, then each part in order."""
    from byteport.cli.support_masking import Masking

    manifest = Masking(()).document({"format": "byteport-support-v1", "files": _entries(made)})
    files = [(MANIFEST, manifest), *((one.name, one.content) for one in made if one.content is not None)]
    whole = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=whole, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, content in files:
            entry = tarfile.TarInfo(f"{FOLDER}/{name}")
            entry.size, entry.mode = len(content), 0o600
            archive.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


def _entries(made: Sequence[Gathered]) -> list[dict[str, str | int | None]]:
    return [
        {
            "name": one.name,
            "why": one.why,
            "bytes": None if one.content is None else len(one.content),
            "sha256": None if one.content is None else hashlib.sha256(one.content).hexdigest(),
            "missing": one.missing,
        }
        for one in made
    ]


def _write(path: Path, content: bytes) -> None:
    """Only its owner reads it, and nothing that is there is written over. Raises `MalformedInput`."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise MalformedInput("--out", f"{path} is there already; name another file") from None
    except OSError as error:
        raise MalformedInput("--out", f"{path} cannot be made: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise MalformedInput("--out", f"{path} cannot be written: {error.strerror}") from None
