"""An account with exactly the rights that are named, for tests of the API server and of the port, not of the agent.

It lies in a namespace of its own, so that the boundary, which binds every account of the agent's, does not bind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.controlplane.components import write_kubeconfig
from byteport.sandbox.controlplane.noticed import await_rights_noticed

JSON = dict[str, Any]

NAMESPACE, NAME = "suite", "tester"
USER = f"system:serviceaccount:{NAMESPACE}:{NAME}"
"""Its name in the API server's audit log."""
RBAC = "rbac.authorization.k8s.io"
SECONDS = 7200


def account_with(plane: ControlPlane, rules: Sequence[Mapping[str, Any]]) -> Path:
    """Its kubeconfig, with these rules of a ClusterRole in force. Called again, it has those instead and no others."""
    api, account = plane.api, f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{NAME}"
    role = {"apiGroup": RBAC, "kind": "ClusterRole", "name": NAME}
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}
    api.apply(f"/api/v1/namespaces/{NAMESPACE}", _named("v1", "Namespace", NAMESPACE))
    api.apply(account, _named("v1", "ServiceAccount", NAME))
    role_of = {**_named(f"{RBAC}/v1", "ClusterRole", NAME), "rules": [dict(rule) for rule in rules]}
    api.apply(f"/apis/{RBAC}/v1/clusterroles/{NAME}", role_of)
    bound = {**_named(f"{RBAC}/v1", "ClusterRoleBinding", NAME), "roleRef": role, "subjects": [subject]}
    api.apply(f"/apis/{RBAC}/v1/clusterrolebindings/{NAME}", bound)
    token = str(api.call("POST", f"{account}/token", {"spec": {"expirationSeconds": SECONDS}})["status"]["token"])
    await_rights_noticed(api)
    return write_kubeconfig(plane.state_dir / f"{NAME}.kubeconfig", plane.server, plane.authority, NAME, token)


def _named(api_version: str, kind: str, name: str) -> JSON:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}
