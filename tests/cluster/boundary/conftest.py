"""A control plane of its own, with the boundary on it: policies bind everybody of our accounts, so nobody else's tests."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.names import NAMESPACE
from byteport.cli.main import invoke
from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.strains import autoscaler
from tests.cluster.boundary.given import OTHER, Run, Typed
from tests.cluster.boundary.installed import Installed
from tests.cluster.workloads import Namespace

GUARDED = pytest.StashKey[Installed]()
APP = "api"


@pytest.fixture(scope="session")
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The installation, started once and ended with the session."""
    stash = request.config.stash
    if GUARDED not in stash:
        plane = ControlPlane(tmp_path_factory.mktemp("guarded")).start()
        request.config.add_cleanup(plane.stop)
        stash[GUARDED] = Installed(plane, Choices(helper=True))
        stash[GUARDED].keep_following()
        stash[GUARDED].install()
    return stash[GUARDED]


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
def byteport(
    guarded: Installed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """As the administrator, unless another kubeconfig is named."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.delenv("BYTEPORT_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, kubeconfig: Path | None = None) -> Typed:
        code = invoke([*arguments, "--kubeconfig", str(kubeconfig or guarded.plane.kubeconfig)])
        captured = capsys.readouterr()
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
    namespace.delete()
