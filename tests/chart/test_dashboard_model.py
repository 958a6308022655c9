"""The chart's dashboard against Grafana's own model of one: no field that Grafana does not know, none that is missing, no value of
another kind. The model looks neither at words of a closed set, such as where a legend stands, nor into `fieldConfig`.

It is Grafana's Foundation SDK, a Go module that is generated from the schemas of a released Grafana; its go.sum lies beside the
program that asks it. No Grafana is run here: how the panels look is looked at by people.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from byteport.errors import ConfigError
from byteport.sandbox.controlplane.build import find_go
from tests.chart.chart import CHART

pytestmark = pytest.mark.peers

SOURCE = Path(__file__).parent / "grafana"
BOARD = CHART / "files" / "dashboard.json"


@pytest.fixture(scope="module")
def model() -> Path:
    """The program, built once for these sources. Skips where there is no Go, or no module proxy."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in ("main.go", "go.mod", "go.sum")))
    folder = cache / "byteport" / "dashboard-model"
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / digest.hexdigest()[:16]
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            _build(program)
    return program


def _build(program: Path) -> None:
    try:
        go = find_go()
    except ConfigError as error:
        pytest.skip(f"expected: no model of Grafana's here, and no Go to build it ({error.message})")
    part = program.with_suffix(".part")
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly",
    }
    command = [str(go), "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", str(part), "."]
    done = subprocess.run(command, cwd=SOURCE, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"expected: Grafana's model cannot be built here: {done.stderr.strip()[-300:]}")
    part.replace(program)


def amiss(model: Path, board: dict[str, Any]) -> str:
    """What the model says of it; empty where nothing is amiss."""
    return subprocess.run([model], input=json.dumps(board), capture_output=True, text=True, timeout=60).stdout


def board() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(BOARD.read_text())
    return read


@pytest.mark.claim("C-496")
def test_grafana_knows_each_field_and_value_of_the_dashboard(model: Path) -> None:
    assert amiss(model, board()) == ""


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("panels", 0, "options", "grafMode"), "none"),
        (("panels", 0, "options", "graphMode"), 5),
        (("panels", 3, "options", "legend", "showLegend"), "always"),
        (("panels", 3, "options", "tooltips"), {}),
        (("panels", 3, "targets", 0, "expression"), "up"),
        (("panels", 3, "gridPos", "width"), 12),
        (("panels", 3, "gridPos", "w"), "half"),
        (("refreshes",), "30s"),
    ],
)
def test_what_grafana_does_not_know_is_found(model: Path, place: tuple[str | int, ...], value: object) -> None:
    changed: Any = board()
    inside = changed
    for step in place[:-1]:
        inside = inside[step]
    inside[place[-1]] = value
    assert str(place[-1]) in amiss(model, changed)
