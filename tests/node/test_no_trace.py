"""A real node changes nothing on the machine that it runs on: not while it runs, not when it ends, not when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.realnode import RealNode
from byteport.sandbox.realnode.forward import network_of, within
from tests.node.host import Host, groups_left, host

pytestmark = pytest.mark.timeout(180)

GONE_WITHIN_SECONDS = 20.0
OWNER = """\
import sys, time
from pathlib import Path
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.realnode import RealNode

RealNode(ControlPlane.attach(Path(sys.argv[1])), Path(sys.argv[2])).start()
print("Ready", flush=True)
time.sleep(600)
"""
"""Somebody else's process that starts a node."""


@pytest.fixture
def another(control_plane: ControlPlane, node: RealNode, tmp_path: Path) -> Iterator[RealNode]:
    """The session's node is ended and one that a test may end itself is started; the session's comes back."""
    node.stop()
    another = RealNode(control_plane, tmp_path / "node").start()
    yield another
    another.stop()
    node.start()


@pytest.fixture
def owner(control_plane: ControlPlane, node: RealNode, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process whose node is Ready, in `tmp_path / "node"`; the session's node is ended for as long."""
    node.stop()
    command = [sys.executable, "-c", OWNER, str(control_plane.state_dir), str(tmp_path / "node")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Ready\n"
        yield process
        process.kill()
    node.start()


def eventually(what: str, look: Callable[[], bool]) -> None:
    end = time.monotonic() + GONE_WITHIN_SECONDS
    while not look():
        assert time.monotonic() < end, f"waited {GONE_WITHIN_SECONDS:.0f} s in vain for {what}"
        time.sleep(0.1)


def processes() -> list[int]:
    """Every process of a node, as the machine counts them."""
    found: set[int] = set()
    for group in groups_left():
        for file in group.glob("**/cgroup.procs"):
            found |= {int(pid) for pid in file.read_text().split()}
    return sorted(found)


def test_while_it_runs_the_machine_is_as_it_was(node: RealNode, before: Host) -> None:
    assert len(processes()) >= 3
    now = host()
    for what, was, is_ in zip(Host._fields, before, now, strict=True):
        assert is_ == was, what


def test_its_links_and_addresses_are_in_a_network_of_its_own(node: RealNode) -> None:
    ours = Path("/proc/self/ns/net").readlink()
    pids = processes()
    assert ours not in {Path(f"/proc/{pid}/ns/net").readlink() for pid in pids}
    network = network_of(min(pids))
    try:
        with within(network):
            said = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    finally:
        os.close(network)
    assert " lo: " in said
    assert "eth0: " not in said


def left(state: Path, pids: list[int]) -> list[object]:
    """What is left of a node."""
    files = [state / "files"] if (state / "files").exists() else []
    return [*groups_left(), *files, *filter(runs, pids)]


def runs(pid: int) -> bool:
    """Not one that has ended and was not yet taken in by the machine's own process 1."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_node_that_is_ended_leaves_nothing(another: RealNode, before: Host) -> None:
    pids = processes()
    another.stop()
    assert left(another.state_dir, pids) == []
    assert host() == before


def test_a_node_whose_supervisor_is_killed_leaves_nothing(another: RealNode, before: Host) -> None:
    pids = processes()
    os.kill(another.supervisor, signal.SIGKILL)
    eventually("the node to be gone", lambda: left(another.state_dir, pids) == [])
    assert host() == before


def test_what_was_left_since_everybody_was_killed_goes_with_the_next_start(another: RealNode, before: Host) -> None:
    pids = processes()
    children = Path(f"/proc/{another.supervisor}/task/{another.supervisor}/children").read_text().split()
    for pid in (*map(int, children), another.supervisor):
        os.kill(pid, signal.SIGKILL)
    eventually("its processes to end", lambda: not any(map(runs, pids)))
    abandoned = groups_left()
    assert abandoned != []
    another.start()
    assert not {*abandoned} & {*groups_left()}
    another.stop()
    assert left(another.state_dir, pids) == []
    assert host() == before


def test_a_node_whose_owner_is_killed_leaves_nothing(
    owner: subprocess.Popen[str], tmp_path: Path, before: Host
) -> None:
    pids = processes()
    assert len(pids) >= 3
    owner.kill()
    eventually("the node to be gone", lambda: left(tmp_path / "node", pids) == [])
    assert host() == before
