"""What a simulated kubelet writes of a pod: its status, in the words of Kubernetes 1.37's own.

The same shapes as the templates of `byteport/sandbox/controlplane/kubelet.py`; one suite compares the two. Comes
before `sayings.py` (its events) and `kubelet.py`, which says when each of these steps is taken. A step is given the
pod as it was when its stage began.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from byteport.kubernetes.port import PODS
from byteport.sandbox.controlplane.stages import (
    BACKOFF_ANNOTATION,
    CONTAINER_ANNOTATION,
    EXIT_CODE_ANNOTATION,
    FAULT_ANNOTATION,
    MESSAGE_ANNOTATION,
    Fault,
)
from byteport.sandbox.simulated.clocks import stamp
from byteport.sandbox.simulated.conditions import set_condition
from byteport.sandbox.simulated.refusals import NotModelled
from byteport.sandbox.simulated.store import Store

JSON = dict[str, Any]

PULLING = ("ErrImagePull", "ImagePullBackOff")
KILLED = {Fault.OOM, Fault.LIVENESS}
LONGEST_BACKOFF = 300


class Pod:
    """A pod with the facts of its fate: which container is at fault, how, and what it says of itself now."""

    def __init__(self, item: JSON) -> None:
        self.item = item
        annotations: dict[str, str] = item["metadata"].get("annotations") or {}
        containers: list[JSON] = item["spec"]["containers"]
        named: str | None = annotations.get(FAULT_ANNOTATION)
        if named is not None and named not in set(Fault):
            raise NotModelled(f"the fault {named!r}")
        self.fault = None if named is None else Fault(named)
        self.target: str = annotations.get(CONTAINER_ANNOTATION) or containers[0]["name"]
        spec = next((one for one in containers if one["name"] == self.target), {})
        self.image: str = spec.get("image", "")
        self.fails_readiness = self.fault is Fault.PROBE or (self.fault is not None and "readinessProbe" in spec)
        """Not ready while it runs. Without a readiness probe a kubelet takes running for ready, until it crashes."""
        self.first_backoff_seconds = int(annotations.get(BACKOFF_ANNOTATION, "10"))
        self.exit_code = int(annotations.get(EXIT_CODE_ANNOTATION, "137" if self.fault in KILLED else "1"))
        self.words = annotations.get(MESSAGE_ANNOTATION, "")

    @property
    def phase(self) -> str:
        found: str = self.item["status"].get("phase", "Pending")
        return found

    @property
    def status_of_target(self) -> JSON:
        statuses: list[JSON] = self.item["status"].get("containerStatuses") or []
        return next((status for status in statuses if status["name"] == self.target), {})

    @property
    def state(self) -> JSON:
        return self.status_of_target.get("state") or {}

    @property
    def waits_for(self) -> str:
        found: str = self.state.get("waiting", {}).get("reason", "")
        return found

    @property
    def restarts(self) -> int:
        return int(self.status_of_target.get("restartCount", 0))

    @property
    def backoff_seconds(self) -> int:
        """The kubelet's: doubled by each restart, at most five minutes."""
        return int(min(self.first_backoff_seconds * 2 ** min(self.restarts, 10), LONGEST_BACKOFF))

    @property
    def full_name(self) -> str:
        metadata = self.item["metadata"]
        return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"

    @property
    def pull_words(self) -> str:
        return self.words or (
            f'rpc error: code = NotFound desc = failed to pull and unpack image "{self.image}": '
            f'failed to resolve reference "{self.image}": {self.image}: not found'
        )

    @property
    def config_words(self) -> str:
        namespace = self.item["metadata"]["namespace"]
        return self.words or f"couldn't find key LOG_LEVEL in ConfigMap {namespace}/app-config"


def started(store: Store, pod: Pod, now: datetime) -> None:
    _write(store, pod, now, _running(pod, now), ready=not pod.fails_readiness, phase="Running")


def runs(store: Store, pod: Pod, now: datetime) -> None:
    _write(store, pod, now, _running(pod, now), ready=not pod.fails_readiness)


def pull_failed(store: Store, pod: Pod, now: datetime) -> None:
    _write(store, pod, now, _waiting(pod, "ErrImagePull", pod.pull_words), ready=False, phase="Pending")


def pull_backs_off(store: Store, pod: Pod, now: datetime) -> None:
    message = f'Back-off pulling image "{pod.image}": ErrImagePull: {pod.pull_words}'
    _write(store, pod, now, _waiting(pod, "ImagePullBackOff", message), ready=False, phase="Pending")


def misconfigured(store: Store, pod: Pod, now: datetime) -> None:
    status = _waiting(pod, "CreateContainerConfigError", pod.config_words)
    _write(store, pod, now, status, ready=False, phase="Pending")


def crashed(store: Store, pod: Pod, now: datetime) -> None:
    before = pod.status_of_target
    terminated = {
        "exitCode": pod.exit_code,
        "reason": "OOMKilled" if pod.fault is Fault.OOM else "Error",
        "startedAt": before["state"]["running"]["startedAt"],
        "finishedAt": stamp(now),
        "containerID": before["containerID"],
    }
    message = f"back-off {pod.backoff_seconds}s restarting failed container={pod.target} pod={pod.full_name}"
    status = before | {
        "ready": False,
        "started": False,
        "lastState": {"terminated": terminated},
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": message}},
    }
    _write(store, pod, now, status, ready=False)


def probed(store: Store, pod: Pod, now: datetime) -> None:
    ready = pod.fault is not Fault.PROBE
    _write(store, pod, now, pod.status_of_target | {"ready": ready, "started": True}, ready=ready)


def _running(pod: Pod, now: datetime) -> JSON:
    last = pod.status_of_target.get("lastState") or {}
    ready = not pod.fails_readiness
    return {
        "name": pod.target,
        "image": pod.image,
        "imageID": f"sim://{pod.image}",
        "containerID": f"sim://{uuid.uuid4()}",
        "ready": ready,
        "started": ready or pod.fault is Fault.PROBE,
        "restartCount": pod.restarts + 1 if last else 0,
        "lastState": last,
        "state": {"running": {"startedAt": stamp(now)}},
    }


def _waiting(pod: Pod, reason: str, message: str) -> JSON:
    return {
        "name": pod.target,
        "image": pod.image,
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "lastState": {},
        "state": {"waiting": {"reason": reason, "message": message}},
    }


def _other(container: JSON, before: dict[str, JSON], now: datetime) -> JSON:
    """A container that is not at fault: running and ready, as it already is or from now on."""
    return before.get(container["name"]) or {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"sim://{container['image']}",
        "containerID": f"sim://{uuid.uuid4()}",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "lastState": {},
        "state": {"running": {"startedAt": stamp(now)}},
    }


def _initialised(container: JSON, now: datetime) -> JSON:
    at = stamp(now)
    sidecar = container.get("restartPolicy") == "Always"
    done = {"exitCode": 0, "reason": "Completed", "startedAt": at, "finishedAt": at}
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"sim://{container['image']}",
        "containerID": f"sim://{uuid.uuid4()}",
        "ready": True,
        "started": sidecar,
        "restartCount": 0,
        "lastState": {},
        "state": {"running": {"startedAt": at}} if sidecar else {"terminated": done},
    }


def initialised_again(store: Store, item: JSON, now: datetime) -> None:
    """The init containers of a pod that lives, run once more because the kubelet no longer finds them stopped."""
    current = store.find(PODS, item["metadata"]["namespace"], item["metadata"]["name"])
    assert current is not None
    with store.edited(current) as draft:
        before = {one["name"]: one for one in draft["status"].get("initContainerStatuses") or []}
        draft["status"]["initContainerStatuses"] = [
            before[container["name"]]
            if container.get("restartPolicy") == "Always" and container["name"] in before
            else {
                **_initialised(container, now),
                "restartCount": before.get(container["name"], {}).get("restartCount", 0) + 1,
            }
            for container in draft["spec"]["initContainers"]
        ]


def restarted_by_reboot(store: Store, item: JSON, now: datetime) -> None:
    """Every running container of a pod, started once more after its node went down: exit code 255, reason Unknown."""
    with store.edited(item) as draft:
        for status in draft["status"]["containerStatuses"]:
            running = (status.get("state") or {}).get("running")
            if not running:
                continue
            ended = {"exitCode": 255, "reason": "Unknown", "startedAt": running["startedAt"], "finishedAt": stamp(now)}
            status |= {
                "restartCount": status["restartCount"] + 1,
                "lastState": {"terminated": {**ended, "containerID": status["containerID"]}},
                "containerID": f"sim://{uuid.uuid4()}",
                "state": {"running": {"startedAt": stamp(now)}},
            }


def _write(store: Store, pod: Pod, now: datetime, target: JSON, *, ready: bool, phase: str = "") -> None:
    metadata, spec = pod.item["metadata"], pod.item["spec"]
    current = store.find(PODS, metadata["namespace"], metadata["name"])
    assert current is not None
    with store.edited(current) as draft:
        status = draft["status"]
        if phase:
            octets = uuid.UUID(metadata["uid"]).bytes
            status |= {
                "phase": phase,
                "hostIP": "127.0.0.1",
                "hostIPs": [{"ip": "127.0.0.1"}],
                "podIP": f"10.0.{octets[0]}.{octets[1]}",
                "podIPs": [{"ip": f"10.0.{octets[0]}.{octets[1]}"}],
                "startTime": status.get("startTime", stamp(now)),
            }
            if spec.get("initContainers") and "initContainerStatuses" not in status:
                status["initContainerStatuses"] = [_initialised(c, now) for c in spec["initContainers"]]
        for type_ in ("PodReadyToStartContainers", "Initialized"):
            set_condition(status, type_, "True", stamp(now), probed=True)
        for type_ in ("ContainersReady", "Ready"):
            if ready:
                set_condition(status, type_, "True", stamp(now), probed=True)
            else:
                words = f"containers with unready status: [{pod.target}]"
                set_condition(
                    status, type_, "False", stamp(now), reason="ContainersNotReady", message=words, probed=True
                )
        before = {item["name"]: item for item in status.get("containerStatuses") or []}
        status["containerStatuses"] = [
            target if container["name"] == pod.target else _other(container, before, now)
            for container in spec["containers"]
        ]
