"""The metrics API of a control plane: registered with the API server, answered by `nodes/metrics.go` from annotations.

Comes after `rest.py`; `supervise.py` registers it when the nodes listen, `start.py` has an administrator's hands on it.
What a pod, a node or a Deployment is annotated with is what it uses; of a Deployment's load its Ready pods have their
shares. The API server asks with its own front-proxy certificate, and trusts no other authority than the plane's.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from byteport.errors import BytePortError
from byteport.sandbox.controlplane.rest import Api, ApiRefused

JSON = dict[str, Any]

USAGE_CPU = "sim.byteport.io/usage-cpu"
USAGE_MEMORY = "sim.byteport.io/usage-memory"
"""On a pod or a node: what it uses, in place of anything else."""
LOAD_CPU = "sim.byteport.io/load-cpu"
LOAD_MEMORY = "sim.byteport.io/load-memory"
"""On a Deployment: what its Ready pods use between them."""

SERVICE = "metrics"
NAMESPACE = "kube-system"
SERVER_NAME = f"{SERVICE}.{NAMESPACE}.svc"
"""The name that the API server expects in the certificate."""
API_SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io"
METRICS = "/apis/metrics.k8s.io/v1beta1"
SETTLES_SECONDS = 60.0
NOBODY_LISTENS = 9


class MetricsState(StrEnum):
    """How the metrics API answers."""

    SERVING = "serving"
    ABSENT = "absent"
    """Not registered: 404."""
    BROKEN = "broken"
    """Registered, and nobody answers behind it: 503."""


class MetricsUnsettled(BytePortError):
    """The API server did not take a change of the metrics API in."""

    code = "metrics_unsettled"


def register(api: Api, authority: Path, port: int) -> None:
    """Have the API server send `metrics.k8s.io` to `port` on this machine; it serves a moment later."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE},
        "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"name": "https", "port": port}]},
    }
    registration = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": base64.b64encode(authority.read_bytes()).decode(),
            "service": {"namespace": NAMESPACE, "name": SERVICE, "port": port},
        },
    }
    api.apply(f"/api/v1/namespaces/{NAMESPACE}/services/{SERVICE}", service)
    api.apply(API_SERVICE, registration)


def is_serving(api: Api) -> bool:
    """Whether the API server gets an answer."""
    return _status(api) == 0


def set_state(api: Api, authority: Path, port: int, state: MetricsState) -> None:
    """Make the metrics API answer so, and return when it does. Raises `MetricsUnsettled`."""
    match state:
        case MetricsState.SERVING:
            register(api, authority, port)
        case MetricsState.BROKEN:
            register(api, authority, NOBODY_LISTENS)
        case MetricsState.ABSENT:
            try:
                api.call("DELETE", API_SERVICE)
            except ApiRefused as error:
                if error.status != 404:
                    raise
    expected = {MetricsState.SERVING: 0, MetricsState.ABSENT: 404, MetricsState.BROKEN: 503}[state]
    deadline = time.monotonic() + SETTLES_SECONDS
    while _status(api) != expected:
        if time.monotonic() > deadline:
            raise MetricsUnsettled(f"the metrics API is not {state.value} after {SETTLES_SECONDS:g} s")
        time.sleep(0.1)


def annotate(api: Api, path: str, annotations: Mapping[str, str | None]) -> None:
    """Set annotations of the object at `path`; None takes one away."""
    patch = {"metadata": {"annotations": dict(annotations)}}
    api.call("PATCH", path, patch, content_type="application/merge-patch+json")


def _status(api: Api) -> int:
    """0 when it answers, else the status that the API server gives."""
    try:
        api.call("GET", f"{METRICS}/nodes")
    except ApiRefused as error:
        return error.status
    return 0
