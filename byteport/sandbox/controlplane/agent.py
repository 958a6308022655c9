"""The agent's own account on a control plane: a ServiceAccount with exactly the rights that are named, and its token.

So that what the agent does is done as the agent: the API server refuses what was not granted, and its audit log tells
the agent's writes from everybody else's. Used by `start.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from byteport.errors import BytePortError
from byteport.sandbox.controlplane.components import write_kubeconfig
from byteport.sandbox.controlplane.rest import Api

JSON = dict[str, Any]

AGENT = "byteport-agent"
AGENT_USER = f"system:serviceaccount:{AGENT}:{AGENT}"
"""The agent's name in the API server's audit log and in admission policies."""

IN_FORCE_SECONDS = 10.0


class NotInForce(BytePortError):
    """A right that was granted is still refused after ten seconds."""

    code = "grant_not_in_force"


def grant(
    admin: Api, authority: Path, kubeconfig: Path, rules: Sequence[Mapping[str, Any]], lifetime: timedelta
) -> Path:
    """Make the account, give it exactly `rules` cluster-wide, and write its kubeconfig.

    `rules` are those of a ClusterRole. Called again, the rights are replaced and a new token is made. Returns when the
    API server's authoriser has taken the grant in; raises `NotInForce` when it does not.
    """
    role = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{AGENT}"
    binding = f"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/{AGENT}"
    account = f"/api/v1/namespaces/{AGENT}/serviceaccounts/{AGENT}"
    admin.apply(f"/api/v1/namespaces/{AGENT}", _named("v1", "Namespace"))
    admin.apply(account, _named("v1", "ServiceAccount", namespace=AGENT))
    rbac = "rbac.authorization.k8s.io"
    admin.apply(role, {**_named(f"{rbac}/v1", "ClusterRole"), "rules": [dict(rule) for rule in rules]})
    admin.apply(
        binding,
        {
            **_named(f"{rbac}/v1", "ClusterRoleBinding"),
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": AGENT},
            "subjects": [{"kind": "ServiceAccount", "name": AGENT, "namespace": AGENT}],
        },
    )
    request = {"spec": {"expirationSeconds": int(lifetime.total_seconds())}}
    token = admin.call("POST", f"{account}/token", request)["status"]["token"]
    _await_in_force(Api(admin.server, authority, token), rules)
    return write_kubeconfig(kubeconfig, admin.server, authority, AGENT, token)


def _await_in_force(agent: Api, rules: Sequence[Mapping[str, Any]]) -> None:
    deadline = time.monotonic() + IN_FORCE_SECONDS
    for rule in rules:
        while not _is_allowed(agent, rule):
            if time.monotonic() > deadline:
                raise NotInForce(f"{AGENT} may not yet {rule['verbs'][0]} {rule['resources'][0]}")
            time.sleep(0.05)


def _is_allowed(agent: Api, rule: Mapping[str, Any]) -> bool:
    if "resources" not in rule:
        return True
    resource, _, subresource = rule["resources"][0].partition("/")
    asked = {
        "verb": rule["verbs"][0],
        "group": rule["apiGroups"][0],
        "resource": resource,
        "subresource": subresource,
        "name": (rule.get("resourceNames") or [""])[0],
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    answer = agent.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def _named(api_version: str, kind: str, **metadata: str) -> JSON:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": AGENT, **metadata}}
