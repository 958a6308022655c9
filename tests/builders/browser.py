"""A real browser: Debian's Chromium, driven by Playwright; where it is missing and this is Debian as root, apt brings it.

Playwright's own browsers are never fetched. Which certificates of a test are trusted is said by the digest of their key,
so that every other one is refused as in any browser.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import BrowserContext, async_playwright

NAME = "chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
APT = ("apt-get", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120")
LOCK = Path(tempfile.gettempdir()) / "byteport-tests-browser.lock"
LONGEST_SECONDS = 500


@cache
def chromium() -> Path:
    """The program; installed first where that can be done. Skips the test, with why, where it cannot."""
    with LOCK.open("w") as lock:  # of several workers of a test session one installs
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _found_or_installed()


def _found_or_installed() -> Path:
    found = shutil.which(NAME)
    if found is None:
        if not Path("/etc/debian_version").exists() or os.geteuid() != 0 or shutil.which("apt-get") is None:
            pytest.skip(f"expected: there is no {NAME} here, and this is no Debian on which it could be installed")
        print(f"installing {NAME} with apt, which takes a minute", flush=True)  # noqa: T201  progress of a long step
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (("update",), ("install", NAME, "fonts-dejavu-core")):
            done = subprocess.run([*APT, *step], env=quiet, capture_output=True, timeout=LONGEST_SECONDS, check=False)
            if done.returncode != 0:
                pytest.skip(f"expected: apt-get {step[0]} failed: {done.stderr.decode(errors='replace')[-300:]}")
        found = shutil.which(NAME)
    assert found is not None
    return Path(found)


@contextlib.asynccontextmanager
async def browser(
    folder: Path, certificate: Path, hosts: Mapping[str, int] | None = None, /, **context: object
) -> AsyncIterator[BrowserContext]:
    """A window with an empty profile that trusts `certificate`; `context` is Playwright's: a viewport, a colour scheme.

    Each of `hosts` is found at its port of this machine, as if it were at port 443.
    """
    found = ",".join(f"MAP {host}:443 127.0.0.1:{port}" for host, port in (hosts or {}).items())
    elsewhere = [f"--host-resolver-rules={found}"] if found else []
    async with async_playwright() as playwright:
        window = await playwright.chromium.launch_persistent_context(
            folder,
            executable_path=chromium(),
            args=[*FLAGS, f"--ignore-certificate-errors-spki-list={_spki(certificate)}", *elsewhere],
            **context,  # type: ignore[arg-type]  # Playwright's own names, which it checks
        )
        try:
            yield window
        finally:
            await window.close()


def _spki(certificate: Path) -> str:
    """The digest by which Chromium is told which key to trust."""
    trusted = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    spki = trusted.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()
