"""Starting and ending a control plane: nothing is left behind, however it ends, and a failure names its part."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from byteport.errors import ConfigError
from byteport.sandbox.controlplane import ControlPlane, NotRunning, StartFailed, ensure_built
from byteport.sandbox.controlplane.build import ASSETS, Tool

ENDS_SECONDS = 60.0
"""Nothing waits that long when all is well: three seconds for each of three waves."""

pytestmark = pytest.mark.timeout(240)

STARTER = """
import sys, time
from pathlib import Path
from byteport.sandbox.controlplane import ControlPlane
with ControlPlane(Path(sys.argv[1]), nodes=1):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder in which nothing runs any more when the test ends."""
    folder = tmp_path / "state"
    yield folder
    ControlPlane(folder).stop()


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of ready programs, each of which a test may replace."""
    folder = tmp_path / "tools"
    folder.mkdir()
    built = ensure_built()
    for tool in Tool:
        (folder / tool.program).symlink_to(built / tool.program)
    monkeypatch.setenv(ASSETS, str(folder))
    return folder


def replace_by_script(program: Path, text: str) -> None:
    program.unlink()
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)


def processes_of(state: Path) -> list[int]:
    """Every process whose command line names the folder, whoever its parent is now."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if str(state).encode() in words:
            found.append(int(entry.name))
    return found


def eventually(is_so: Callable[[], bool], *, within: float) -> bool:
    deadline = time.monotonic() + within
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_stop_leaves_the_logs_and_no_process(state: Path) -> None:
    with ControlPlane(state, nodes=1) as plane:
        assert len(processes_of(state)) == len(Tool) + 1
        assert plane.is_running()
    assert processes_of(state) == []
    assert (state / "audit.log").exists()
    assert (state / "logs" / "kube-apiserver.log").stat().st_size > 0
    with pytest.raises(NotRunning, match="no control plane runs"):
        plane.parts()


async def test_it_is_an_async_context_manager_too(state: Path) -> None:
    async with ControlPlane(state, nodes=1) as plane:
        assert plane.kubectl("get", "--raw", "/readyz") == "ok"
    assert processes_of(state) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_process_that_started_it(state: Path, number: signal.Signals) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(state)], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    with starter.stdout as said:
        assert said.readline() == "up\n"
        starter.send_signal(number)
        starter.wait(ENDS_SECONDS)
    assert eventually(lambda: processes_of(state) == [], within=ENDS_SECONDS)


def test_its_parts_end_with_the_supervisor_even_when_that_is_killed(state: Path) -> None:
    plane = ControlPlane(state, nodes=1).start()
    [supervisor] = [pid for pid in processes_of(state) if b"supervise" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(supervisor, signal.SIGKILL)
    assert eventually(lambda: not plane.is_running(), within=ENDS_SECONDS)
    assert eventually(lambda: processes_of(state) == [], within=ENDS_SECONDS)


def test_a_detached_one_outlives_its_starter_and_is_ended_by_another_process(state: Path) -> None:
    command = [sys.executable, "-m", "byteport.sandbox.controlplane"]
    subprocess.run([*command, "up", "--state", str(state), "--nodes", "1"], check=True, capture_output=True)
    plane = ControlPlane.attach(state)
    assert plane.kubectl("get", "--raw", "/readyz") == "ok"
    told = subprocess.run([*command, "status", "--state", str(state)], check=True, capture_output=True, text=True)
    assert plane.server in told.stdout
    subprocess.run([*command, "down", "--state", str(state)], check=True, capture_output=True)
    assert processes_of(state) == []
    assert subprocess.run([*command, "status", "--state", str(state)], capture_output=True).returncode == 3


def test_a_part_that_ends_is_named_with_its_log_and_its_last_words(state: Path, tools: Path) -> None:
    replace_by_script(tools / "kube-scheduler", 'echo "cannot schedule: the moon is full" >&2; exit 7')
    with pytest.raises(StartFailed, match="kube-scheduler ended with 7") as failed:
        ControlPlane(state).start()
    assert str(state / "logs" / "kube-scheduler.log") in failed.value.message
    assert "the moon is full" in failed.value.message
    assert processes_of(state) == []


def test_a_second_one_in_the_same_folder_is_refused_and_the_first_stays(state: Path) -> None:
    with ControlPlane(state, nodes=1) as plane:
        with pytest.raises(StartFailed, match="another control plane runs"):
            ControlPlane(state).start()
        assert plane.kubectl("get", "--raw", "/readyz") == "ok"


def test_a_folder_of_ready_programs_that_lacks_one_names_it(tools: Path, state: Path) -> None:
    (tools / "kwok").unlink()
    with pytest.raises(ConfigError, match=f"{ASSETS}: .* has no executable kwok"):
        ControlPlane(state).start()
    assert not state.exists()


def test_it_starts_from_an_empty_cluster_in_a_folder_that_was_used_before(state: Path) -> None:
    for _ in range(2):
        with ControlPlane(state, nodes=1) as plane:
            assert "mine" not in plane.kubectl("get", "namespaces")
            plane.kubectl("create", "namespace", "mine")
    shutil.rmtree(state)
