"""A real Kubernetes control plane on this machine: etcd, API server, controllers, scheduler, and simulated nodes.

Without root, on loopback, built from `go.mod`. `build.py` makes the programs, `start.py` has `ControlPlane`,
`stages.py` says how simulated pods live and fail. Before it come the sandbox, the demo and `tests/cluster`; the
production image has none of it.
"""

from byteport.sandbox.controlplane.auditlog import AGENT_USER, WRITES
from byteport.sandbox.controlplane.build import BuildFailed, Progress, ensure_built
from byteport.sandbox.controlplane.kubectl import KubectlFailed
from byteport.sandbox.controlplane.metricsapi import MetricsState
from byteport.sandbox.controlplane.replies import Answer
from byteport.sandbox.controlplane.rest import Api, ApiRefused
from byteport.sandbox.controlplane.stages import (
    BACKOFF_ANNOTATION,
    CONTAINER_ANNOTATION,
    EXIT_CODE_ANNOTATION,
    FAULT_ANNOTATION,
    MESSAGE_ANNOTATION,
    READINESS,
    Fault,
)
from byteport.sandbox.controlplane.start import ControlPlane, NotRunning, Part, StartFailed

__all__ = [
    "AGENT_USER",
    "BACKOFF_ANNOTATION",
    "CONTAINER_ANNOTATION",
    "EXIT_CODE_ANNOTATION",
    "FAULT_ANNOTATION",
    "MESSAGE_ANNOTATION",
    "READINESS",
    "WRITES",
    "Answer",
    "Api",
    "ApiRefused",
    "BuildFailed",
    "ControlPlane",
    "Fault",
    "KubectlFailed",
    "MetricsState",
    "NotRunning",
    "Part",
    "Progress",
    "StartFailed",
    "ensure_built",
]
