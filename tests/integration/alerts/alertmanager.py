"""A real Alertmanager, as Debian packages it, in a folder that it takes for the whole machine.

Debian's program reads its templates below `/usr/share`, so it is not installed but put into a folder with the few libraries that
it needs, and started there by `chroot`. The package is fetched once, into a cache outside of the checkout.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from byteport.sandbox.children import free_port

PACKAGE = "prometheus-alertmanager"
PROGRAM = "/usr/bin/prometheus-alertmanager"
NEEDED = ("usr/bin/prometheus-alertmanager", "usr/share/prometheus/alertmanager")
NEEDS = ("apt-get", "dpkg", "ldd", "chroot")


def rooted(folder: Path) -> Path:
    """`folder`, with an Alertmanager in it; skips where it cannot be had."""
    lacks = [program for program in NEEDS if shutil.which(program) is None]
    if lacks or os.geteuid() != 0:
        pytest.skip(f"expected: Alertmanager is Debian's, started by chroot: no {', '.join(lacks) or 'root'} here")
    unpacked = _unpacked()
    for part in NEEDED:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (unpacked / part).is_dir() else shutil.copy
        copy(unpacked / part, folder / part)
    for library in _libraries(unpacked / NEEDED[0]):
        (folder / library.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, folder / library.relative_to("/"))
    return folder


@contextmanager
def alertmanager(root: Path, config: str) -> Iterator[str]:
    """Its address. `config` and what it names lie in `root`."""
    (root / "alertmanager.yaml").write_text(config)
    address = f"127.0.0.1:{free_port()}"
    arguments = ["--config.file=/alertmanager.yaml", "--storage.path=/data", "--cluster.listen-address="]
    command = ["chroot", str(root), PROGRAM, *arguments, f"--web.listen-address={address}"]
    with (root / "log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield f"http://{address}"
    finally:
        running.terminate()
        running.wait(20)


def _unpacked() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "byteport" / PACKAGE / platform.machine()
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            _fetch(Path(made))
            try:
                (Path(made) / "root").rename(folder)
            except OSError:  # somebody else was sooner
                assert folder.is_dir()
    return folder


def _fetch(into: Path) -> None:
    got = subprocess.run(["apt-get", "download", PACKAGE], cwd=into, capture_output=True, check=False)
    packages = [*into.glob("*.deb")]
    if got.returncode or not packages:
        pytest.skip("expected: apt-get cannot fetch Alertmanager here")
    subprocess.run(["dpkg", "-x", packages[0], into / "root"], check=True, capture_output=True)


def _libraries(program: Path) -> list[Path]:
    """Those that it is linked to, the loader among them."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return [Path(found) for found in re.findall(r"(/\S+) \(0x", said)]
