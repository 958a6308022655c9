"""What keeps an API server able to prove rollbacks, what takes that from it for good, and what tells.

The second needs a control plane of its own: after it only a restart of that API server helps.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from byteport.boundary.choices import Choices
from byteport.boundary.names import NAMESPACE
from byteport.boundary.policies import deployments
from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.kubernetes.refusals import RollbackRule
from byteport.sandbox.controlplane import AGENT_USER, WRITES, ApiRefused, ControlPlane
from byteport.sandbox.controlplane.noticed import await_noticed, await_rights_noticed
from tests.cluster.boundary.given import APP, OTHER, Run, Typed
from tests.cluster.boundary.installed import Installed, Said, once, path_of
from tests.cluster.boundary.test_deployments import Release, by_json_patch
from tests.cluster.boundary.test_selfcheck import write_down
from tests.cluster.workloads import Namespace, eventually
from workers.boundary_doctor import CONFIG, POLICY
from workers.boundary_proof import NAME

JSON = dict[str, Any]

GIVEN = Ceiling(mode=Mode.AUTO, rollback=("*",))
READY_SECONDS = 60.0
MENDED = (
    "this API server followed ReplicaSets again after its binding had been gone: Kubernetes has mended its issue 130887. "
    "From that version on the probe, PROOF_STALE and what the pages say of it are needed no more"
)


def proof(guarded: Installed) -> list[JSON]:
    return [item for item in guarded.objects if item["metadata"]["name"] == deployments.PROVE]


@pytest.mark.usefixtures("switch")
def test_what_administrators_do_every_day_takes_the_proof_from_nobody(
    guarded: Installed, byteport: Run, untouched: Namespace
) -> None:
    """Given, widened, narrowed, halted and taken back: its policy and binding are the very objects, and never written."""
    since = guarded.plane.audit_position()
    before = [guarded.plane.api.call("GET", path_of(item))["metadata"] for item in proof(guarded)]
    enable = ("enable", untouched.name, "--yes", "--mode")
    for command in (
        (*enable, "auto", "--rollback", APP),
        (*enable, "auto", "--rollback", f"{APP},{OTHER}", "--hpa", OTHER),
        ("halt", "--no-ledger"),
        ("resume", "--no-ledger"),
        (*enable, "observe"),
        ("disable", untouched.name, "--yes"),
    ):
        said = byteport(*command)
        assert said.code == Exit.OK, (command, said)
    after = [guarded.plane.api.call("GET", path_of(item))["metadata"] for item in proof(guarded)]
    assert [(one["uid"], one["resourceVersion"]) for one in after] == [
        (one["uid"], one["resourceVersion"]) for one in before
    ]
    events = guarded.plane.audit_events(verbs=WRITES, since=since)
    assert not [one for one in events if one["objectRef"]["resource"].startswith("mutatingadmissionpolic")]


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Installed]:
    """An installation on a control plane that nobody else uses, with what the doctor reads of it from outside."""
    with ControlPlane(tmp_path / "alone") as plane:
        installed = Installed(plane, Choices(helper=True))
        installed.install()
        await_noticed(plane.api)
        settings = {"cluster": {"name": "alone"}, "boundary": {"helper": True}}
        for name, key, plain in ((CONFIG, "config.yaml", settings), (POLICY, "policy.yaml", {"mode": "auto"})):
            data = {key: yaml.safe_dump(plain)}
            item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
            plane.api.call("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", item)
        yield installed


def released(installed: Installed, name: str) -> Namespace:
    """A namespace with a Deployment that serves and may be rolled back."""
    shop = Namespace(installed.plane, name)
    shop.create()
    shop.deploy(APP, replicas=2)
    shop.await_available(APP)
    installed.labelled(name, APP)
    installed.enable(name, GIVEN)
    await_rights_noticed(installed.plane.api)
    return shop


@contextmanager
def restarted(plane: ControlPlane) -> Iterator[None]:
    """The API server ended at once (asked to, it would wait for its watches), and started again with the same words."""
    part = plane.parts()["kube-apiserver"]
    command = Path(f"/proc/{part.pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    os.kill(part.pid, signal.SIGKILL)
    eventually(lambda: plane.parts()["kube-apiserver"].exit_code is not None, within=READY_SECONDS)
    with part.log.open("ab") as log:
        again = subprocess.Popen(command, cwd=plane.state_dir, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        eventually(lambda: _answers(plane), within=READY_SECONDS)
        yield
    finally:
        again.terminate()
        again.wait()


def _answers(plane: ControlPlane) -> bool:
    with suppress(OSError, ApiRefused):
        plane.api.call("GET", "/readyz")
        return True
    return False


@pytest.mark.claim("C-018")
@pytest.mark.timeout(600)
def test_an_api_server_that_stopped_following_replica_sets_is_found_and_its_restart_mends_it(
    alone: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BYTEPORT_CONFIG", raising=False)
    plane = alone.plane

    def typed(*arguments: str) -> Typed:
        code = invoke([*arguments, "--kubeconfig", str(plane.kubeconfig), "--json"])
        said = capsys.readouterr()
        return Typed(code, said.out, said.err)

    def doctor(*shops: Namespace) -> tuple[int, list[tuple[str, str]]]:
        """Its exit code and what it says of the proof, when the namespaces are given."""
        write_down(alone, {one.name: GIVEN for one in shops})
        said = typed("doctor")
        found = [(one["outcome"], one["finding"]) for one in json.loads(said.out) if one["name"] == NAME]
        return said.code, found

    first = released(alone, "first")
    since = plane.audit_position()
    before = plane.api.call("GET", f"/apis/apps/v1/namespaces/first/deployments/{APP}")
    code, found = doctor(first)
    assert (code, [outcome for outcome, _ in found]) == (Exit.OK, ["ok"]), found
    writes = [one for one in plane.audit_events(verbs={"patch"}, since=since) if one["user"]["username"] == "admin"]
    asked = [one for one in writes if one.get("impersonatedUser", {}).get("username") == AGENT_USER]
    assert {one["responseStatus"]["code"] for one in asked} == {403}, "a question is refused whatever it finds"
    after = plane.api.call("GET", f"/apis/apps/v1/namespaces/first/deployments/{APP}")
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]

    alone.remove(proof(alone)[1:])
    await_noticed(plane.api)
    alone.apply(proof(alone))
    await_noticed(plane.api)
    second = released(alone, "second")
    release = Release(alone, second)

    def rolled_back() -> Said:
        return by_json_patch(release, release.rolled_back(), query="?dryRun=All")

    refused = once(lambda said: said.status == 200 or RollbackRule.NOT_PROVED in said.message, rolled_back)
    assert refused.status != 200, MENDED
    code, found = doctor(first, second)
    assert (code, [outcome for outcome, _ in found]) == (Exit.FINDING, ["failed", "ok"]), f"{MENDED}; else {found}"
    assert f"does not prove rollbacks of second/{APP}" in found[0][1]
    assert f"first/{APP} runs is older than the proof" in found[1][1]
    said = typed("enable", "second", "--mode", "auto", "--rollback", "*", "--yes")
    assert said.code == Exit.FINDING
    assert [one["outcome"] for one in json.loads(said.out)["checks"]] == ["failed"]

    with restarted(plane):
        once(lambda said: said.status == 200, rolled_back, within=READY_SECONDS)
        code, found = doctor(first, second)
        assert (code, [outcome for outcome, _ in found]) == (Exit.OK, ["ok"]), found
        assert f"second/{APP}" in found[0][1]
