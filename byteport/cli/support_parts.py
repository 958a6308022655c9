"""What goes into a bundle for support: one part a file, each with why it is there. A part that cannot be had names why, and holds up none.

Comes after `support_masking.py`, through which every word goes; `support_bundle.py` writes what is gathered here. Nothing is changed
anywhere, and what Temporal, the ledger or a worker is asked has an end.
"""

from __future__ import annotations

import asyncio
import platform
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from byteport.cli.support_masking import Masking
from byteport.errors import BytePortError, ConfigError, Unavailable

if TYPE_CHECKING:
    from byteport.settings import Settings

PACKAGES = (
    "byteport",
    "temporalio",
    "pydantic",
    "kubernetes",
    "cryptography",
    "psycopg",
    "aiohttp",
    "opentelemetry-sdk",
)
ANSWER_SECONDS = 3.0
GATHER_SECONDS = 60.0
"""How long one part may take before it is left out."""
LARGEST_ANSWER = 4 << 20
LARGEST_TAIL = 256 * 1024
MOST_LOGS = 10
MOST_EVENTS = 500
MOST_TIMELINES = 10


class Asked(NamedTuple):
    """What the person who runs it wants in it."""

    records: int
    bodies: bool
    runs: int
    values: Path | None
    """A values file of the chart."""


class Part(NamedTuple):
    """One file of the bundle."""

    name: str
    why: str
    gather: Callable[[], Awaitable[bytes]]


class Gathered(NamedTuple):
    """What became of a part: its bytes, or why there are none."""

    name: str
    why: str
    content: bytes | None
    missing: str | None


async def gathered(part: Part, masking: Masking) -> Gathered:
    """One part, within its time. A mistake of ours in one part leaves the others."""
    try:
        async with asyncio.timeout(GATHER_SECONDS):
            return Gathered(part.name, part.why, await part.gather(), None)
    except TimeoutError:
        missing = f"took longer than {GATHER_SECONDS:.0f} s"
    except BytePortError as error:
        missing = masking.text(str(error))
    except Exception as error:  # noqa: BLE001  what is broken here is what somebody wants to see the rest of
        missing = f"failed: {type(error).__name__}"
    return Gathered(part.name, part.why, None, missing)


def parts(settings: Settings, environment: Mapping[str, str], asked: Asked, masking: Masking) -> list[Part]:
    """Every part, by name."""
    found = [
        Part(
            "versions.json", "what runs here: versions of BytePort, Python and the libraries", _now(masking, _versions)
        ),
        Part("settings.json", "the settings with defaults filled in; secrets masked", _now(masking, lambda: settings)),
        Part(
            "environment.json",
            "names of the variables that BytePort reads; no values",
            _now(masking, lambda: sorted(name for name in environment if name.startswith(("BYTEPORT_", "OTEL_")))),
        ),
        Part("doctor.json", "what `byteport doctor` finds", lambda: _doctor(settings, masking)),
        Part("verify-log.json", "whether the log is intact", lambda: _blocking(_verdict, settings, masking)),
        Part(
            "records.ndjson",
            "the newest records" + (" with what they say" if asked.bodies else ", headers only: no names, no words"),
            lambda: _blocking(_records, settings, asked, masking),
        ),
        Part("runs.json", "the newest remediations: ids, phases, decisions", lambda: _runs(settings, asked, masking)),
        Part(
            "timelines.json",
            "what happened in the newest of them, when; nothing of payloads",
            lambda: _timelines(settings, asked, masking),
        ),
        Part(
            "health.json", "whether the worker on this machine lives and can work", lambda: _health(settings, masking)
        ),
        Part("metrics.txt", "one look at the worker's metrics", lambda: _metrics(settings, masking)),
    ]
    found += [
        Part(f"logs/{path.name}", "the end of a log in the state directory", _now_text(masking, path))
        for path in _logs(settings)
    ]
    if asked.values is not None:
        found.append(Part("values.yaml", "the chart's values, as given", _now_text(masking, asked.values)))
    return sorted(found, key=lambda part: part.name)


def _now(masking: Masking, tell: Callable[[], Any]) -> Callable[[], Awaitable[bytes]]:
    async def gather() -> bytes:
        return masking.document(tell())

    return gather


def _now_text(masking: Masking, path: Path) -> Callable[[], Awaitable[bytes]]:
    async def gather() -> bytes:
        return await asyncio.to_thread(lambda: masking.last(masking.lines(_tail(path))))

    return gather


async def _blocking(tell: Callable[..., bytes], *arguments: Any) -> bytes:
    return await asyncio.to_thread(tell, *arguments)


def _versions() -> dict[str, Any]:
    known: dict[str, str | None] = {}
    for name in PACKAGES:
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            known[name] = None
    return {
        "packages": known,
        "python": sys.version.split()[0],
        "system": platform.system(),
        "machine": platform.machine(),
    }


async def _doctor(settings: Settings, masking: Masking) -> bytes:
    from byteport.sandbox import control
    from workers.examine import examine

    running = control.status(settings.state_dir)
    inside = f"the sandbox's process {running.pid}" if running and running.cluster == "simulated" else None
    checks = await examine(settings, cluster_inside=inside)
    return masking.document([one._asdict() for one in checks])


def _verdict(settings: Settings, masking: Masking) -> bytes:
    from byteport.ledger.opening import open_log

    reports = open_log(settings.ledger, settings.tenant).verify_all()
    return masking.document([report._asdict() if hasattr(report, "_asdict") else report for report in reports])


def _records(settings: Settings, asked: Asked, masking: Masking) -> bytes:
    import json

    from byteport.audit.heads import Chain
    from byteport.ledger.log import AuditLog, Filter
    from byteport.ledger.opening import open_log, open_reader
    from byteport.settings import installation

    if asked.bodies:
        wanted = Filter(tenant=settings.tenant, limit=asked.records, newest_first=True)
        newest = list(open_log(settings.ledger, settings.tenant).iter_records(wanted))[::-1]
        lines = [json.dumps(masking.value(one), sort_keys=True) for one in newest]
        return masking.last("".join(f"{line}\n" for line in lines))
    ledger = settings.ledger
    if ledger.url is None and (ledger.path is None or not ledger.path.is_file()):
        raise ConfigError("ledger.path", "nothing has been recorded here")
    ours = installation(settings)
    log, chain = AuditLog(open_reader(ledger, settings.tenant)), Chain(tenant=ours.tenant, cluster_uid=ours.cluster_uid)
    head = log.head(chain)
    first = max(1, head.seq - asked.records + 1) if head is not None else 1
    entries = islice(log.headers(chain, first), asked.records)
    return masking.last("".join(f"{entry.header.decode('utf-8', 'replace')}\n" for entry in entries))


async def _runs(settings: Settings, asked: Asked, masking: Masking) -> bytes:
    from byteport.cli.session import client_of
    from byteport.temporal.views import list_runs, list_waiting

    client = await client_of(settings)
    runs = await list_runs(client, open_only=False, limit=asked.runs)
    return masking.document({"runs": [one._asdict() for one in runs], "waiting": await list_waiting(client)})


async def _timelines(settings: Settings, asked: Asked, masking: Masking) -> bytes:
    from byteport.cli.session import client_with, keys_of
    from byteport.temporal.converter import data_converter
    from byteport.temporal.opened import open_history
    from byteport.temporal.timeline import timeline
    from byteport.temporal.views import fetch_history, list_runs

    ring = await keys_of(settings)
    client, converter = await client_with(settings, ring), data_converter(ring)
    told: dict[str, Any] = {}
    for run in await list_runs(client, open_only=False, limit=min(asked.runs, MOST_TIMELINES)):
        history = await open_history(await fetch_history(client, run.workflow_id, run.run_id), converter)
        told[f"{run.workflow_id} {run.run_id}"] = [
            {"at": one.at, "event": one.event_id, "what": one.what} for one in timeline(history)[:MOST_EVENTS]
        ]
    return masking.document(told)


async def _health(settings: Settings, masking: Masking) -> bytes:
    address = settings.telemetry.health_address
    if address is None:
        raise ConfigError("telemetry.health_address", "is not set, so no worker answers here")
    told = {}
    for path in ("livez", "readyz"):
        status, text = await asyncio.to_thread(_asked, f"{_here(address)}/{path}")
        told[path] = {"status": status, "says": text.splitlines()}
    return masking.document(told)


async def _metrics(settings: Settings, masking: Masking) -> bytes:
    address = settings.telemetry.metrics_address
    if address is None:
        raise ConfigError("telemetry.metrics_address", "is not set, so no metrics are served here")
    _, text = await asyncio.to_thread(_asked, f"{_here(address)}/metrics")
    return masking.last(text)


def _here(address: str) -> str:
    host, _, port = address.rpartition(":")
    local = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104  what a worker listens on
    return f"http://{local}:{port}"


def _asked(url: str) -> tuple[int, str]:
    """Asks this machine alone, by no proxy. Raises `Unavailable` when nobody answers."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=ANSWER_SECONDS) as answer:
            return answer.status, answer.read(LARGEST_ANSWER).decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(LARGEST_ANSWER).decode("utf-8", "replace")
    except OSError:
        raise Unavailable(f"nobody answers at {url}; does a worker run on this machine?") from None


def _logs(settings: Settings) -> list[Path]:
    """Logs in the state directory and its folder `logs`, as the sandbox keeps them."""
    folders = (settings.state_dir, settings.state_dir / "logs")
    found = {path.name: path for folder in folders for path in sorted(folder.glob("*.log")) if path.is_file()}
    return list(found.values())[:MOST_LOGS]


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            cut = max(0, file.tell() - LARGEST_TAIL)
            file.seek(cut)
            text = file.read(LARGEST_TAIL).decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError(str(path), error.strerror or "cannot be read") from None
    return text.partition("\n")[2] if cut else text
