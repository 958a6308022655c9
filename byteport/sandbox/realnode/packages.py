"""containerd, runc, the CNI plugins and busybox: Debian's packages, unpacked into the cache and never installed.

Nothing is configured and no service is started, since no maintainer's script runs. Comes before `node.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from byteport.errors import BytePortError

NAMES = ("busybox-static", "containerd", "containernetworking-plugins", "libseccomp2", "runc")
"""libseccomp2 is what runc is linked against and a small machine may lack."""
WHOLE = ".whole"
TIMEOUT_SECONDS = 300


class PackagesMissing(BytePortError):
    """A package could not be fetched or unpacked; the message ends with what apt said."""

    code = "packages_missing"


def lacking() -> str | None:
    """Why the packages cannot be had here; None where they are there already, or can be fetched."""
    missing = [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]
    return f"no {' and no '.join(missing)} here" if missing and not _is_whole(folder()) else None


def folder() -> Path:
    """Where they are unpacked: `$XDG_CACHE_HOME/byteport/real-node/DIGEST`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "byteport" / "real-node" / hashlib.sha256(" ".join(NAMES).encode()).hexdigest()[:16]


def ensure_unpacked() -> Path:
    """The folder with everything below it as Debian lays it out, fetched now if need be. Raises `PackagesMissing`."""
    whole = folder()
    whole.parent.mkdir(parents=True, exist_ok=True)
    with (whole.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _is_whole(whole):
            return whole
        work = whole.with_suffix(".part")
        shutil.rmtree(work, ignore_errors=True)
        (work / "debs").mkdir(parents=True)
        _fetch(work / "debs", work / "apt")
        for package in sorted((work / "debs").glob("*.deb")):
            _run(["dpkg-deb", "--extract", str(package), str(work)], work)
        for done_with in ("debs", "apt"):
            shutil.rmtree(work / done_with, ignore_errors=True)
        (work / WHOLE).touch()
        shutil.rmtree(whole, ignore_errors=True)
        work.rename(whole)
    return whole


def libraries(unpacked: Path) -> list[Path]:
    """Where its shared libraries are, for LD_LIBRARY_PATH."""
    return sorted({library.parent for library in unpacked.glob("**/libseccomp.so*")})


def _fetch(into: Path, lists: Path) -> None:
    """By the machine's own lists of packages, or by fresh ones kept apart: the machine's are not touched."""
    download = ["apt-get", "--quiet", "-o", "APT::Sandbox::User=root"]
    try:
        _run([*download, "download", *NAMES], into)
    except PackagesMissing:
        (lists / "partial").mkdir(parents=True)
        apart = [*download, "-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={lists}"]
        _run([*apart, "update"], into)
        _run([*apart, "download", *NAMES], into)


def _run(command: list[str], where: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=where, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PackagesMissing(f"{command[0]} could not be run: {error}") from error
    if done.returncode != 0:
        raise PackagesMissing(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-800:]}")


def _is_whole(unpacked: Path) -> bool:
    return (unpacked / WHOLE).exists()
