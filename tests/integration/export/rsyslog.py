"""The real rsyslog as a child process: fetched as Debian packages, unpacked into a cache outside of the checkout, never installed.

It writes what it took as one JSON object a message, each property as it parsed it, so that every field can be compared.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("rsyslog", "rsyslog-gnutls", "rsyslog-openssl", "libestr0", "libfastjson4", "liblognorm5")
PROPERTIES = ("pri", "timereported", "hostname", "app-name", "procid", "msgid", "structured-data", "msg")
KEPT = "kept.log"
"""In the folder of a server, what it keeps by the template that docs/audit/export.md names."""
DEADLINE = 15.0


def unpacked() -> Path:
    """The folder into which rsyslog is unpacked; skips where it cannot be had."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        pytest.skip("expected: rsyslog comes from Debian packages, and there is no apt-get here")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "byteport" / "rsyslog" / platform.machine()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            _fetch(Path(made))
            with_packages = Path(made) / "root"
            try:
                with_packages.rename(folder)
            except OSError:  # somebody else was sooner
                assert folder.is_dir()
    missing = subprocess.run(
        ["ldd", _program(folder)], env=_environment(folder), capture_output=True, text=True, check=False
    )
    if missing.returncode or "not found" in missing.stdout:
        pytest.skip("expected: rsyslog needs libraries that this machine does not have")
    return folder


def _fetch(into: Path) -> None:
    got = subprocess.run(["apt-get", "download", *PACKAGES], cwd=into, capture_output=True, text=True, check=False)
    packages = [*into.glob("*.deb")]
    if got.returncode or len(packages) != len(PACKAGES):
        pytest.skip("expected: apt-get cannot fetch rsyslog here")
    for package in packages:
        subprocess.run(["dpkg", "-x", package, into / "root"], check=True, capture_output=True)


def _program(folder: Path) -> Path:
    return next(path for path in (folder / "usr/sbin/rsyslogd", folder / "sbin/rsyslogd") if path.exists())


def _libraries(folder: Path) -> list[Path]:
    return sorted(
        {path.parent for path in folder.rglob("libestr.so*")}
        | {path.parent for path in folder.rglob("libfastjson.so*")}
    )


def _environment(folder: Path) -> dict[str, str]:
    return {"LD_LIBRARY_PATH": ":".join(map(str, _libraries(folder))), "PATH": os.environ["PATH"]}


@dataclass
class Rsyslog:
    """One that runs, and what it wrote."""

    port: int
    process: subprocess.Popen[bytes]
    written: Path

    def messages(self) -> list[dict[str, Any]]:
        text = self.written.read_bytes() if self.written.exists() else b""
        return [json.loads(line) for line in text.split(b"\n")[:-1]]

    def wait(self, count: int) -> list[dict[str, Any]]:
        """What it wrote, once that is `count` messages."""
        _until(lambda: len(self.messages()) >= count, f"{count} messages")
        return self.messages()

    def kill_at_the_first_message(self) -> None:
        _until(lambda: self.written.exists() and self.written.stat().st_size > 0, "a message", every=0.001)
        self.process.kill()
        self.process.wait()


@contextmanager
def running(
    folder: Path, driver: str, ca: Path, certificate: Path, key: Path, *, asks_for: str = ""
) -> Iterator[Rsyslog]:
    """`driver` is `gtls` or `ossl`; with `asks_for` a client has to show a certificate of that name."""
    root = unpacked()
    modules = next(root.rglob("imtcp.so")).parent
    told, port_file = folder / "written.jsonl", folder / "port"
    port_file.unlink(missing_ok=True)
    mode = (
        f'StreamDriver.AuthMode="x509/name" PermittedPeer=["{asks_for}"]'
        if asks_for
        else 'StreamDriver.AuthMode="anon"'
    )
    fields = 'constant(value=", ") '.join(
        f'property(outname="{name}" name="{name}" format="jsonf" {_rfc3339(name)}) ' for name in PROPERTIES
    )
    configuration = f"""
global(workDirectory="{folder}" DefaultNetstreamDriver="{driver}" DefaultNetstreamDriverCAFile="{ca}"
       DefaultNetstreamDriverCertFile="{certificate}" DefaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" StreamDriver.Name="{driver}" StreamDriver.Mode="1" {mode})
template(name="parsed" type="list") {{ constant(value="{{") {fields} constant(value="}}\\n") }}
ruleset(name="all") {{ action(type="omfile" file="{folder / KEPT}" template="RSYSLOG_SyslogProtocol23Format")
  action(type="omfile" file="{told}" template="parsed") }}
input(type="imtcp" port="0" address="127.0.0.1" listenPortFileName="{port_file}" ruleset="all")
"""
    (folder / "rsyslog.conf").write_text(configuration)
    command = [str(_program(root)), "-n", "-iNONE", f"-f{folder / 'rsyslog.conf'}", f"-M{modules}"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=_environment(root), stdout=log, stderr=log, cwd=folder)
    try:
        _until(lambda: process.poll() is not None or _number(port_file) > 0, "rsyslog listens")
        assert process.poll() is None, (folder / "log").read_text()
        yield Rsyslog(_number(port_file), process, told)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _rfc3339(name: str) -> str:
    return 'dateFormat="rfc3339"' if name == "timereported" else ""


def _number(file: Path) -> int:
    return int(file.read_text().strip() or 0) if file.exists() else 0


def _until(holds: Callable[[], bool], what: str, every: float = 0.02) -> None:
    ends = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < ends, f"not in {DEADLINE} s: {what}"
        time.sleep(every)
