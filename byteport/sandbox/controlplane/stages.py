"""How a simulated pod lives: one kwok Stage per transition, chosen by annotations of the pod (or of its template).

| annotation                    | meaning                                                                           |
|-------------------------------|-----------------------------------------------------------------------------------|
| `sim.byteport.io/fault`       | one of `Fault`; absent is a healthy pod. Taken away again, the pod recovers        |
| `sim.byteport.io/container`   | the container at fault; the first one by default                                  |
| `sim.byteport.io/backoff-s`   | first back-off in whole seconds (10), doubled by each restart, at most 300         |
| `sim.byteport.io/exit-code`   | exit code of a crash, instead of the fault's own                                  |
| `sim.byteport.io/message`     | the kubelet's words for an `image` or `config` fault, instead of the usual ones    |

Annotate a live pod, and its replacement is healthy; annotate the template, and the fault comes back. A container at fault
that has a `readinessProbe` never passes it; one without is ready from each start to its next crash, as a kubelet has it,
which a rollout takes for available. Not simulated: Jobs that complete, `restartPolicy: Never`, init containers at fault,
graceful termination, eviction under node pressure.

Comes after `kubelet.py`, which has the templates, and before `simulation.py`, which puts the stages into kwok's
configuration. A selector is a jq expression over the pod; a stage that no longer matches is dropped.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from byteport.sandbox.controlplane import kubelet
from byteport.sandbox.controlplane.kubelet import attempted, repeated, status

JSON = dict[str, Any]


class Fault(StrEnum):
    """What goes wrong with a simulated container, as the value of `FAULT_ANNOTATION`."""

    TRANSIENT = "transient"
    """Exits 1 again and again. Meant for a live pod, whose replacement is then healthy."""
    CRASH = "crash"
    """Exits 1 again and again. Meant for a template, so that every pod of the release does."""
    OOM = "oom"
    """Killed for memory: exit code 137, reason OOMKilled."""
    LIVENESS = "liveness"
    """Killed by its liveness probe: exit code 137, reason Error, and the probe's events."""
    IMAGE = "image"
    """Its image cannot be pulled: ErrImagePull and ImagePullBackOff in turn."""
    CONFIG = "config"
    """A key of its ConfigMap is missing: CreateContainerConfigError."""
    PROBE = "probe"
    """Runs, but its readiness probe fails."""
    HELD = "held"
    """Does nothing by itself: whoever asks for it writes the pod's status, as its kubelet would."""


FAULT_ANNOTATION = "sim.byteport.io/fault"
CONTAINER_ANNOTATION = "sim.byteport.io/container"
BACKOFF_ANNOTATION = "sim.byteport.io/backoff-s"
EXIT_CODE_ANNOTATION = "sim.byteport.io/exit-code"
MESSAGE_ANNOTATION = "sim.byteport.io/message"

READINESS: JSON = {"httpGet": {"path": "/ready", "port": 8080}}
"""A readiness probe, by which a container that crashes is not Ready in between. Its fate says what it would answer."""

NEVER_STARTS = (Fault.IMAGE, Fault.CONFIG, Fault.HELD)
PULLING = ("ErrImagePull", "ImagePullBackOff")

OF_FAULT = f'.metadata.annotations["{FAULT_ANNOTATION}"]'
OF_CONTAINER = (
    f'(.metadata.annotations["{CONTAINER_ANNOTATION}"] // .spec.containers[0].name) as $name '
    "| [.status.containerStatuses[]? | select(.name == $name)][0]"
)
RUNNING_SINCE = OF_CONTAINER + " | .state.running.startedAt"
WAITING_FOR = OF_CONTAINER + " | .state.waiting.reason"
READY = '[.status.conditions[]? | select(.type == "Ready")][0].status'
PULL_AGAIN_AFTER = f'(.metadata.annotations["{BACKOFF_ANNOTATION}"] // "10") + "s"'
# Counted from the exit, so that a change of the pod does not start the back-off again.
RESTART_AT = f"""
((.metadata.annotations["{BACKOFF_ANNOTATION}"] // "10") | tonumber) as $base | {OF_CONTAINER}
| (.lastState.terminated.finishedAt | fromdateiso8601) + 1 + ([$base * pow(2; .restartCount), 300] | min) | todate
"""

IMAGE_PRESENT = repeated("Normal", "Pulled", 'printf "Container image %q already present on machine" $image')
CONTAINER_STARTED = repeated("Normal", "Started", '"Container started"')
UNREADY = repeated("Warning", "Unhealthy", '"Readiness probe failed: HTTP probe failed with statuscode: 503"')
UNALIVE = repeated("Warning", "Unhealthy", '"Liveness probe failed: HTTP probe failed with statuscode: 500"')
KILLING = repeated("Normal", "Killing", 'printf "Container %s failed liveness probe, will be restarted" $target')
BACKS_OFF = repeated("Warning", "BackOff", 'printf "Back-off restarting failed container %s in pod %s" $target $pod')
PULL_REFUSED = [
    status(kubelet.PULL_FAILED),
    attempted("Normal", "Pulling", 'printf "Pulling image %q" $image'),
    attempted("Warning", "Failed", 'printf "Failed to pull image %q: %s" $image $pull'),
    attempted("Warning", "Failed", '"Error: ErrImagePull"'),
]


def pod_stages() -> list[JSON]:
    """Every transition of a simulated pod, as kwok's Stage objects. At most one of them matches a pod at a time."""
    pending, running = wants(".status.phase", "Pending"), wants(".status.phase", "Running")
    no_image, probed = wants(OF_FAULT, Fault.IMAGE), wants(OF_FAULT, Fault.PROBE)
    up, unready = is_set(RUNNING_SINCE), wants_not(READY, "True")
    return [
        _pod_stage(
            "pod-start",
            [pending, wants_not(OF_FAULT, *NEVER_STARTS, Fault.PROBE)],
            [status(kubelet.STARTED), IMAGE_PRESENT, CONTAINER_STARTED],
        ),
        _pod_stage(
            "pod-start-unready",
            [pending, probed],
            [status(kubelet.STARTED), IMAGE_PRESENT, CONTAINER_STARTED, UNREADY],
        ),
        _pod_stage("pod-pull", [pending, no_image, wants_not(WAITING_FOR, *PULLING)], PULL_REFUSED),
        _pod_stage(
            "pod-pull-backoff",
            [pending, no_image, wants(WAITING_FOR, "ErrImagePull")],
            [
                status(kubelet.PULL_BACKS_OFF),
                attempted("Normal", "BackOff", 'printf "Back-off pulling image %q" $image'),
                attempted("Warning", "Failed", '"Error: ImagePullBackOff"'),
            ],
            delay={"durationMilliseconds": 1000},
        ),
        _pod_stage(
            "pod-pull-again",
            [pending, no_image, wants(WAITING_FOR, "ImagePullBackOff")],
            PULL_REFUSED,
            delay={"durationMilliseconds": 10_000, "durationFrom": {"jq": {"expression": PULL_AGAIN_AFTER}}},
        ),
        _pod_stage(
            "pod-misconfigured",
            [pending, wants(OF_FAULT, Fault.CONFIG), wants_not(WAITING_FOR, "CreateContainerConfigError")],
            [status(kubelet.MISCONFIGURED), attempted("Warning", "Failed", 'printf "Error: %s" $config')],
        ),
        _pod_stage(
            "pod-crash",
            [running, wants(OF_FAULT, Fault.TRANSIENT, Fault.CRASH, Fault.OOM), up],
            [status(kubelet.CRASHED), BACKS_OFF],
            delay={"durationMilliseconds": 1000},
        ),
        _pod_stage(
            "pod-unalive",
            [running, wants(OF_FAULT, Fault.LIVENESS), up],
            [status(kubelet.CRASHED), UNALIVE, KILLING, BACKS_OFF],
            delay={"durationMilliseconds": 1000},
        ),
        _pod_stage(
            "pod-restart",
            [running, wants(WAITING_FOR, "CrashLoopBackOff")],
            [status(kubelet.RUNS), IMAGE_PRESENT, CONTAINER_STARTED],
            delay={"durationMilliseconds": 10_000, "durationFrom": {"jq": {"expression": RESTART_AT}}},
        ),
        _pod_stage(
            "pod-probe",
            [running, probed, up, wants(READY, "True")],
            [status(kubelet.PROBED), UNREADY],
            delay={"durationMilliseconds": 500},
        ),
        _pod_stage(
            "pod-heal",
            [running, is_unset(OF_FAULT), up, unready],
            [status(kubelet.PROBED)],
            delay={"durationMilliseconds": 500},
        ),
        stage("pod-delete", "Pod", [is_set(".metadata.deletionTimestamp")], [{"delete": True}]),
    ]


def wants(expression: str, *values: str) -> JSON:
    """Selects what the jq expression gives one of the values for."""
    return {"jq": {"key": expression, "operator": "In", "values": [str(value) for value in values]}}


def wants_not(expression: str, *values: str) -> JSON:
    """Selects what it gives another value for, or none."""
    return {"jq": {"key": expression, "operator": "NotIn", "values": [str(value) for value in values]}}


def is_set(expression: str) -> JSON:
    """Selects what it gives anything for."""
    return {"jq": {"key": expression, "operator": "Exists"}}


def is_unset(expression: str) -> JSON:
    """Selects what it gives nothing for."""
    return {"jq": {"key": expression, "operator": "DoesNotExist"}}


def _pod_stage(name: str, selects: list[JSON], steps: list[JSON], *, delay: JSON | None = None) -> JSON:
    return stage(name, "Pod", [is_unset(".metadata.deletionTimestamp"), *selects], steps, delay=delay)


def stage(name: str, kind: str, selects: list[JSON], steps: list[JSON], *, delay: JSON | None = None) -> JSON:
    """One Stage of a core object; without `delay` it happens at once."""
    spec: JSON = {
        "resourceRef": {"apiGroup": "v1", "kind": kind},
        "weight": 1,
        "selector": {"matchExpressions": selects},
        "steps": steps,
    }
    if delay:
        spec["delay"] = delay
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": name}, "spec": spec}
