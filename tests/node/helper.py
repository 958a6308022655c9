"""The node helper's pod on the real node, made of busybox: what the chart mounts, and df, du and free as they really are.

The chart's own image has the runtime's client too; this one only looks. Comes before the tests here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from byteport.domain.plans import HELPER_CONTAINER
from byteport.kubernetes.node_commands import HELPER_LABEL, HELPER_NAME
from byteport.sandbox.controlplane.node_disks import HELPER_NAMESPACE
from byteport.sandbox.realnode import IMAGE, RealNode
from tests.agent.places import eventually

JSON = dict[str, Any]

HELPER_POD = f"{HELPER_NAME}-real"
MOUNTED = {"images": "/var/lib/containerd", "kubelet": "/var/lib/kubelet", "logs": "/var/log"}
PODS = f"/api/v1/namespaces/{HELPER_NAMESPACE}/pods"

__all__ = ["HELPER_NAMESPACE", "HELPER_POD", "installed_helper"]


@asynccontextmanager
async def installed_helper(node: RealNode) -> AsyncIterator[None]:
    """It runs while inside."""
    api = node.plane.api
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HELPER_NAMESPACE}}
    await asyncio.to_thread(api.apply, f"/api/v1/namespaces/{HELPER_NAMESPACE}", namespace)
    await eventually("the namespace's account", lambda: _there(node, f"namespaces/{HELPER_NAMESPACE}/serviceaccounts"))
    await asyncio.to_thread(api.apply, f"{PODS}/{HELPER_POD}", _pod(node.name))
    await eventually("the helper to run", lambda: _runs(node), within=60.0)
    try:
        yield
    finally:
        await asyncio.to_thread(api.call, "DELETE", f"{PODS}/{HELPER_POD}?gracePeriodSeconds=0")


async def _there(node: RealNode, what: str) -> bool:
    return bool((await asyncio.to_thread(node.plane.api.call, "GET", f"/api/v1/{what}"))["items"])


async def _runs(node: RealNode) -> bool:
    pod = await asyncio.to_thread(node.plane.api.call, "GET", f"{PODS}/{HELPER_POD}")
    conditions = pod["status"].get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _pod(node: str) -> JSON:
    container = {
        "name": HELPER_CONTAINER,
        "image": IMAGE,
        "command": ["/bin/sleep", "3600"],
        "volumeMounts": [{"name": name, "mountPath": path, "readOnly": True} for name, path in MOUNTED.items()],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": HELPER_POD, "labels": {HELPER_LABEL: HELPER_NAME}},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [
                {"name": name, "hostPath": {"path": path, "type": "Directory"}} for name, path in MOUNTED.items()
            ],
        },
    }
