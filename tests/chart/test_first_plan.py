"""From an empty API server to the first plan, by the commands of the installation guide, and what shows that it works.

Measured on the simple control plane, where `at_work.py` plays the kubelet: no image is pulled, and a crash loop's back-off is
a second. Temporal is there before, as the guide asks. Run it alone to see the seconds of each step.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator

import helm_python
import pytest
import pytest_asyncio

from byteport.boundary.names import NAMESPACE, role_ref
from byteport.boundary.policies import pods
from byteport.boundary.remedies import UPGRADE
from byteport.boundary.roles import binding, role, rule
from byteport.errors import ConfigError
from byteport.kubernetes.port import JSON
from byteport.ledger.opening import open_log
from byteport.sandbox.controlplane import ControlPlane, ensure_built
from byteport.sandbox.dev_server import DevServer, DevServerOptions
from tests.agent.places import eventually
from tests.agent.real import RealPlace
from tests.agent.stops import Stops
from tests.chart.at_work import Release, byteport, checks
from tests.chart.chart import CHART, RELEASE
from tests.cluster.boundary.installed import path_of
from tests.cluster.workloads import eventually as seen

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(600)]

SECONDS = 120
SHOP = "shop"
INTERVAL_SECONDS = 30
"""Between two looks at the boundary, by the chart's default."""
EXCESS = "granted and needed by nothing: get secrets"


class Clock:
    """Seconds of each step, one after the other."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float]] = []

    def step(self, what: str, done: Callable[[], object]) -> None:
        began = time.monotonic()
        done()
        self.steps.append((what, time.monotonic() - began))

    @property
    def total(self) -> float:
        return sum(seconds for _, seconds in self.steps)

    def told(self) -> str:
        lines = [f"{seconds:7.1f} s  {what}" for what, seconds in [*self.steps, ("in all", self.total)]]
        return "\n".join(lines)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    started = await DevServer.start(DevServerOptions(folder=tmp_path_factory.mktemp("temporal"), ui=False))
    yield started
    await started.stop()


@pytest.fixture(scope="module")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Empty: one of this module's own."""
    ensure_built(lambda _: None)
    started = ControlPlane(tmp_path_factory.mktemp("plane")).start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def helm(control_plane: ControlPlane) -> Iterator[helm_python.Config]:
    with helm_python.Config(kubeconfig_path=control_plane.kubeconfig, namespace=NAMESPACE) as config:
        yield config


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def release(
    control_plane: ControlPlane,
    helm: helm_python.Config,
    temporal: DevServer,
    clock: Clock,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Release]:
    """Installed by the guide's one command, then a namespace is given.

    Two values: where this machine's Temporal is, and that logs are kept elsewhere. Without the second the same plan is made,
    and goes to a person at once, since deleting a pod would lose its log.
    """
    release = Release(control_plane, tmp_path_factory.mktemp("release"))
    values = {"temporal": {"address": temporal.address}, "policy": {"log_store_named": True}}

    def install() -> None:
        helm.install(str(CHART), RELEASE, values, namespace=NAMESPACE, create_namespace=True)

    def enable() -> None:
        given = byteport("enable", SHOP, "--yes", "--kubeconfig", str(control_plane.kubeconfig))
        assert given.returncode == 0, given.stderr

    try:
        clock.step("helm install byteport charts/byteport-agent --create-namespace", install)
        clock.step("pods admitted, keys made, every process ready", release.start)
        control_plane.kubectl("create", "namespace", SHOP)
        clock.step(f"byteport enable {SHOP}", enable)
        yield release
    finally:
        release.stop()


def decisions(release: Release) -> list[str]:
    """Of every record, oldest first."""
    try:
        return [str(record.decision) for record in open_log(release.ledger, "default").iter_records()]
    except ConfigError:  # before the first there is no log
        return []


def test_from_nothing_to_the_first_plan_in_two_minutes(
    control_plane: ControlPlane, release: Release, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    shop = RealPlace(control_plane, control_plane.kubeconfig, SHOP, Stops())

    async def serve() -> None:
        await shop.release(1)
        await shop.serves()

    async def plan() -> None:
        async def recorded() -> bool:
            return bool(decisions(release))

        await eventually("a record", recorded, within=SECONDS)

    clock.step("a Deployment that serves", lambda: asyncio.run(serve()))
    clock.step("one of its pods is in a crash loop", lambda: asyncio.run(shop.one_pod_crashes()))
    clock.step("the first plan is on record", lambda: asyncio.run(plan()))
    with capsys.disabled():
        sys.stdout.write(f"\n{clock.told()}\n")
    assert decisions(release)[0] == "dry_run_planned"
    assert shop.writes() == []
    assert clock.total <= SECONDS


def test_helm_test_passes_while_every_worker_polls(helm: helm_python.Config, release: Release) -> None:
    """Helm makes the pod, its very command runs, and Helm is told how it ended."""
    ended: list[object] = []
    asking = threading.Thread(target=lambda: ended.append(helm.test(RELEASE, timeout=100)))
    asking.start()
    said = release.run_test_pod()
    asking.join(timeout=60)
    assert (said.returncode, said.stdout.count("3 of 3 workers poll Temporal")) == (0, 1), said.stdout + said.stderr
    assert ended


@contextlib.contextmanager
def more_rights(control_plane: ControlPlane) -> Iterator[None]:
    """While inside, somebody lets the agent read Secrets."""
    more = (
        role("ClusterRole", "more", [rule("", "secrets", ["get"])]),
        binding("ClusterRoleBinding", "more", role_ref("ClusterRole", "more")),
    )
    for item in more:
        control_plane.api.call("POST", path_of(item).rsplit("/", 1)[0], item)
    try:
        yield
    finally:
        for item in more:
            control_plane.api.call("DELETE", path_of(item))


def test_people_are_told_once_within_one_look_that_the_boundary_is_not_whole(
    control_plane: ControlPlane, release: Release
) -> None:
    """Before the other tests break it: what is told next must wait for ten minutes."""

    def told() -> list[JSON] | None:
        return [one for one in release.notices if one["cause"] == "boundary"] or None

    assert told() is None
    with more_rights(control_plane):
        (page,) = seen(told, within=2 * INTERVAL_SECONDS + 30)
    assert (page["rung"], page["title"]) == (1, "The boundary is not whole: nothing is done alone")
    assert any(EXCESS in line for line in page["evidence"])


def test_doctor_says_that_the_installation_is_whole_then_what_is_not(
    control_plane: ControlPlane, helm: helm_python.Config, release: Release
) -> None:
    admin, api = control_plane.kubeconfig, control_plane.api
    code, found = checks(admin)
    assert (code, [one for one in found if one["outcome"] == "failed"]) == (0, [])
    assert any(
        one["name"] == "boundary" and one["finding"].startswith("whole and enforced; 1 namespace(s) given")
        for one in found
    )

    gone = path_of({"kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": pods.DELETE}})
    before = api.call("GET", gone)
    api.call("DELETE", gone)
    code, found = checks(admin)
    (failed,) = [one for one in found if one["outcome"] == "failed"]
    assert code == 1
    assert failed["finding"] == f"ValidatingAdmissionPolicyBinding {pods.DELETE} is not there"
    assert failed["remedy"] == UPGRADE
    for field in ("resourceVersion", "uid", "creationTimestamp", "managedFields", "generation"):
        before["metadata"].pop(field, None)
    api.call("POST", gone.rsplit("/", 1)[0], before)

    with more_rights(control_plane):
        code, found = checks(admin)
        assert code == 1
        assert any(EXCESS in one["finding"] for one in found)
    assert seen(lambda: checks(admin)[0] == 0 or None)


def test_helm_test_fails_while_a_worker_is_away(helm: helm_python.Config, release: Release) -> None:
    """The last of this module: one process is ended for it."""
    release.pods["byteport-rest"].stop()
    refused: list[Exception] = []

    def ask() -> None:
        try:
            helm.test(RELEASE, timeout=100)
        except helm_python.HelmError as error:
            refused.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    said = release.run_test_pod(SECONDS="0")
    asking.join(timeout=60)
    assert said.returncode == 1
    assert "2 of 3 workers poll Temporal" in said.stdout
    assert len(refused) == 1
