"""The self-check on a real API server, with the agent's own token: each thing that is changed refuses `auto`, and put
back, it is whole again.

What it looks at is what the chart and `byteport enable` render.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.kubernetes.client import KubernetesCluster, connect
from byteport.boundary.names import ACCOUNT, ACT_ROLE, CEILINGS, MAY_ACT, NAMESPACE, PART_OF, role_ref
from byteport.boundary.policies import deployments, everything, pods
from byteport.boundary.roles import binding, role, rule
from byteport.boundary.whole import Kind
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.domain.policy import PolicyConfig
from byteport.sandbox.controlplane import ApiRefused
from byteport.sandbox.controlplane.noticed import await_rights_noticed
from byteport.settings.model import BoundaryConfig
from tests.cluster.boundary.installed import Installed, path_of
from tests.cluster.workloads import Namespace
from workers.boundary_check import Report, look_at_boundary
from workers.boundary_watch import Boundary, watch_boundary

JSON = dict[str, Any]

AUTO = Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("api",))
WITHIN_SECONDS = 60.0
EVERY_SECONDS = 2
"""A look that takes three times as long counts as a bad one, and machines are busy."""
FOUND_AT = 2
"""By which look from now on something is found that is in force: one may be under way."""
NOBODY = [{"name": "is-ours", "expression": "false"}]


class Given:
    """A policy file that protects nothing besides."""

    def read(self) -> PolicyConfig:
        return PolicyConfig()


def config_of(installed: Installed) -> BoundaryConfig:
    choices = installed.choices
    return BoundaryConfig(
        runbooks=choices.runbooks, sight=choices.sight, helper=choices.helper, check_seconds=EVERY_SECONDS
    )


def extra_name() -> str:
    """Of a role or binding that is none of the installation's, and of this run alone."""
    return f"byteport-test-{secrets.token_hex(3)}"


def kubeconfig(installed: Installed, token: str, folder: Path) -> Path:
    """By which whoever has that token reaches the API server."""
    authority = str(installed.plane.state_dir / "pki" / "ca.crt")
    file = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "it", "cluster": {"server": installed.plane.server, "certificate-authority": authority}}],
        "users": [{"name": "it", "user": {"token": token}}],
        "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
        "current-context": "it",
    }
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(document))
    return file


def write_down(installed: Installed, ceilings: dict[str, Ceiling]) -> None:
    """As `byteport enable` does, in the agent's own namespace."""
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CEILINGS}"
    with contextlib.suppress(ApiRefused):  # there may be none
        installed.plane.api.call("DELETE", path)
    data = {name: ceiling.model_dump_json() for name, ceiling in ceilings.items()}
    metadata = {"name": CEILINGS, "namespace": NAMESPACE, "labels": dict(PART_OF)}
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
    installed.plane.api.apply(path, item)


@pytest.fixture
def given(guarded: Installed) -> Iterator[tuple[str, str]]:
    """Two namespaces that were given to us: the first `auto` with names, the second only to observe."""
    names = [f"{word}-{secrets.token_hex(3)}" for word in ("shop", "till")]
    ceilings = dict(zip(names, (AUTO, Ceiling(mode=Mode.OBSERVE)), strict=True))
    for name, ceiling in ceilings.items():
        Namespace(guarded.plane, name).create()
        guarded.enable(name, ceiling)
    write_down(guarded, ceilings)
    yield names[0], names[1]
    write_down(guarded, {})
    for name in names:
        Namespace(guarded.plane, name).delete()


@pytest.fixture
async def agent(guarded: Installed, tmp_path: Path) -> AsyncIterator[KubernetesCluster]:
    async with await connect(kubeconfig(guarded, guarded.token(), tmp_path)) as port:
        yield port


async def look(installed: Installed, port: KubernetesCluster) -> Report:
    return await look_at_boundary(port, config_of(installed), PolicyConfig())


async def once(holds: Callable[[Report], bool], ask: Callable[[], Awaitable[Report]]) -> Report:
    """The first report of which that holds: what is written about rights is in force a moment later."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while not holds(report := await ask()):  # noqa: ASYNC110  polled, with a deadline
            await asyncio.sleep(0.1)
    return report


def whole(report: Report) -> bool:
    return not report.findings


@pytest.fixture
async def ask(
    guarded: Installed, given: tuple[str, str], agent: KubernetesCluster
) -> AsyncIterator[Callable[[], Awaitable[Report]]]:
    """Looks; whole before the test and after it."""

    async def asked() -> Report:
        return await look(guarded, agent)

    await once(whole, asked)
    yield asked
    guarded.apply(guarded.objects)
    await once(whole, asked)


Ask = Callable[[], Awaitable[Report]]


async def test_what_is_installed_is_whole(ask: Ask, given: tuple[str, str]) -> None:
    report = await ask()
    assert report.findings == ()
    assert report.blindness == ()
    assert not report.halted
    assert report.given == {given[0]: AUTO, given[1]: Ceiling(mode=Mode.OBSERVE)}
    assert report.choices.proves_rollbacks


@pytest.mark.claim("C-011")
async def test_review_2_and_fault_28_a_right_that_is_added_while_it_runs_refuses_auto_within_one_interval(
    guarded: Installed, ask: Ask, agent: KubernetesCluster, given: tuple[str, str]
) -> None:
    loop, config = asyncio.get_running_loop(), config_of(guarded)
    heard: list[Report] = []
    boundary = Boundary(agent, config, Given(), seconds=loop.time, heard=heard.append)
    await boundary.look()
    assert not (await boundary.standing(given[0])).unguarded
    watching = asyncio.create_task(watch_boundary(boundary, config))
    name = extra_name()
    extra = [
        role("ClusterRole", name, [rule("", "secrets", ["get"])]),
        binding("ClusterRoleBinding", name, role_ref("ClusterRole", name)),
    ]
    guarded.apply(extra)
    try:
        await asyncio.to_thread(await_rights_noticed, guarded.plane.api)
        before = len(heard)
        async with asyncio.timeout(WITHIN_SECONDS):
            while whole(heard[-1]):  # noqa: ASYNC110  polled, with a deadline
                await asyncio.sleep(0.05)
        assert len(heard) - before <= FOUND_AT
        assert (await boundary.standing(given[0])).unguarded
        assert (await boundary.standing("")).unguarded
    finally:
        guarded.remove(extra)
    async with asyncio.timeout(WITHIN_SECONDS):
        while (await boundary.standing(given[0])).unguarded:  # noqa: ASYNC110  polled, with a deadline
            await asyncio.sleep(0.05)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


@pytest.mark.claim("C-011")
async def test_critique_0_10_what_the_administrator_of_a_namespace_binds_refuses_there_alone(
    guarded: Installed, ask: Ask, given: tuple[str, str]
) -> None:
    extra = [binding("RoleBinding", extra_name(), role_ref("ClusterRole", "edit"), given[1])]
    guarded.apply(extra)
    try:
        report = await once(lambda one: not whole(one), ask)
    finally:
        guarded.remove(extra)
    assert {(one.kind, one.namespace) for one in report.findings} == {(Kind.EXCESS, given[1])}
    assert "create configmaps" in [one.what for one in report.findings]
    assert report.refuses_auto(given[1])
    assert not report.refuses_auto(given[0])


@pytest.mark.claim("C-011")
async def test_what_is_bound_in_a_protected_namespace_refuses_everywhere(
    guarded: Installed, ask: Ask, given: tuple[str, str]
) -> None:
    extra = [binding("RoleBinding", extra_name(), role_ref("ClusterRole", "edit"), "kube-public")]
    guarded.apply(extra)
    try:
        report = await once(lambda one: not whole(one), ask)
    finally:
        guarded.remove(extra)
    assert {(one.kind, one.namespace) for one in report.findings} == {(Kind.EXCESS, "kube-public")}
    assert all(report.refuses_auto(name) for name in (*given, ""))


async def test_a_binding_that_is_missing_in_a_namespace_is_found_there(
    guarded: Installed, ask: Ask, given: tuple[str, str]
) -> None:
    held = binding("RoleBinding", ACT_ROLE, role_ref("ClusterRole", ACT_ROLE), given[0])
    guarded.remove([held])
    report = await once(lambda one: not whole(one), ask)
    assert (Kind.MISSING, "delete pods", given[0]) in [(one.kind, one.what, one.namespace) for one in report.findings]
    assert report.keeps_from_starting == []
    guarded.apply([held])


def _policy(kind: str, name: str) -> str:
    return path_of({"kind": kind, "metadata": {"name": name}})


@pytest.mark.claim("C-012")
@pytest.mark.parametrize(
    ("kind", "name", "patch", "found"),
    [
        ("ValidatingAdmissionPolicy", everything.NAME, {"failurePolicy": "Ignore"}, Kind.POLICY_CHANGED),
        ("ValidatingAdmissionPolicy", pods.DELETE, {"matchConditions": NOBODY}, Kind.POLICY_CHANGED),
        ("ValidatingAdmissionPolicyBinding", everything.NAME, {"validationActions": ["Audit"]}, Kind.UNBOUND),
        ("ValidatingAdmissionPolicyBinding", pods.DELETE, {"validationActions": ["Warn"]}, Kind.UNBOUND),
        (
            "ValidatingAdmissionPolicyBinding",
            pods.DELETE,
            {"matchResources": {"namespaceSelector": {"matchLabels": {"a": "b"}}}},
            Kind.UNBOUND,
        ),
    ],
)
async def test_review_3_and_fault_28_a_policy_that_is_weakened_is_found(
    guarded: Installed, ask: Ask, given: tuple[str, str], kind: str, name: str, patch: JSON, found: Kind
) -> None:
    path = _policy(kind, name)
    before = guarded.plane.api.call("GET", path)["spec"]
    merge = "application/merge-patch+json"
    guarded.plane.api.call("PATCH", path, {"spec": patch}, content_type=merge)
    try:
        report = await once(lambda one: not whole(one), ask)
        assert [one.kind for one in report.findings] == [found]
        assert all(report.refuses_auto(one) for one in (*given, ""))
    finally:
        back = {key: before.get(key) for key in patch}
        guarded.plane.api.call("PATCH", path, {"spec": back}, content_type=merge)


@pytest.mark.claim("C-012")
@pytest.mark.parametrize(
    ("kind", "name", "found"),
    [
        ("ValidatingAdmissionPolicy", pods.EVICTION, Kind.POLICY_ABSENT),
        ("ValidatingAdmissionPolicyBinding", pods.EVICTION, Kind.UNBOUND),
        ("ValidatingAdmissionPolicyBinding", everything.NAME, Kind.UNBOUND),
        ("MutatingAdmissionPolicy", deployments.STRIP, Kind.POLICY_ABSENT),
        ("MutatingAdmissionPolicyBinding", deployments.PROVE, Kind.UNBOUND),
    ],
)
async def test_review_3_and_fault_28_a_policy_that_is_deleted_is_found(
    guarded: Installed, ask: Ask, kind: str, name: str, found: Kind
) -> None:
    item = next(one for one in guarded.objects if (one["kind"], one["metadata"]["name"]) == (kind, name))
    guarded.remove([item])
    report = await once(lambda one: not whole(one), ask)
    assert [one.kind for one in report.findings] == [found]
    guarded.apply([item])


async def test_the_switch_that_is_off_is_a_halt_and_nothing_that_is_missing(guarded: Installed, ask: Ask) -> None:
    switch = binding("ClusterRoleBinding", MAY_ACT, role_ref("ClusterRole", MAY_ACT))
    guarded.remove([switch])
    report = await once(lambda one: one.halted, ask)
    assert report.findings == ()
    guarded.apply([switch])
    await once(lambda one: not one.halted, ask)


async def test_an_administrator_sees_the_same_by_acting_as_the_agent(guarded: Installed, ask: Ask) -> None:
    agent = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
    async with await connect(guarded.plane.kubeconfig, act_as=agent) as port:
        assert await look(guarded, port) == await ask()


@pytest.mark.claim("C-012")
async def test_an_account_that_no_policy_binds_is_found(guarded: Installed, ask: Ask) -> None:
    async with await connect(guarded.plane.kubeconfig) as port:
        kinds = {one.kind for one in (await look(guarded, port)).findings}
    assert kinds == {Kind.UNKNOWN_ACCOUNT, Kind.EXCESS}
