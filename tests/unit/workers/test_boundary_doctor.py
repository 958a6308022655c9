"""The doctor, by the agent's own credential and from outside by an administrator's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import yaml

from byteport.boundary.choices import Choices
from byteport.boundary.names import AGENT, NAMESPACE, role_ref
from byteport.boundary.roles import binding, role, rule
from byteport.domain.ceilings import Ceiling, Sight
from byteport.domain.modes import Mode
from byteport.domain.policy import PolicyConfig
from byteport.errors import NotPermitted, Unavailable
from byteport.kubernetes.port import ClusterPort
from byteport.settings.model import BoundaryConfig
from tests.builders.guarded import Guarded
from tests.builders.overseen import Overseen
from workers import boundary_doctor
from workers.boundary_doctor import CONFIG, POLICY, examine_boundary, examine_installation
from workers.preflight import Check, Outcome

AUTO = Ceiling(mode=Mode.AUTO)
JSON = dict[str, Any]


def outcomes(checks: list[Check]) -> list[tuple[str, Outcome]]:
    return [(check.name, check.outcome) for check in checks]


def ready(cluster: Guarded) -> Callable[[str], Awaitable[ClusterPort]]:
    async def connected(_: str) -> ClusterPort:
        return cluster

    return connected


async def never(_: str) -> ClusterPort:
    raise AssertionError("nobody acts as anybody")


class Forbidden(Guarded):
    """Reached by a credential that may not impersonate: whatever is asked is refused."""

    async def identity(self) -> JSON:
        raise NotPermitted("review of who we are: forbidden")


async def test_the_agents_own_credential_is_asked_itself() -> None:
    cluster = Guarded(given={"shop": AUTO})
    assert outcomes(await examine_boundary(cluster, never, BoundaryConfig(), PolicyConfig())) == [
        ("boundary", Outcome.OK)
    ]
    cluster.bind([rule("", "secrets", ["get"])])
    assert outcomes(await examine_boundary(cluster, never, BoundaryConfig(), PolicyConfig())) == [
        ("boundary", Outcome.FAILED)
    ]


async def test_another_credential_acts_as_the_agent_and_that_is_said() -> None:
    admin = Guarded()
    admin.groups = ["system:masters"]
    checks = await examine_boundary(admin, ready(Guarded()), BoundaryConfig(), PolicyConfig())
    assert outcomes(checks) == [("account", Outcome.WARNING), ("boundary", Outcome.OK)]
    assert AGENT == "system:serviceaccount:byteport-agent:byteport-agent"
    assert AGENT in checks[0].finding


async def test_one_that_may_not_act_as_the_agent_cannot_tell_which_is_no_yes() -> None:
    person = Guarded()
    person.groups = ["system:authenticated"]
    checks = await examine_boundary(person, ready(Forbidden()), BoundaryConfig(), PolicyConfig())
    assert outcomes(checks) == [("boundary", Outcome.FAILED)]
    assert "may not impersonate" in checks[0].finding
    assert "byteport doctor --installation --kubeconfig FILE" in checks[0].remedy


# -- from outside --------------------------------------------------------------------------------------------------------


def told(cluster: Guarded, config: JSON | str, policy: JSON | str) -> None:
    """What the chart leaves of its values for the agent to run with."""
    for name, key, plain in ((CONFIG, "config.yaml", config), (POLICY, "policy.yaml", policy)):
        data = {key: plain if isinstance(plain, str) else yaml.safe_dump(plain)}
        cluster.apply({"kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data})


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Guarded:
    """An installation with cluster sight and a protected namespace, as the agent's account sees it."""
    agent = Guarded(Choices(sight=Sight.CLUSTER, protected=("temporal",)), {"shop": AUTO})
    admin = Overseen(agent.choices)
    admin.objects, admin.groups = agent.objects, ["system:masters"]
    told(admin, {"cluster": {"name": "prod"}, "boundary": {"sight": "cluster"}}, {"protected_namespaces": ["temporal"]})

    async def connect(*_: object, act_as: str = "", **__: object) -> Guarded:
        return agent if act_as else admin

    monkeypatch.setattr(boundary_doctor, "connect", connect)
    return admin


async def test_from_outside_the_installation_itself_says_what_was_chosen(cluster: Guarded) -> None:
    checks = await examine_installation(None, None)
    assert outcomes(checks) == [("account", Outcome.WARNING), ("boundary", Outcome.OK)]
    assert "1 namespace(s) given" in checks[1].finding


async def test_it_finds_what_the_agent_would_find(cluster: Guarded) -> None:
    cluster.bind([rule("", "secrets", ["get"])], "shop")
    checks = await examine_installation(None, None)
    assert outcomes(checks) == [("account", Outcome.WARNING), ("boundary", Outcome.FAILED)]
    assert checks[1].finding.endswith("get secrets in shop")
    assert checks[1].remedy.startswith("kubectl get -n shop rolebindings")


async def test_it_also_looks_where_the_agent_may_not(cluster: Guarded) -> None:
    cluster.apply({"kind": "Namespace", "metadata": {"name": "payroll"}})
    cluster.bind([rule("", "namespaces", ["list"])])
    assert [check.name for check in await examine_installation(None, None)] == ["account", "boundary"]
    cluster.apply(
        role("Role", "other", [rule("", "secrets", ["get"])], "payroll"),
        binding("RoleBinding", "other", role_ref("Role", "other"), "payroll"),
    )
    checks = await examine_installation(None, None)
    assert "get secrets in payroll" in checks[-1].finding
    assert "in 5 namespace(s)" in checks[0].finding


@pytest.mark.parametrize(
    ("config", "policy", "says"),
    [
        ("]", "mode: auto", "no settings that this version knows"),
        ("boundary: {sight: half}", "mode: auto", "no settings that this version knows"),
        ("cluster: {name: a}", "mode: full", "mode"),
    ],
)
async def test_an_installation_that_cannot_be_read_is_one_line(
    cluster: Guarded, config: Any, policy: Any, says: str
) -> None:
    told(cluster, config, policy)
    (check,) = await examine_installation(None, None)
    assert check.outcome is Outcome.FAILED
    assert says in check.finding
    assert "helm upgrade byteport" in check.remedy


async def test_without_an_installation_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = Overseen()
    empty.objects.clear()

    async def connect(*_: object, **__: object) -> Guarded:
        return empty

    monkeypatch.setattr(boundary_doctor, "connect", connect)
    (check,) = await examine_installation(None, None)
    empty.apply({"kind": "Namespace", "metadata": {"name": "shop", "labels": {"byteport.io/enabled": "true"}}})
    assert [one.name for one in await examine_installation(None, None)] == ["boundary", "left over"]
    assert check.outcome is Outcome.FAILED
    assert "install the chart first" in check.finding
    assert check.remedy.startswith("helm install byteport charts/byteport-agent --namespace byteport-agent")


async def test_an_api_server_that_does_not_answer_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: object, **__: object) -> Guarded:
        raise Unavailable("the cluster cannot be reached")

    monkeypatch.setattr(boundary_doctor, "connect", connect)
    (check,) = await examine_installation(None, None)
    assert (check.outcome, check.finding) == (Outcome.FAILED, "the cluster cannot be reached")
    assert check.remedy.startswith("kubectl get namespace kube-system")
