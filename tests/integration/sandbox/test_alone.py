"""The whole demo in a network of its own that leads nowhere: it works, so nothing of it needs to leave, and nothing tried to.

The kernel is the witness. In that network there is a loopback interface and no route, and it counts whoever sends anything
to an address beyond this machine (`OutNoRoutes` of RFC 4293), a question to a name server among it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.cli.conftest import PROGRAM

BEYOND = "198.51.100.1"
NOT_ALONE = 98
INSIDE = f"""
ip link set lo up || exit 97
test -z "$(ip -4 route show)$(ip -6 route show default)" || exit {NOT_ALONE}
test "$(ip -o link | wc -l)" = 1 || exit {NOT_ALONE}
"$@"
code=$?
cat /proc/net/snmp > witness
cat /proc/net/snmp6 >> witness
exit $code
"""
ASKS = f"import socket; socket.create_connection(('{BEYOND}', 443), 2)"


def alone(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BYTEPORT_")}
    return subprocess.run(
        ["unshare", "-n", "sh", "-c", INSIDE, "alone", *command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def tried_to_leave(folder: Path) -> int:
    """How often somebody sent something that no route leads to."""
    lines = (folder / "witness").read_text().splitlines()
    names, values = (line.split()[1:] for line in lines if line.startswith("Ip:"))
    ipv6 = next(line.split()[1] for line in lines if line.startswith("Ip6OutNoRoutes"))
    return int(dict(zip(names, values, strict=True))["OutNoRoutes"]) + int(ipv6)


@pytest.fixture
def cut_off(tmp_path: Path) -> Path:
    """A folder to work in, where network namespaces can be made, and in which the witness sees what it must."""
    try:
        tried = alone(tmp_path, sys.executable, "-c", ASKS)
    except FileNotFoundError:
        pytest.skip("expected: no unshare(1) here")
    if not (tmp_path / "witness").exists() and tried.returncode != NOT_ALONE:
        pytest.skip("expected: no network namespace can be made here")
    assert "Network is unreachable" in tried.stderr, tried.stderr
    assert tried_to_leave(tmp_path) >= 1
    (tmp_path / "witness").unlink()
    return tmp_path


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.claim("C-158")
def test_the_whole_demo_works_where_nothing_can_leave_and_nothing_tries_to(cut_off: Path) -> None:
    """With its log in files of a folder, which is no way out."""
    done = alone(cut_off, str(PROGRAM), "sandbox", "demo", "--export", "exported")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((cut_off / ".byteport" / "demo" / "report.json").read_text())
    assert report["broken"] == []
    assert all(scenario["ok"] for scenario in report["scenarios"])
    assert tried_to_leave(cut_off) == 0
    exported = [path for path in (cut_off / "exported").rglob("*.ndjson*") if path.name != "checkpoints.ndjson"]
    lines = [json.loads(line) for path in exported for line in path.read_text().splitlines()]
    assert sorted({line["seq"] for line in lines}) == [*range(1, len({line["seq"] for line in lines}) + 1)]
    assert len(lines) >= len(report["scenarios"])
    (checkpoints,) = (cut_off / "exported").rglob("checkpoints.ndjson")
    assert checkpoints.read_text().count('{"checkpoint":') >= 1
