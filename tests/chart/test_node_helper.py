"""The node helper: off unless chosen, alone in its namespace, without rights, and as little of a node as its socket allows."""

from __future__ import annotations

import json
import re

import pytest

from byteport.domain.plans import HELPER_CONTAINER, Runtime
from byteport.kubernetes.node_commands import HELPER_LABEL, HELPER_NAME, KUBELET_DIR, LOG_DIR, RUNTIME_DIRS
from byteport.kubernetes.port import JSON
from tests.chart.chart import BEFORE_PROOF, NEWEST, objects, of_kind, only, rendered

ON = {"nodeHelper": {"enabled": True}}


def daemon(runtime: str = "containerd") -> JSON:
    return only(objects({"nodeHelper": {"enabled": True, "runtime": runtime}}), "DaemonSet")


@pytest.mark.claim("C-141")
def test_review_17_and_18_nothing_of_it_is_there_unless_it_is_chosen() -> None:
    assert [item for item in objects() if "node" in item["metadata"].get("namespace", "")] == []
    assert of_kind(objects(), "DaemonSet") == []


@pytest.mark.claim("C-144")
def test_review_18_its_account_has_no_right_and_its_pod_no_token() -> None:
    items = objects(ON)
    bound = [one["name"] for item in items for one in item.get("subjects", [])]
    assert set(bound) == {"byteport-agent"}
    spec = daemon()["spec"]["template"]["spec"]
    assert spec["serviceAccountName"] == "byteport-node-helper"
    assert spec["automountServiceAccountToken"] is False


def test_it_is_found_by_the_words_that_the_agent_looks_for() -> None:
    template = daemon()["spec"]["template"]
    assert template["metadata"]["labels"][HELPER_LABEL] == HELPER_NAME
    assert [one["name"] for one in template["spec"]["containers"]] == [HELPER_CONTAINER]


@pytest.mark.claim("C-144")
@pytest.mark.parametrize("runtime", Runtime)
def test_review_18_it_sees_the_socket_and_three_folders_and_can_write_to_none(runtime: Runtime) -> None:
    spec = daemon(runtime.value)["spec"]["template"]["spec"]
    (one,) = spec["containers"]
    mounts = {mount["mountPath"]: mount["readOnly"] for mount in one["volumeMounts"]}
    paths = {volume["hostPath"]["path"]: volume["hostPath"]["type"] for volume in spec["volumes"]}
    (socket,) = [path for path, kind in paths.items() if kind == "Socket"]
    assert set(paths) == set(mounts) == {RUNTIME_DIRS[runtime], KUBELET_DIR, LOG_DIR, socket}
    assert set(mounts.values()) == {True}
    assert any(env["value"] == f"unix://{socket}" for env in one["env"])


@pytest.mark.claim("C-144")
def test_review_18_it_is_root_without_anything_that_makes_root_dangerous_but_the_socket() -> None:
    spec = daemon()["spec"]["template"]["spec"]
    (one,) = spec["containers"]
    assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert one["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
    }


@pytest.mark.claim("C-144")
def test_review_18_its_network_is_none_at_all() -> None:
    (policy,) = [
        one for one in of_kind(objects(ON), "NetworkPolicy") if one["metadata"]["namespace"] == "byteport-node"
    ]
    assert policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_its_namespace_is_made_unless_it_is_there_already() -> None:
    made = only(objects(ON), "Namespace")
    assert made["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"
    assert "byteport.io/enabled" not in made["metadata"]["labels"]
    there = {"nodeHelper": {"enabled": True, "createNamespace": False}}
    assert of_kind(objects(there), "Namespace") == []


@pytest.mark.claim("C-200")
@pytest.mark.parametrize("kubernetes", [BEFORE_PROOF, NEWEST])
def test_without_the_helper_nothing_that_is_applied_of_the_boundary_names_its_namespace(kubernetes: str) -> None:
    """There may be one of that name already, and it is then somebody else's."""
    for enabled in (True, False):
        values = {"nodeHelper": {"enabled": enabled, "namespace": "argocd"}}
        made = objects(values, kubernetes=kubernetes, beginning="templates/generated/")
        naming = {(item["kind"], item["metadata"]["name"]) for item in made if "argocd" in json.dumps(item)}
        assert (("ValidatingAdmissionPolicy", "byteport-exec") in naming) == enabled
        assert bool(naming) == enabled


@pytest.mark.claim("C-200")
def test_no_file_names_another_namespace_of_the_helper_than_the_chosen_one() -> None:
    """Whatever the chart writes: policies, roles, alerts, dashboards, the text after an installation."""
    metrics = {kind: {"enabled": True} for kind in ("serviceMonitor", "prometheusRule", "dashboard")}
    chosen = {"metrics": metrics, "nodeHelper": {"enabled": True, "namespace": "node-tools"}}
    usual = {"metrics": metrics, "nodeHelper": {"enabled": True}}
    files, as_usual = rendered(chosen), rendered(usual)
    anywhere = re.compile(r"\bbyteport-node\b(?!-)")
    assert [name for name, text in files.items() if anywhere.search(text)] == []
    named = {name for name, text in as_usual.items() if anywhere.search(text)}
    assert {
        "templates/generated/policies.yaml",
        "templates/generated/roles.yaml",
        "templates/node-helper.yaml",
    } <= named
    digest = re.compile(r"[0-9a-f]{64}")  # of the settings, in which the namespace stands
    for name in named:
        assert digest.sub("", anywhere.sub("node-tools", as_usual[name])) == digest.sub("", files[name])
