"""The life of a pod on a simulated node: its fate is chosen by annotations, the same as on the real control plane's.

What the annotations mean stands in `byteport/sandbox/controlplane/stages.py`, whose stages these are: at most one
fits a pod at a time, each begins when the pod first fits, and one that fits no more is dropped. (Only an image is
pulled again as the kubelet does it, at ever longer intervals, where those stages keep to the first.) Comes after
`statuses.py` and `sayings.py`, which write what a pod is and says; before `simulation.py`, which lets the time pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from byteport.kubernetes.port import PODS
from byteport.sandbox.controlplane.stages import Fault
from byteport.sandbox.simulated import sayings, statuses
from byteport.sandbox.simulated.clocks import instant
from byteport.sandbox.simulated.conditions import is_true
from byteport.sandbox.simulated.statuses import LONGEST_BACKOFF, Pod
from byteport.sandbox.simulated.store import Store

JSON = dict[str, Any]
Step = Callable[[Store, Pod, datetime], None]

CRASHES = {Fault.TRANSIENT, Fault.CRASH, Fault.OOM}
NEVER_STARTS = {Fault.IMAGE, Fault.CONFIG, Fault.HELD}
START = timedelta(milliseconds=300)


@dataclass(frozen=True)
class Stage:
    """One transition: which pods it fits, how long it waits, and what happens then."""

    name: str
    fits: Callable[[Pod], bool]
    steps: tuple[Step, ...]
    after: timedelta = timedelta(0)
    at: Callable[[Pod], datetime] | None = None
    """When it happens, where that follows from the pod itself and not from when the pod first fitted."""


def _restart_at(pod: Pod) -> datetime:
    """Counted from the exit, so that a change of the pod does not start the back-off again."""
    finished = instant(pod.status_of_target["lastState"]["terminated"]["finishedAt"])
    return finished + timedelta(seconds=1 + pod.backoff_seconds)


def _pending(pod: Pod) -> bool:
    return pod.phase == "Pending"


def _up(pod: Pod) -> bool:
    return pod.phase == "Running" and "running" in pod.state


def _ready(pod: Pod) -> bool:
    return is_true(pod.item["status"], "Ready")


STAGES = (
    Stage(
        "start",
        lambda pod: _pending(pod) and pod.fault not in NEVER_STARTS | {Fault.PROBE},
        (statuses.started, sayings.image_present, sayings.container_started),
        after=START,
    ),
    Stage(
        "start-unready",
        lambda pod: _pending(pod) and pod.fault == Fault.PROBE,
        (statuses.started, sayings.image_present, sayings.container_started, sayings.unready),
        after=START,
    ),
    Stage(
        "pull",
        lambda pod: _pending(pod) and pod.fault == Fault.IMAGE and pod.waits_for not in statuses.PULLING,
        (statuses.pull_failed, sayings.pull_refused),
        after=START,
    ),
    Stage(
        "pull-backoff",
        lambda pod: _pending(pod) and pod.fault == Fault.IMAGE and pod.waits_for == "ErrImagePull",
        (statuses.pull_backs_off, sayings.pull_backed_off),
        after=timedelta(seconds=1),
    ),
    Stage(
        "pull-again",
        lambda pod: _pending(pod) and pod.fault == Fault.IMAGE and pod.waits_for == "ImagePullBackOff",
        (statuses.pull_failed, sayings.pull_refused),
        after=timedelta(seconds=10),
    ),
    Stage(
        "misconfigured",
        lambda pod: _pending(pod) and pod.fault == Fault.CONFIG and pod.waits_for != "CreateContainerConfigError",
        (statuses.misconfigured, sayings.config_refused),
        after=START,
    ),
    Stage(
        "crash",
        lambda pod: _up(pod) and pod.fault in CRASHES,
        (statuses.crashed, sayings.backs_off),
        after=timedelta(seconds=1),
    ),
    Stage(
        "unalive",
        lambda pod: _up(pod) and pod.fault == Fault.LIVENESS,
        (statuses.crashed, sayings.unalive, sayings.killing, sayings.backs_off),
        after=timedelta(seconds=1),
    ),
    Stage(
        "restart",
        lambda pod: pod.phase == "Running" and pod.waits_for == "CrashLoopBackOff",
        (statuses.runs, sayings.image_present, sayings.container_started),
        at=_restart_at,
    ),
    Stage(
        "probe",
        lambda pod: _up(pod) and pod.fault == Fault.PROBE and _ready(pod),
        (statuses.probed, sayings.unready),
        after=timedelta(milliseconds=500),
    ),
    Stage(
        "heal",
        lambda pod: _up(pod) and pod.fault is None and not _ready(pod),
        (statuses.probed,),
        after=timedelta(milliseconds=500),
    ),
)


class Kubelet:
    """The kubelets of all nodes. `due` is when the next pod changes by itself."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._timers: dict[str, tuple[str, datetime]] = {}
        self._pulls: dict[str, int] = {}

    @property
    def due(self) -> datetime | None:
        return min((due for _, due in self._timers.values()), default=None)

    def sync(self, now: datetime) -> None:
        """Let happen what is due, and note what will be."""
        timers: dict[str, tuple[str, datetime]] = {}
        for item in self._store.all(PODS):
            if item["metadata"].get("deletionTimestamp"):
                self._terminate(item)
                continue
            if not item["spec"].get("nodeName"):
                continue
            pod = Pod(item)
            stage = next((stage for stage in STAGES if stage.fits(pod)), None)
            if stage is None:
                continue
            uid = item["metadata"]["uid"]
            name, due = self._timers.get(uid, ("", now))
            if name != stage.name:
                due = stage.at(pod) if stage.at else now + self._wait(stage, pod)
            if due > now:
                timers[uid] = (stage.name, due)
                continue
            for step in stage.steps:
                step(self._store, pod, now)
        self._timers = timers

    def _terminate(self, item: JSON) -> None:
        """Simulated containers stop at once; a finalizer keeps the object."""
        metadata = item["metadata"]
        if not metadata.get("finalizers"):
            self._store.remove(PODS, metadata["namespace"], metadata["name"])

    def _wait(self, stage: Stage, pod: Pod) -> timedelta:
        if stage.name != "pull-again":
            return stage.after
        uid = pod.item["metadata"]["uid"]
        self._pulls[uid] = tried = self._pulls.get(uid, 0) + 1
        return timedelta(seconds=min(pod.first_backoff_seconds * 2 ** min(tried - 1, 10), LONGEST_BACKOFF))
