"""`byteport witness`: runs a witness of logs, somewhere else than the logs themselves. Needs no settings and no agent.

A folder holds all of it: `key`, `key.pub` and `name` of the witness, `logs` (the keys of the logs that it knows, one vkey a line)
`states` (what it signed last of each) and `signed` (the logs that it ever signed).
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from byteport.cli.output import note, say
from byteport.cli.session import run
from byteport.errors import MalformedInput

if TYPE_CHECKING:
    from byteport.witness.home import WitnessHome
    from byteport.witness.server import Certificate
    from byteport.witness.witness import Witness

app = typer.Typer(
    help="A witness of logs: signs that each of them only ever grew. Run it where the logs' owners cannot reach.",
    no_args_is_help=True,
)

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where its key, its list of logs and its memory lie.")]
SETTING = "FOLDER"


@app.command("init")
def init(
    folder: Folder,
    name: Annotated[str, typer.Option("--name", help="Its name for good, such as witness.example.com/w1.")],
) -> None:
    """Make the key of a new witness, and print what logs and verifiers must know of it."""
    from byteport.trust.files import make_key
    from byteport.witness.home import WitnessHome, check_name

    check_name(name)
    home = WitnessHome(folder)
    make_key(home.key, SETTING, comment=name)
    home.begin(name)
    say(str(_witness(home).key))


@app.command("key")
def key(folder: Folder) -> None:
    """Print the key by which this witness's signatures are checked."""
    from byteport.witness.home import WitnessHome

    say(str(_witness(WitnessHome(folder)).key))


@app.command("serve")
def serve(
    folder: Folder,
    listen: Annotated[str, typer.Option("--listen", help="Address and port, such as 0.0.0.0:8443.")] = "127.0.0.1:8443",
    certificate: Annotated[Path | None, typer.Option("--certificate", help="PEM of its certificate and chain.")] = None,
    certificate_key: Annotated[
        Path | None, typer.Option("--certificate-key", help="PEM of the certificate's key.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Log lines as JSON.")] = False,
) -> None:
    """Answer `add-checkpoint` (c2sp.org/tlog-witness) until it is told to stop."""
    from byteport.telemetry import LogFormat, TelemetryConfig, configure_logging
    from byteport.witness.home import WitnessHome
    from byteport.witness.server import Certificate

    configure_logging(TelemetryConfig(log_format=LogFormat.JSON if as_json else LogFormat.TEXT))
    if (certificate is None) != (certificate_key is None):
        raise MalformedInput("--certificate", "and --certificate-key belong together; give both or neither")
    host, port = _address(listen)
    if certificate is None and not _of_this_machine(host):
        raise MalformedInput(
            "--listen",
            f"{host} can be reached from elsewhere, where nobody speaks without TLS; give --certificate and "
            "--certificate-key, or listen on 127.0.0.1 behind a proxy that has them",
        )
    files = (
        Certificate(certificate, certificate_key) if certificate is not None and certificate_key is not None else None
    )
    home = WitnessHome(folder)
    with home.alone():
        run(_serve(_witness(home), host, port, files))


async def _serve(witness: Witness, host: str, port: int, files: Certificate | None) -> None:
    from byteport.witness.server import served, tls

    stop = asyncio.Event()
    context = tls(files) if files is not None else None
    async with served(witness, host, port, context=context) as at:
        over = "TLS 1.3" if context is not None else "plain HTTP, from this machine only"
        logging.getLogger("byteport.witness").info("listening on %s:%d (%s)", host, at, over)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await stop.wait()
    note("stopped")


def _of_this_machine(host: str) -> bool:
    """Whether only this machine reaches it. Of a name nobody can tell, but for the one that every system knows."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _witness(home: WitnessHome) -> Witness:
    from activities.clock import utc_now

    return home.witness(utc_now)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise MalformedInput("--listen", "write an address and a port, as in 0.0.0.0:8443")
    return host.strip("[]"), int(port)
