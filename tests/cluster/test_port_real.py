"""What only a real API server can show of the port: its own audit log, and admission policies of both statuses."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from activities.kubernetes.client import KubernetesCluster, connect, kube_system_uid
from byteport.errors import NotPermitted, PreconditionFailed
from byteport.kubernetes.port import DEPLOYMENTS, PODS, Attribution
from byteport.sandbox.controlplane import WRITES, ControlPlane
from tests.builders.deleting import delete_as_it_is
from tests.cluster.accounts import USER, account_with
from tests.cluster.workloads import Namespace

JSON = dict[str, Any]

RULES = [
    {"apiGroups": [""], "resources": ["pods", "namespaces"], "verbs": ["get", "list", "watch", "delete"]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch", "patch"]},
]
IMAGE = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "registry.example/app:2"}]


def _by() -> Attribution:
    return Attribution(uuid.uuid4().hex * 2, str(uuid.uuid4()), "byteport-suite")


@pytest.fixture
async def agent(control_plane: ControlPlane) -> AsyncIterator[KubernetesCluster]:
    kubeconfig = await asyncio.to_thread(account_with, control_plane, RULES)
    async with await connect(kubeconfig) as port:
        yield port


@pytest.fixture
def web(namespace: Namespace) -> Namespace:
    namespace.deploy("web")
    namespace.await_available("web")
    return namespace


async def test_a_write_is_found_in_the_api_servers_audit_log_by_its_action(
    control_plane: ControlPlane, agent: KubernetesCluster, web: Namespace
) -> None:
    since = control_plane.audit_position()
    patched, deleted = _by(), _by()
    await delete_as_it_is(agent, (await agent.list(PODS, web.name)).items[0]["metadata"], by=deleted)
    await agent.patch(DEPLOYMENTS, web.name, "web", IMAGE, by=patched)
    events = control_plane.audit_events(user=USER, verbs=WRITES, since=since)
    told = {event["auditID"]: event for event in events}
    assert set(told) == {patched.audit_id, deleted.audit_id}
    for by, verb in ((patched, "patch"), (deleted, "delete")):
        assert told[by.audit_id]["verb"] == verb
        assert told[by.audit_id]["userAgent"].endswith(f" ({by.action_id[:12]})")
    assert "fieldManager=byteport-suite" in told[patched.audit_id]["requestURI"]


async def test_an_eviction_that_only_asks_is_a_dry_run_to_the_api_server(
    control_plane: ControlPlane, agent: KubernetesCluster, web: Namespace
) -> None:
    since = control_plane.audit_position()
    await agent.evict_dry_run(web.name, web.pod("web")["metadata"]["name"])
    (event,) = control_plane.audit_events(user=USER, verbs=WRITES, since=since)
    assert event["requestURI"].endswith("/eviction?dryRun=All")


def _policy(name: str, resource: JSON, expression: str, namespace: str, **validation: str) -> list[JSON]:
    """A policy that denies the agent whatever the expression is not true of in that namespace, and its binding.

    One namespace's, since it stays in force for a moment after it is gone, when others' tests have begun.
    """
    kind = "admissionregistration.k8s.io/v1"
    agent = f"request.userInfo.username == '{USER}'"
    return [
        {
            "apiVersion": kind,
            "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [resource],
                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                },
                "matchConditions": [{"name": "agent", "expression": agent}],
                "validations": [{"expression": expression, **validation}],
            },
        },
        {
            "apiVersion": kind,
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": name},
            "spec": {"policyName": name, "validationActions": ["Deny"]},
        },
    ]


@pytest.fixture
def no_patch(namespace: Namespace) -> Iterator[str]:
    """A policy without `reason`, which answers 422."""
    rule = {"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]}
    yield from _in_force(namespace, "suite-no-patch", rule, message="not this one")


@pytest.fixture
def no_delete(namespace: Namespace) -> Iterator[str]:
    """A policy that answers 403."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["pods"]}
    yield from _in_force(namespace, "suite-no-delete", rule, message="not this one", reason="Forbidden")


def _in_force(within: Namespace, name: str, rule: JSON, **validation: str) -> Iterator[str]:
    plane = within.plane
    root = "/apis/admissionregistration.k8s.io/v1"
    kinds = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
    for kind, item in zip(kinds, _policy(name, rule, "false", within.name, **validation), strict=True):
        plane.api.apply(f"{root}/{kind}/{name}", item)
    yield name
    for kind in kinds:
        plane.api.call("DELETE", f"{root}/{kind}/{name}")


async def _refusal(call: Any) -> NotPermitted:
    """The policy's refusal, within the seconds that a new policy takes to be in force."""
    for _ in range(200):
        try:
            await call()
        except NotPermitted as refusal:
            return refusal
        await asyncio.sleep(0.05)
    raise AssertionError("the policy never refused")


async def test_a_policys_422_is_a_refusal_that_names_it_and_no_failed_precondition(
    agent: KubernetesCluster, web: Namespace, no_patch: str
) -> None:
    async def patch() -> None:
        await agent.patch(DEPLOYMENTS, web.name, "web", IMAGE, by=_by(), dry_run=True)

    refusal = await _refusal(patch)
    assert no_patch in refusal.message
    assert "not this one" not in refusal.message
    test = {"op": "test", "path": "/metadata/uid", "value": "another"}
    with pytest.raises(PreconditionFailed):
        await agent.patch(DEPLOYMENTS, web.name, "web", [test, *IMAGE], by=_by())


async def test_a_policys_403_is_a_refusal_that_names_it(
    agent: KubernetesCluster, namespace: Namespace, no_delete: str
) -> None:
    async def delete() -> None:
        pod = namespace.pod_that_waits()["metadata"]  # one for each try: until the policy is in force it is deleted
        await agent.delete(
            PODS, namespace.name, pod["name"], uid=pod["uid"], resource_version=pod["resourceVersion"], by=_by()
        )

    assert no_delete in (await _refusal(delete)).message


async def test_a_cluster_is_named_by_its_kube_system_and_its_authority(
    control_plane: ControlPlane, agent: KubernetesCluster
) -> None:
    system = control_plane.api.call("GET", "/api/v1/namespaces/kube-system")
    assert await kube_system_uid(agent) == system["metadata"]["uid"]
    assert await agent.server_version() == "v1.37.2"
    async with await connect(control_plane.kubeconfig) as admin:
        assert admin.ca_digest == agent.ca_digest
