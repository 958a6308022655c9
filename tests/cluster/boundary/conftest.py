"""A control plane of its own, with the boundary on it: policies bind everybody of our accounts, so nobody else's tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.names import MAY_ACT, NAMESPACE
from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.controlplane.node_disks import NodeDisks
from byteport.sandbox.controlplane.noticed import await_noticed, await_rights_noticed
from byteport.sandbox.strains import autoscaler
from tests.agent.real import forget
from tests.cluster.boundary.given import OTHER, Run, Typed
from tests.cluster.boundary.installed import Installed
from tests.cluster.boundary.leftovers import Shared, differences, policies_moved, put_back, rights_moved, shared
from tests.cluster.workloads import Namespace

APP = "api"
TIMES = 5
HELPER_NODE = "node-1"
"""The installation has the node helper, and on this node its pod."""


@dataclass
class Watched:
    """The installation, everything shared as it was at first, and as it was after the last test."""

    installed: Installed
    first: Shared
    last: Shared

    def look(self) -> list[str]:
        """What the test left, which is put back. The next finds the API server acting on policies and roles as they stand."""
        api = self.installed.plane.api
        now = shared(api)
        amiss = differences(self.first, now)
        if amiss:
            put_back(api, self.first, amiss)
            now = shared(api)
        if policies_moved(self.last, now):
            await_noticed(api)
        if rights_moved(self.last, now):
            await_rights_noticed(api)
        self.last = now
        return [f"{word}: {place}" for place, word in amiss.items()]


GUARDED = pytest.StashKey[Watched]()


@pytest.fixture
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The installation, started once and ended with the session. Whoever leaves something on it fails, and nobody else."""
    stash = request.config.stash
    if GUARDED not in stash:
        plane = ControlPlane(tmp_path_factory.mktemp("guarded")).start()
        request.config.add_cleanup(plane.stop)
        installed = Installed(plane, Choices(helper=True))
        installed.keep_following()
        installed.install()
        NodeDisks(plane).install_helper(HELPER_NODE)
        await_noticed(plane.api)
        first = shared(plane.api)
        stash[GUARDED] = Watched(installed, first, first)
    yield stash[GUARDED].installed
    if left := stash[GUARDED].look():
        pytest.fail(f"the control plane that it shares is not as it was: {'; '.join(left)}", pytrace=False)


@pytest.fixture
def everything_granted(guarded: Installed) -> Iterator[None]:
    """The agent's account is a cluster administrator: what is refused now, only the policies refuse."""
    guarded.plane.kubectl(
        "create",
        "clusterrolebinding",
        "wide",
        "--clusterrole=cluster-admin",
        f"--serviceaccount={NAMESPACE}:byteport-agent",
    )
    yield
    guarded.plane.kubectl("delete", "clusterrolebinding", "wide")
    await_rights_noticed(guarded.plane.api)


@pytest.fixture
def shop(guarded: Installed) -> Iterator[Namespace]:
    """An enabled namespace with one Deployment `api` of two pods, in which the policies are in force."""
    namespace = Namespace(guarded.plane, f"shop-{secrets.token_hex(3)}")
    namespace.create()
    namespace.deploy(APP, replicas=2)
    namespace.await_available(APP)
    guarded.enable(namespace.name)
    guarded.await_in_force(namespace.name, namespace.pods(APP)[0]["metadata"]["name"])
    yield namespace
    namespace.delete()


@pytest.fixture
def switch(guarded: Installed) -> Iterator[None]:
    """Whatever the test does to it, it is on again afterwards, and as it was installed: `resume` gives it an owner."""
    yield
    items = [item for item in guarded.objects if item["metadata"]["name"] == MAY_ACT]
    guarded.remove([item for item in items if item["kind"] == "ClusterRoleBinding"])
    guarded.apply(items)


@pytest.fixture
def byteport(
    guarded: Installed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """As the administrator, unless another kubeconfig is named; typed again where a busy API server did not answer."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.delenv("BYTEPORT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, kubeconfig: Path | None = None) -> Typed:
        whole = [*arguments, "--kubeconfig", str(kubeconfig or guarded.plane.kubeconfig)]
        code, captured = invoke(whole), capsys.readouterr()
        for _ in range(TIMES - 1):
            if code == Exit.UNREACHABLE:
                code, captured = invoke(whole), capsys.readouterr()
        # On a busy machine it says what it waits for.
        said = [line for line in captured.err.splitlines(keepends=True) if not line.endswith(" …\n")]
        return Typed(code, captured.out, "".join(said))

    return run


@pytest.fixture
def untouched(guarded: Installed) -> Iterator[Namespace]:
    """Deployments `api` and `web`, an autoscaler `web`, and nothing of ours."""
    namespace = Namespace(guarded.plane, f"shop-{secrets.token_hex(3)}")
    namespace.create()
    for name in (APP, OTHER):
        namespace.deploy(name, replicas=2)
    where = f"/apis/autoscaling/v2/namespaces/{namespace.name}/horizontalpodautoscalers"
    guarded.plane.api.call("POST", where, autoscaler(namespace.name, OTHER, ceiling=6))
    yield namespace
    forget(guarded.plane, namespace.name)
    namespace.delete()
