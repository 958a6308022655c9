"""What a start and the doctor say of the boundary: what keeps a process from starting, what is only said, what is failed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from activities.clock import utc_now
from activities.kubernetes.bounds import UNBOUNDED
from byteport.boundary.choices import Choices
from byteport.boundary.names import ACT_ROLE, CLUSTER_ROLE, MAY_ACT, SIGHT_ROLE
from byteport.boundary.policies import everything
from byteport.boundary.roles import rule
from byteport.contracts.workflows import Installation
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.errors import NotPermitted, Unavailable
from byteport.sandbox.simulated import SimulatedCluster
from byteport.settings import Settings, load
from tests.builders.guarded import Guarded
from workers.boundary_check import look_at_boundary
from workers.boundary_watch import MOST_SAID, Boundary
from workers.health import Health, Part
from workers.preflight import Check, Outcome, check_boundary
from workers.processes import ROLES, Process
from workers.start import _boundary_held
from workers.wiring import Surroundings, policy_of

AUTO = Ceiling(mode=Mode.AUTO, rollback=("api",))


@pytest.fixture
def cluster() -> Guarded:
    return Guarded(given={"shop": AUTO})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "policy.yaml").write_text("mode: auto\n")
    config = tmp_path / "config.yaml"
    config.write_text("state_dir: .\ncluster: {name: test}\n")
    return load(config, {})


async def found(
    cluster: Guarded, settings: Settings, *, refusing: Outcome = Outcome.FAILED, weaker_accepted: bool = False
) -> list[Check]:
    report = await look_at_boundary(cluster, settings.boundary, policy_of(settings).read())
    return check_boundary(report, refusing=refusing, weaker_accepted=weaker_accepted)


def outcomes(checks: list[Check]) -> list[tuple[str, Outcome]]:
    return [(check.name, check.outcome) for check in checks]


# -- the checks ----------------------------------------------------------------------------------------------------------


async def test_a_whole_boundary_is_one_good_line(cluster: Guarded, settings: Settings) -> None:
    (check,) = await found(cluster, settings)
    assert check == Check("boundary", Outcome.OK, "whole and enforced; 1 namespace(s) given, Kubernetes v1.37.2")
    (none,) = await found(Guarded(), settings)
    assert "no namespace given yet" in none.finding


async def test_each_finding_is_a_line_with_what_to_run(cluster: Guarded, settings: Settings) -> None:
    cluster.remove("ValidatingAdmissionPolicy", everything.NAME)
    cluster.remove("RoleBinding", ACT_ROLE, "shop")
    checks = await found(cluster, settings)
    assert set(outcomes(checks)) == {("boundary", Outcome.FAILED)}
    said = {check.finding: check.remedy for check in checks}
    assert said[f"ValidatingAdmissionPolicy {everything.NAME} is not there"].startswith("helm upgrade byteport ")
    assert said["not granted: delete pods in shop"] == "byteport enable shop --mode auto --rollback api"
    started = await found(cluster, settings, refusing=Outcome.WARNING)
    assert set(outcomes(started)) == {("boundary", Outcome.WARNING)}


async def test_what_the_chart_should_grant_fails_whoever_asks(cluster: Guarded, settings: Settings) -> None:
    cluster.remove("ClusterRoleBinding", CLUSTER_ROLE)
    (check, *_) = await found(cluster, settings, refusing=Outcome.WARNING)
    assert (check.name, check.outcome) == ("rights", Outcome.FAILED)
    assert "list nodes" in check.finding
    assert check.remedy.startswith("helm upgrade byteport charts/byteport-agent --namespace byteport-agent")


async def test_the_switch_and_what_cannot_be_told_are_warnings(cluster: Guarded, settings: Settings) -> None:
    cluster.remove("ClusterRoleBinding", MAY_ACT)
    sight = cluster.objects["ClusterRole", "", SIGHT_ROLE]
    sight["rules"] = [one for one in sight["rules"] if one["resources"] != ["limitranges"]]
    checks = await found(cluster, settings)
    assert outcomes(checks) == [
        ("switch", Outcome.WARNING),
        ("optional rights", Outcome.WARNING),
        ("boundary", Outcome.OK),
    ]
    assert "byteport resume" in checks[0].finding
    assert "without list limitranges it cannot tell: whether a replacement" in checks[1].finding


@pytest.mark.parametrize(
    ("accepted", "says"), [(False, "stays out of `auto` unless"), (True, "`auto` rolls back all the same")]
)
async def test_an_api_server_that_cannot_prove_a_rollback_is_named(
    settings: Settings, accepted: bool, says: str
) -> None:
    older = Guarded(Choices(proves_rollbacks=False), {"shop": AUTO}, version="v1.34.2")
    checks = await found(older, settings, weaker_accepted=accepted)
    assert outcomes(checks) == [("rollback", Outcome.WARNING), ("boundary", Outcome.OK)]
    assert "v1.34.2" in checks[0].finding
    assert says in checks[0].finding


async def test_what_cannot_be_proved_is_a_warning(cluster: Guarded, settings: Settings) -> None:
    cluster.incomplete = True
    assert outcomes(await found(cluster, settings)) == [("boundary", Outcome.WARNING)]


# -- the start -----------------------------------------------------------------------------------------------------------


def around(settings: Settings, cluster: Any) -> Surroundings:
    installation = Installation(tenant="default", cluster_uid="u" * 8, cluster_name="test")
    client = SimpleNamespace(service_client=SimpleNamespace(config=SimpleNamespace(runtime=None)))
    return Surroundings(settings, installation, cast("Any", client), cluster, utc_now)


def health() -> Health:
    return Health(asyncio.Event(), {Part.BOUNDARY}, {})


async def test_one_is_ready_only_after_the_first_look_and_lives_by_the_next_ones(
    cluster: Guarded, settings: Settings
) -> None:
    asked = health()
    assert await asked.lacks() == ["boundary: not yet"]
    async with _boundary_held(ROLES[Process.CLUSTER], around(settings, cluster), lambda _: None, asked):
        assert await asked.lacks() == []
        assert asked.deaths() == []
    assert asked.deaths() == ["look at the boundary: has ended"]


async def test_a_process_starts_with_the_first_look_behind_it(cluster: Guarded, settings: Settings) -> None:
    said: list[str] = []
    async with _boundary_held(ROLES[Process.CLUSTER], around(settings, cluster), said.append, health()) as bounds:
        assert isinstance(bounds, Boundary)
        standing = await bounds.standing("shop")
        assert not standing.unguarded
        assert standing.ceiling == AUTO
    assert said == []


async def test_one_that_lacks_a_right_of_the_installation_does_not_start(cluster: Guarded, settings: Settings) -> None:
    cluster.remove("ClusterRoleBinding", CLUSTER_ROLE)
    with pytest.raises(NotPermitted, match="list nodes"):
        async with _boundary_held(ROLES[Process.CLUSTER], around(settings, cluster), lambda _: None, health()):
            raise AssertionError("it started")


async def test_anything_else_is_said_and_refuses_auto(cluster: Guarded, settings: Settings) -> None:
    for number in range(50):
        cluster.enable(f"team-{number}", Ceiling(mode=Mode.OBSERVE))
        cluster.bind([rule("", "secrets", ["get"])], f"team-{number}")
    cluster.bind([rule("", "secrets", ["get"])], "shop")
    said: list[str] = []
    async with _boundary_held(ROLES[Process.EMBEDDED], around(settings, cluster), said.append, health()) as bounds:
        assert (await bounds.standing("shop")).unguarded
    assert len(said) == MOST_SAID + 1
    assert said[0].startswith("warning: granted and needed by nothing: get secrets in shop; ")
    assert "byteport doctor" in said[-1]


async def test_one_whose_first_look_does_not_succeed_does_not_start(cluster: Guarded, settings: Settings) -> None:
    cluster.broken = True
    with pytest.raises(Unavailable):
        async with _boundary_held(ROLES[Process.CLUSTER], around(settings, cluster), lambda _: None, health()):
            raise AssertionError("it started")


@pytest.mark.parametrize("process", [Process.CONTROL, Process.LEDGER, Process.NOTIFY, Process.REST])
async def test_a_process_without_the_clusters_credentials_looks_at_nothing(
    process: Process, settings: Settings
) -> None:
    async with _boundary_held(ROLES[process], around(settings, None), lambda _: None, health()) as bounds:
        assert bounds is UNBOUNDED


async def test_where_no_boundary_is_enforced_nothing_is_looked_at(tmp_path: Path, settings: Settings) -> None:
    sandbox = settings.model_copy(update={"boundary": settings.boundary.model_copy(update={"enforced": False})})
    async with _boundary_held(
        ROLES[Process.EMBEDDED], around(sandbox, SimulatedCluster()), lambda _: None, health()
    ) as bounds:
        assert bounds is UNBOUNDED
        assert (await bounds.standing("shop")).ceiling is None
