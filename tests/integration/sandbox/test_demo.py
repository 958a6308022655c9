"""The demo: every scenario as it must be, a report for a script, and nothing left running."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from byteport.cli.exits import Exit
from tests.integration.cli.conftest import PROGRAM

SCENARIOS = {
    "full-disk": ("acted", "success", "disk_images"),
    "bad-release": ("acted", "success", "bad_image"),
    "crash-loop": ("acted", "success", "transient"),
    "relapse": ("escalated", "failure", "transient"),
    "out-of-memory": ("escalated", None, "oom_killed"),
    "unlabelled": (None, None, None),
    "surge": ("acted", "success", "autoscaler_limited"),
    "halted": ("escalated", None, "transient"),
}


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAM, "sandbox", "demo", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if not name.startswith("BYTEPORT_")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children_in(folder: Path) -> list[str]:
    """Programs that still run with this folder on their command line or as their working directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder and (process / "stat").read_text().split()[2] != "Z":
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_shows_everything_reports_it_and_leaves_nothing_running(tmp_path: Path) -> None:
    running = start(tmp_path)
    out, err = running.communicate(timeout=280)
    assert running.returncode == Exit.OK, out + err
    report: dict[str, Any] = json.loads((tmp_path / ".byteport" / "demo" / "report.json").read_text())
    assert set(report) == {"cluster", "versions", "scenarios", "writes", "broken", "audit", "seconds"}
    assert (report["cluster"], report["broken"]) == ("simulated", [])
    told = report["scenarios"]
    for scenario in told:
        assert set(scenario) == {
            *("name", "expected", "decision", "result", "class", "mttr_seconds", "workflow_id", "ok")
        }
    assert {one["name"]: (one["decision"], one["result"], one["class"]) for one in told} == SCENARIOS
    assert [one["name"] for one in told] == list(SCENARIOS)
    assert all(one["ok"] for one in told)
    assert (report["audit"]["intact"], report["audit"]["tamper_detected"]) == (True, True)
    assert report["audit"]["matched"] is None  # there is no API server that kept an audit log
    assert report["audit"]["records"] >= len(SCENARIOS)
    assert {what.rsplit("/", 1)[0] for what in report["writes"]} == {
        "byteport-demo-bad-release: patch deployments",
        "byteport-demo-crash-loop: delete pods",
        "byteport-demo-relapse: delete pods",
        "byteport-demo-surge: patch horizontalpodautoscalers",
        "byteport-node: exec pods",
    }
    assert len(report["writes"]) == len(set(report["writes"])) == 5
    assert "byteport-node: exec pods/byteport-node-helper-node-3: crictl rmi --prune" in report["writes"]
    assert re.search(r"its time box: timebox:[0-9a-f-]+:byteport-demo-surge:web\n", out)
    assert re.search(r"the floor stands until \d\d:\d\d:\d\d UTC", out)
    assert "Nothing was broken." in out
    assert children_in(tmp_path) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_interrupted_demo_says_so_and_ends_what_it_started(tmp_path: Path) -> None:
    running = start(tmp_path)
    assert running.stdout is not None
    for line in running.stdout:
        if "preparing" in line:
            break
    busy = start(tmp_path)
    assert busy.wait(timeout=120) == Exit.FINDING
    assert busy.stderr is not None
    assert "another demo runs" in busy.stderr.read()
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=120) == Exit.INTERRUPTED
    assert running.stderr is not None
    assert running.stderr.read().strip().endswith("error: interrupted")
    end = time.monotonic() + 60
    while children_in(tmp_path):
        assert time.monotonic() < end, children_in(tmp_path)
        time.sleep(0.1)
    assert list((tmp_path / ".byteport" / "demo" / "logs").iterdir()), "the logs are left"


def test_a_step_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    running = start(tmp_path, "--folder", "file/demo")
    _, err = running.communicate(timeout=60)
    assert running.returncode == Exit.FINDING
    assert err.startswith("error: starting: file/demo cannot be used")
    assert err.count("\n") == 1
