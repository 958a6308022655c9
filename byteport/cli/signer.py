"""`byteport signer`: the key by which the log is signed, and how a signer goes on whose memory was lost.

Both need the key's file, so that they are run where the signer runs, by whoever may read it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.output import print_json, say
from byteport.cli.session import AsJson, settings_of
from byteport.errors import ConfigError, MalformedInput

if TYPE_CHECKING:
    from byteport.settings import Settings

app = typer.Typer(help="The signer of the log: its key, and its memory.", no_args_is_help=True)

LARGEST = 1 << 20


@app.command("init")
def init(context: typer.Context) -> None:
    """Make the key that signs checkpoints of the log where `audit.signer.key` says, and print what others check it with."""
    from byteport.trust.files import make_key

    settings = settings_of(context)
    path = key_path(settings)
    make_key(path, "audit.signer.key", comment="byteport checkpoints")
    say(str(verifier_of(settings)))


@app.command("adopt")
def adopt(
    context: typer.Context,
    carried: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", help="A checkpoint that was kept elsewhere; as often as there is one."),
    ] = None,
    before: Annotated[
        list[str] | None,
        typer.Option("--key", help="The vkey by which the log was signed before, if that key is not set any more."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a lost memory of the signer anew, once the whole log has been held against every known checkpoint."""
    from activities.clock import utc_now
    from activities.signer.adopting import adopt as begin_again
    from activities.signer.keys import read_signing_keys
    from activities.signer.state import StateFile
    from byteport.audit.heads import Chain
    from byteport.audit.notes import parse_vkey
    from byteport.ledger.opening import open_store
    from byteport.settings import installation

    settings = settings_of(context)
    ours = installation(settings)
    chain = Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid)
    signer = settings.audit.signer
    if signer.state_file is None:
        raise ConfigError("audit.signer.state_file", "must be set")
    keys = read_signing_keys(key_path(settings), signer.retiring_key, chain)
    store = open_store(settings.ledger, settings.tenant, clock=utc_now, randomness=_none, bodies=False)
    try:
        adopted = begin_again(
            store,
            chain,
            keys,
            StateFile(signer.state_file, chain),
            [_note(path) for path in carried or ()],
            [parse_vkey(key) for key in before or ()],
        )
    finally:
        store.close()
    if as_json:
        print_json({"size": adopted.size, "checkpoints": adopted.agreed, "state_file": str(signer.state_file)})
    else:
        say(
            f"the log holds all of {adopted.agreed} known checkpoint(s); the signer goes on from {adopted.size} record(s)",
            style="green",
        )


def key_path(settings: Settings) -> Path:
    """Raises `ConfigError` where nobody is set to sign."""
    if settings.audit.signer.key is None:
        raise ConfigError("audit.signer.key", "is not set: nobody signs this log")
    return settings.audit.signer.key


def verifier_of(settings: Settings) -> object:
    """The key by which others check the log's checkpoints."""
    from activities.signer.keys import read_verifier
    from byteport.audit.heads import Chain
    from byteport.settings import installation

    ours = installation(settings)
    return read_verifier(key_path(settings), Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid))


def _none(length: int) -> bytes:
    raise AssertionError(f"nothing is appended here, and {length} random bytes were asked for")


def _note(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise MalformedInput("--checkpoint", f"{path} is larger than {LARGEST} bytes")
        return data.decode("utf-8")
    except OSError as error:
        raise MalformedInput("--checkpoint", f"{path}: {error.strerror or 'cannot be read'}") from None
    except UnicodeDecodeError:
        raise MalformedInput("--checkpoint", f"{path} is no signed note") from None
