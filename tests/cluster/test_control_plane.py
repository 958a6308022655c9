"""The control plane is a real one: its API server, its controllers, its audit log, its authoriser."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode
from byteport.sandbox.controlplane import AGENT_USER, WRITES, Api, ApiRefused, ControlPlane, Fault, KubectlFailed
from byteport.sandbox.controlplane.agent import NotGiven
from byteport.sandbox.controlplane.build import KUBERNETES
from tests.agent.real import CLUSTER_WIDE, NAMESPACED
from tests.cluster.workloads import Namespace, eventually, fault_annotations


@pytest.mark.claim("C-130")
def test_the_api_server_is_ready_and_of_the_version_that_was_built(control_plane: ControlPlane) -> None:
    assert control_plane.kubectl("get", "--raw", "/readyz") == "ok"
    assert control_plane.api.call("GET", "/version")["gitVersion"] == f"v{KUBERNETES}"


def test_every_part_runs_and_has_a_log(control_plane: ControlPlane) -> None:
    parts = control_plane.parts()
    assert set(parts) == {
        "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "nodes",
    }  # fmt: skip
    assert all(part.exit_code is None and part.log.exists() for part in parts.values())


def test_three_nodes_are_ready(control_plane: ControlPlane) -> None:
    nodes = control_plane.api.call("GET", "/api/v1/nodes")["items"]
    ready = [
        node["metadata"]["name"]
        for node in nodes
        if any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])
    ]
    assert ready == ["node-1", "node-2", "node-3"]


def test_the_kubeconfig_trusts_the_authority_and_is_the_owners_only(control_plane: ControlPlane) -> None:
    text = control_plane.kubeconfig.read_text()
    assert "certificate-authority-data" in text
    assert "insecure" not in text
    assert control_plane.kubeconfig.stat().st_mode & 0o077 == 0


def test_nobody_without_a_certificate_reaches_etcd_or_the_nodes(control_plane: ControlPlane, tmp_path: Path) -> None:
    ports = control_plane.ports
    stranger = Api(f"https://127.0.0.1:{ports.nodes}", control_plane.state_dir / "pki" / "ca.crt", "no token")
    with pytest.raises(OSError, match=r"(?i)certificate"):
        stranger.call("GET", "/containerLogs/default/web/app")
    stranger = Api(f"https://127.0.0.1:{ports.etcd}", control_plane.state_dir / "pki" / "ca.crt", "no token")
    with pytest.raises(OSError, match=r"(?i)certificate"):
        stranger.call("GET", "/health")


def test_a_deployment_becomes_available_on_more_than_one_node(namespace: Namespace) -> None:
    namespace.deploy("web", replicas=3)
    namespace.await_available("web")
    assert namespace.condition("web", "Available")["status"] == "True"
    assert len({pod["spec"]["nodeName"] for pod in namespace.pods("web")}) > 1


def test_a_release_that_never_gets_ready_exceeds_its_deadline_and_the_old_template_patched_back_completes(
    namespace: Namespace,
) -> None:
    namespace.deploy("web", replicas=2, progress_deadline_s=5)
    namespace.await_available("web")
    good = namespace.deployment("web")["spec"]["template"]
    bad = {**good, "metadata": {**good["metadata"], "annotations": fault_annotations(Fault.CRASH)}}
    namespace.patch_deployment("web", [{"op": "replace", "path": "/spec/template", "value": bad}])
    exceeded = eventually(
        lambda: namespace.condition("web", "Progressing").get("reason") == "ProgressDeadlineExceeded", within=60
    )
    assert exceeded
    assert namespace.deployment("web")["status"]["availableReplicas"] == 2
    test = {"op": "test", "path": "/spec/template/metadata/annotations", "value": bad["metadata"]["annotations"]}
    namespace.patch_deployment("web", [test, {"op": "replace", "path": "/spec/template", "value": good}])
    namespace.await_available("web")
    assert namespace.condition("web", "Progressing")["reason"] == "NewReplicaSetAvailable"


def test_a_dry_run_of_an_eviction_against_a_full_budget_is_refused_and_names_the_budget(namespace: Namespace) -> None:
    namespace.deploy("web", replicas=1)
    namespace.await_available("web")
    api, base = namespace.plane.api, f"/apis/policy/v1/namespaces/{namespace.name}/poddisruptionbudgets"
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    api.call("POST", base, budget)
    eventually(lambda: api.call("GET", f"{base}/web").get("status", {}).get("currentHealthy") == 1)
    pod = namespace.pod("web")["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    with pytest.raises(ApiRefused) as refused:
        api.call("POST", f"/api/v1/namespaces/{namespace.name}/pods/{pod}/eviction?dryRun=All", eviction)
    assert refused.value.status == 429
    assert [cause["reason"] for cause in refused.value.answer["details"]["causes"]] == ["DisruptionBudget"]
    assert namespace.pod("web")["metadata"]["name"] == pod


def test_the_audit_log_carries_the_id_that_the_caller_chose(namespace: Namespace) -> None:
    plane, chosen, since = namespace.plane, str(uuid.uuid4()), namespace.plane.audit_position()
    path = f"/api/v1/namespaces/{namespace.name}/configmaps"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine"}}
    plane.api.call("POST", path, body, headers={"Audit-ID": chosen})
    written = plane.audit_events(user="admin", verbs=WRITES, since=since)
    assert [event["objectRef"]["name"] for event in written if event["auditID"] == chosen] == ["mine"]


def test_the_agent_can_do_what_it_was_given_and_nothing_else_and_is_told_apart(namespace: Namespace) -> None:
    namespace.deploy("web")
    namespace.await_available("web")
    plane, pod = namespace.plane, namespace.pod("web")["metadata"]["name"]
    in_namespace = ("--namespace", namespace.name)
    kubeconfig = plane.agent_kubeconfig(NAMESPACED)
    with pytest.raises(KubectlFailed, match="Forbidden"):
        plane.kubectl("get", "pods", *in_namespace, kubeconfig=kubeconfig)
    plane.enable(namespace.name, Ceiling(mode=Mode.AUTO, rollback=("web",)))
    assert pod in plane.kubectl("get", "pods", *in_namespace, kubeconfig=kubeconfig)
    for refused in (("delete", "deployment", "web"), ("get", "secrets"), ("get", "pods", "--all-namespaces")):
        with pytest.raises(KubectlFailed, match="cannot"):
            plane.kubectl(*refused, *in_namespace, kubeconfig=kubeconfig)
    since = plane.audit_position()
    with pytest.raises(KubectlFailed, match=r"ValidatingAdmissionPolicy 'byteport-pods-delete'.*the pod is Ready"):
        plane.kubectl("delete", "pod", pod, *in_namespace, kubeconfig=kubeconfig)
    [tried] = plane.audit_events(user=AGENT_USER, verbs={"delete"}, since=since)
    assert (tried["objectRef"]["namespace"], tried["objectRef"]["name"]) == (namespace.name, pod)
    assert tried["responseStatus"]["code"] == 403
    assert tried["level"] == "Request"


def test_what_the_agent_is_held_to_can_be_chosen_anew(control_plane: ControlPlane) -> None:
    listing = ("get", "pods", "--all-namespaces")
    everywhere = control_plane.agent_kubeconfig(CLUSTER_WIDE)
    assert "byteport-agent-0" in control_plane.kubectl(*listing, kubeconfig=everywhere)
    narrower = control_plane.agent_kubeconfig(NAMESPACED)

    with pytest.raises(KubectlFailed, match="cannot list"):
        control_plane.kubectl(*listing, kubeconfig=narrower)


def test_a_namespace_that_is_protected_or_not_there_is_given_to_nobody(control_plane: ControlPlane) -> None:
    control_plane.agent_kubeconfig(NAMESPACED)
    for name, why in (("kube-system", "is protected"), ("nowhere", "there is no namespace nowhere")):
        with pytest.raises(NotGiven, match=why):
            control_plane.enable(name, Ceiling())


def test_the_agents_kubeconfig_is_the_owners_only(control_plane: ControlPlane) -> None:
    assert control_plane.agent_kubeconfig(NAMESPACED).stat().st_mode & 0o077 == 0
