"""As much of an API server as Helm's `lookup` asks: what kinds there are, and single objects. It takes no write.

A real one installs the chart in `tests/cluster`; here it is only asked what is there, in a thread, within milliseconds.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import helm_python

from byteport.kubernetes.port import JSON

PLURALS = {
    "Namespace": ("v1", "namespaces", False),
    "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings", True),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "clusterroles", False),
    "ClusterRoleBinding": ("rbac.authorization.k8s.io/v1", "clusterrolebindings", False),
    "ValidatingAdmissionPolicy": ("admissionregistration.k8s.io/v1", "validatingadmissionpolicies", False),
    "ValidatingAdmissionPolicyBinding": (
        "admissionregistration.k8s.io/v1",
        "validatingadmissionpolicybindings",
        False,
    ),
    "MutatingAdmissionPolicy": ("admissionregistration.k8s.io/v1", "mutatingadmissionpolicies", False),
    "MutatingAdmissionPolicyBinding": ("admissionregistration.k8s.io/v1", "mutatingadmissionpolicybindings", False),
}
GROUPS = ("rbac.authorization.k8s.io", "admissionregistration.k8s.io")
UID = "8683631a-e42f-4b4b-bf64-a932e99589a1"
KUBE_SYSTEM: JSON = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": UID}}


def namespace(name: str, **labels: str) -> JSON:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def thing(kind: str, name: str, *, release: str = "", where: str = "") -> JSON:
    """An object of that name, of a release (or of nobody's)."""
    notes = (
        {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "byteport-agent"} if release else {}
    )
    metadata = {"name": name, **({"namespace": where} if where else {}), **({"annotations": notes} if notes else {})}
    return {"apiVersion": PLURALS[kind][0], "kind": kind, "metadata": metadata}


@contextlib.contextmanager
def serving(objects: Sequence[JSON]) -> Iterator[helm_python.Config]:
    """Helm's connection to a server that has exactly these objects, and kube-system."""
    answers = {_path(item): item for item in (KUBE_SYSTEM, *objects)} | _discovery()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet; in two, each answer waits 40 ms for an acknowledgement

        def do_GET(self) -> None:
            found = answers.get(self.path.partition("?")[0])
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            body = json.dumps(found if found is not None else missing).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing is said."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": address}}],
        "users": [{"name": "test", "user": {}}],
    }
    try:
        with helm_python.Config(kubeconfig_content=json.dumps(kubeconfig), namespace="byteport-agent") as config:
            yield config
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _path(item: JSON) -> str:
    version, plural, namespaced = PLURALS[item["kind"]]
    root = f"/api/{version}" if version == "v1" else f"/apis/{version}"
    where = f"/namespaces/{item['metadata']['namespace']}" if namespaced else ""
    return f"{root}{where}/{plural}/{item['metadata']['name']}"


def _discovery() -> dict[str, JSON]:
    found: dict[str, JSON] = {
        "/version": {"major": "1", "minor": "37", "gitVersion": "v1.37.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name) for name in GROUPS]},
    }
    for version in ("v1", *(f"{group}/v1" for group in GROUPS)):
        listed = [
            {"name": plural, "singularName": kind.lower(), "namespaced": namespaced, "kind": kind, "verbs": ["get"]}
            for kind, (its, plural, namespaced) in PLURALS.items()
            if its == version
        ]
        path = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        found[path] = {"kind": "APIResourceList", "groupVersion": version, "resources": listed}
    return found


def _group(name: str) -> JSON:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}
