"""What holds for every write of the agent's accounts: the switch, the kinds, the token's pod; and that nobody else notices."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.boundary.names import MAY_ACT, NAMESPACE
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.controlplane.noticed import await_noticed
from tests.cluster.boundary.conftest import APP
from tests.cluster.boundary.installed import NO_POD, Installed, Said, asked, once, path_of
from tests.cluster.switched import HALT_SECONDS, in_force_after
from tests.cluster.workloads import Namespace, eventually, fault_annotations

JSON = dict[str, Any]

CONFLICT = 409


def unready(shop: Namespace) -> JSON:
    shop.deploy("broken", annotations=fault_annotations(Fault.CRASH))
    return eventually(
        lambda: next((pod for pod in shop.pods("broken") if pod.get("status", {}).get("conditions")), None)
    )


def delete(guarded: Installed, shop: Namespace, pod: JSON, token: str | None = None) -> Said:
    """A dry run of the one delete that is allowed: admission is asked as for a real one."""
    path = f"/api/v1/namespaces/{shop.name}/pods/{pod['metadata']['name']}"

    def tried() -> Said:
        now = guarded.plane.api.call("GET", path)["metadata"]
        options = {"preconditions": {"uid": now["uid"], "resourceVersion": now["resourceVersion"]}}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"], **options}
        return asked(guarded.agent(token), "DELETE", path, body)

    return once(lambda said: said.status != CONFLICT, tried)


@pytest.mark.claim("C-207")
def test_review_22_and_critique_0_6_the_switch_is_in_force_within_five_seconds_and_nobody_else_notices(
    guarded: Installed, shop: Namespace
) -> None:
    pod = unready(shop)
    assert delete(guarded, shop, pod).status == 200
    switch = next(
        item for item in guarded.objects if item["kind"] == "ClusterRoleBinding" and item["metadata"]["name"] == MAY_ACT
    )
    since = guarded.plane.audit_position()
    guarded.remove([switch])
    try:
        said = once(lambda said: said.status != 200, lambda: delete(guarded, shop, pod))
        assert said.by_policy
        assert "halted" in said.message
        assert in_force_after(guarded.plane, since) < HALT_SECONDS
        assert asked(guarded.agent(), "GET", f"/api/v1/namespaces/{shop.name}/pods").status == 200
        shop.deploy("meanwhile")
        again = asked(guarded.agent(), "POST", path_of(switch).rsplit("/", 1)[0], switch)
        assert again.status == 403, "the agent cannot switch itself on"
    finally:
        guarded.apply([switch])
    once(lambda said: said.status == 200, lambda: delete(guarded, shop, pod))


@pytest.mark.claim("C-200")
@pytest.mark.usefixtures("everything_granted")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "POST",
            "/api/v1/namespaces/{ns}/configmaps",
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}},
        ),
        ("POST", "/api/v1/namespaces/{ns}/secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}),
        ("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "byteport-x"}}),
        ("PATCH", "/api/v1/namespaces/{ns}", {"metadata": {"labels": {"byteport.io/enabled": "true"}}}),
        ("PATCH", "/api/v1/nodes/node-1", {"metadata": {"labels": {"byteport.io/enabled": "true"}}}),
        ("DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterroles/byteport-may-act", None),
        ("DELETE", "/apis/apps/v1/namespaces/{ns}/deployments/api", None),
        (
            "PUT",
            "/apis/apps/v1/namespaces/{ns}/deployments/api/scale",
            {"metadata": {"name": "api"}, "spec": {"replicas": 0}},
        ),
        ("PATCH", "/apis/apps/v1/namespaces/{ns}/deployments/api/scale", {"spec": {"replicas": 0}}),
        ("PATCH", "/apis/apps/v1/namespaces/{ns}/deployments/api/status", {"status": {"collisionCount": 7}}),
        ("DELETE", "/api/v1/namespaces/{ns}/pods", None),
        (
            "POST",
            "/api/v1/namespaces/{ns}/pods",
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": "mine"},
                "spec": {"containers": [{"name": "c", "image": "registry.example/a:1"}]},
            },
        ),
        ("POST", "/api/v1/namespaces/{ns}/serviceaccounts/default/token", {"spec": {}}),
        ("DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/wide", None),
        (
            "POST",
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
            {
                "apiVersion": "admissionregistration.k8s.io/v1",
                "kind": "MutatingWebhookConfiguration",
                "metadata": {"name": "x"},
            },
        ),
    ],
)
def test_review_4_a_cluster_administrator_with_the_agents_account_writes_nothing_but_the_acts(
    guarded: Installed, shop: Namespace, method: str, path: str, body: JSON | None
) -> None:
    content_type = "application/merge-patch+json" if method == "PATCH" else "application/json"
    agent = guarded.agent()

    def tried() -> Said:
        return asked(agent, method, path.format(ns=shop.name), body, content_type=content_type)

    said = once(lambda said: not said.by_rights, tried)
    assert said.by_policy, said


@pytest.mark.claim("C-208")
@pytest.mark.usefixtures("everything_granted")
@pytest.mark.parametrize("namespace", ["kube-system", "kube-flannel", "default", NAMESPACE])
def test_critique_b1_a_protected_namespace_is_not_written_to_though_it_carries_the_label(
    guarded: Installed, shop: Namespace, namespace: str
) -> None:
    protected = Namespace(guarded.plane, namespace)
    if namespace == "kube-flannel":
        protected.create()
    guarded.plane.kubectl("label", "namespace", namespace, "byteport.io/enabled=true", "--overwrite")
    protected.deploy("victim", annotations=fault_annotations(Fault.CRASH))
    try:
        pod = eventually(lambda: protected.pods("victim"))[0]
        said = once(lambda said: not said.by_rights, lambda: delete(guarded, protected, pod))
        assert said.by_policy
    finally:
        guarded.plane.kubectl("delete", "deployment", "victim", "-n", namespace)
        guarded.plane.kubectl("label", "namespace", namespace, "byteport.io/enabled-")
        if namespace == "kube-flannel":
            protected.delete()


@pytest.mark.claim("C-206")
def test_critique_b1_a_token_that_no_pod_of_the_agent_holds_writes_nothing(guarded: Installed, shop: Namespace) -> None:
    pod = unready(shop)
    guarded.make_pod("somebody-else")
    try:
        for token in (guarded.token(pod=None), guarded.token(pod="somebody-else")):
            said = delete(guarded, shop, pod, token)
            assert said.by_policy
            assert NO_POD in said.message
    finally:
        guarded.plane.kubectl("delete", "pod", "somebody-else", "-n", NAMESPACE)


@pytest.mark.claim("C-200")
@pytest.mark.usefixtures("everything_granted")
def test_critique_b1_every_account_of_the_agents_namespace_is_bound_whatever_its_name(
    guarded: Installed, shop: Namespace
) -> None:
    guarded.plane.kubectl("create", "serviceaccount", "another", "-n", NAMESPACE)
    where = ("clusterrolebinding", "another", "--clusterrole=cluster-admin", f"--serviceaccount={NAMESPACE}:another")
    guarded.plane.kubectl("create", *where)
    try:
        another = guarded.agent(guarded.token(pod=None, account="another"))
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}

        def tried() -> Said:
            return asked(another, "POST", f"/api/v1/namespaces/{shop.name}/configmaps", config)

        assert once(lambda said: not said.by_rights, tried).by_policy
    finally:
        guarded.plane.kubectl("delete", "clusterrolebinding", "another")
        guarded.plane.kubectl("delete", "serviceaccount", "another", "-n", NAMESPACE)


@pytest.mark.claim("C-209")
def test_critique_0_5_with_any_object_of_the_boundary_gone_others_still_write_and_the_agent_gains_nothing(
    guarded: Installed, shop: Namespace
) -> None:
    """Each object is deleted alone: administrators and tenants go on; what the agent could not do it still cannot."""
    ready = shop.pods(APP)[0]
    tenant = guarded.agent(_tenant(guarded, shop))
    for item in guarded.objects:
        if "Admission" not in item["kind"]:
            continue
        guarded.remove([item])
        try:
            await_noticed(guarded.plane.api)
            label = [
                {"op": "add", "path": "/metadata/annotations/example.com~1touched", "value": item["metadata"]["name"]}
            ]
            shop.patch_deployment(APP, label)
            config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}
            assert asked(tenant, "POST", f"/api/v1/namespaces/{shop.name}/configmaps", config).status == 200, item
            name = item["metadata"]["name"]
            if "pods-delete" not in name:
                assert delete(guarded, shop, ready).by_policy, name
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}
            assert asked(guarded.agent(), "POST", f"/api/v1/namespaces/{shop.name}/secrets", secret).by_rights, name
        finally:
            guarded.apply([item])


def _tenant(guarded: Installed, shop: Namespace) -> str:
    guarded.plane.kubectl("create", "serviceaccount", "tenant", "-n", shop.name)
    guarded.plane.kubectl(
        "create", "rolebinding", "tenant", "-n", shop.name, "--clusterrole=edit", f"--serviceaccount={shop.name}:tenant"
    )
    return guarded.token(pod=None, account="tenant", namespace=shop.name)


@pytest.mark.claim("C-210")
def test_review_7_who_edits_a_namespace_cannot_enrol_it_or_widen_the_agent(guarded: Installed, shop: Namespace) -> None:
    tenant = guarded.agent(_tenant(guarded, shop))
    merge = "application/merge-patch+json"
    label = {"metadata": {"labels": {"byteport.io/enabled": "true"}}}
    assert eventually(lambda: asked(tenant, "GET", f"/api/v1/namespaces/{shop.name}/pods").status == 200)
    assert asked(tenant, "PATCH", f"/api/v1/namespaces/{shop.name}", label, content_type=merge).by_rights
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{shop.name}"
    bound = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "wide"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "name": "byteport-agent", "namespace": NAMESPACE}],
    }
    assert asked(tenant, "POST", f"{rbac}/rolebindings", bound).by_rights
    named = {"rules": [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}]}
    assert asked(tenant, "PATCH", f"{rbac}/roles/byteport-agent-named", named, content_type=merge).by_rights
    switch = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/byteport-may-act"
    assert asked(tenant, "DELETE", switch).by_rights
