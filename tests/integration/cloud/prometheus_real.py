"""A real Prometheus, built once from its Go module and kept in the cache, which asks everybody for a certificate.

It is told of the past by remote write, so that no test has to wait for minutes: the request is protobuf in snappy, both by
hand here, since of either a few bytes are needed. About four minutes of one processor's time the first time.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import ssl
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from byteport.errors import ConfigError
from byteport.sandbox.children import Child, free_port
from byteport.sandbox.controlplane.build import find_go
from tests.integration.export.authority import Authority

VERSION = "v0.316.0"
MODULE = "github.com/prometheus/prometheus"
READY_SECONDS = 30.0
Series = tuple[Mapping[str, str], Sequence[tuple[float, float]]]
"""Labels, and values by the time at which they were measured."""


def program(name: str = "prometheus") -> Path:
    """One of the module's commands, built now if need be. Skips where there is no Go, or no module proxy."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "byteport" / "prometheus" / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / name).exists():
            _build(folder, name)
    return folder / name


def _build(folder: Path, name: str) -> None:
    try:
        go = find_go()
    except ConfigError as error:
        pytest.skip(f"expected: no Prometheus here, and no Go to build it ({error.message})")
    part = folder / "part"
    environment = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(part), "GOTOOLCHAIN": "local", "GOWORK": "off"}
    command = [
        str(go),
        "install",
        "-trimpath",
        "-tags",
        "remove_all_sd",
        "-ldflags",
        "-s -w",
        f"{MODULE}/cmd/{name}@{VERSION}",
    ]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"expected: Prometheus cannot be built here: {done.stderr.strip()[-300:]}")
    (part / name).replace(folder / name)
    shutil.rmtree(part)


@dataclass
class Real:
    """What is listening, and the certificate that it takes."""

    url: str
    certificate: Path
    key: Path
    tls: ssl.SSLContext

    async def wrote(self, *series: Series) -> None:
        """As an agent that sends what it has scraped."""
        body = _snappy(b"".join(_field(1, _series(labels, values)) for labels, values in series))
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        async with aiohttp.ClientSession() as session:
            asked = session.post(f"{self.url}/api/v1/write", data=body, headers=headers, ssl=self.tls)
            async with asked as answer:
                assert answer.status == 204, await answer.text()


@asynccontextmanager
async def prometheus(authority: Authority, folder: Path) -> AsyncIterator[Real]:
    certificate, key = authority.files("localhost")
    web = {
        "cert_file": certificate,
        "key_file": key,
        "client_ca_file": authority.ca_file,
        "client_auth_type": "RequireAndVerifyClientCert",
    }
    (folder / "web.yml").write_text(
        "tls_server_config:\n" + "".join(f"  {name}: {value}\n" for name, value in web.items())
    )
    (folder / "prometheus.yml").write_text("global: {}\n")
    port = free_port()
    flags = {
        "config.file": folder / "prometheus.yml",
        "web.config.file": folder / "web.yml",
        "web.listen-address": f"127.0.0.1:{port}",
        "storage.tsdb.path": folder / "tsdb",
        "log.level": "warn",
    }
    command = [str(program()), *(f"--{name}={value}" for name, value in flags.items())]
    child = await Child.start(
        "Prometheus", [*command, "--web.enable-remote-write-receiver"], log=folder / "prometheus.log", env={}
    )
    ours, our_key = authority.files("byteport")
    tls = ssl.create_default_context(cafile=authority.ca_file)
    tls.load_cert_chain(ours, our_key)
    made = Real(f"https://localhost:{port}", ours, our_key, tls)
    try:
        await _ready(made, child)
        yield made
    finally:
        await child.stop()


async def _ready(there: Real, child: Child) -> None:
    end = time.monotonic() + READY_SECONDS
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < end:
            child.must_run()
            try:
                async with session.get(f"{there.url}/-/ready", ssl=there.tls) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    raise AssertionError(f"not ready; see {child.log}")


# -- remote write -----------------------------------------------------------------------------------------------------


def _series(labels: Mapping[str, str], values: Sequence[tuple[float, float]]) -> bytes:
    named = [_field(1, name.encode()) + _field(2, value.encode()) for name, value in sorted(labels.items())]
    samples = [b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(round(at * 1000)) for at, value in values]
    return b"".join([_field(1, one) for one in named] + [_field(2, one) for one in samples])


def _field(number: int, body: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(body)) + body


def _varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def _snappy(body: bytes) -> bytes:
    """Nothing but literals: it need not be small."""
    parts = [body[at : at + 65536] for at in range(0, len(body), 65536)]
    return _varint(len(body)) + b"".join(bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part for part in parts)
