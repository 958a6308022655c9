"""One namespace with a Deployment `web`, on the simulated cluster or the real control plane, and its administrator.

What the agent wrote there is told by the cluster, never by the agent: by the simulation's list of writes through the
port, or by the API server's own audit log. Comes after `stops.py`; `simulated.py` and `real.py` are the two.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from activities.clock import Clock
from byteport.boundary.choices import Choices
from byteport.domain.targets import Target
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.port import ClusterPort
from byteport.sandbox.controlplane import BACKOFF_ANNOTATION, FAULT_ANNOTATION, READINESS
from tests.agent.stops import Stops

JSON = dict[str, Any]
Found = TypeVar("Found")

APP = "web"
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.05
PROGRESS_DEADLINE_SECONDS = 2
RESTARTS = 3


class Write(NamedTuple):
    """One write of the agent that took effect."""

    at: datetime
    verb: str
    name: str
    audit_id: str


async def eventually(what: str, look: Callable[[], Awaitable[Found | None]], within: float = PATIENCE_SECONDS) -> Found:
    """What `look` gives, once it gives something true. Fails naming `what` when it takes too long."""
    end = time.monotonic() + within
    while True:
        if found := await look():
            return found
        assert time.monotonic() < end, f"waited {within:.0f} s in vain for {what}"
        await asyncio.sleep(LOOK_SECONDS)


class Place(ABC):
    """See the module. The administrator's hands never go through what the agent uses."""

    def __init__(self, namespace: str, uid: str, stops: Stops, clock: Clock) -> None:
        self.namespace = namespace
        self.uid = uid
        self.stops = stops
        self.replicas = 3
        self.clock = clock
        """The cluster's time, and that of everybody who works on it."""
        self._labelled: list[tuple[datetime, bool]] = []

    # -- the administrator ------------------------------------------------------------------------------------------

    async def enable(self, *, enabled: bool = True) -> None:
        """Give the namespace to the agent, or take its label away, which alone must stop everything."""
        if not enabled:
            self._labelled.append((self.clock(), False))
        await self._label({ENABLED_LABEL: "true" if enabled else None})
        if enabled:
            self._labelled.append((self.clock(), True))

    def was_enabled(self, at: datetime) -> bool:
        said = [enabled for when, enabled in self._labelled if when <= at]
        return bool(said) and said[-1]

    async def release(self, version: int, *, fault: str | None = None) -> None:
        """The first release of `web`, or the next one, in `self.replicas` pods."""
        fate = {FAULT_ANNOTATION: fault, BACKOFF_ANNOTATION: "1"} if fault else {}
        labels = {"app": APP}
        template = {
            "metadata": {"labels": labels, "annotations": fate},
            "spec": {
                "containers": [{"name": APP, "image": f"registry.example/{APP}:{version}", "readinessProbe": READINESS}]
            },
        }
        await self.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": APP, "namespace": self.namespace, "labels": labels},
                "spec": {
                    "replicas": self.replicas,
                    "progressDeadlineSeconds": PROGRESS_DEADLINE_SECONDS,
                    "selector": {"matchLabels": labels},
                    "template": template,
                },
            }
        )

    async def restart_into(self, fault: str) -> None:
        """`kubectl rollout restart`: nothing but annotations changes, and what comes up has this fault."""
        item = await self.deployment()
        annotations = item["spec"]["template"]["metadata"].setdefault("annotations", {})
        annotations |= {"kubectl.kubernetes.io/restartedAt": "2030-01-01T00:00:00Z"}
        annotations |= {FAULT_ANNOTATION: fault, BACKOFF_ANNOTATION: "1"}
        await self.apply({key: item[key] for key in ("apiVersion", "kind", "metadata", "spec")})
        await self._past_deadline()

    async def serves(self) -> None:
        """Wait until the newest release is all there is, and available."""

        async def look() -> bool:
            item = await self.deployment()
            status = item.get("status") or {}
            counts = {status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")}
            seen = status.get("observedGeneration") == item["metadata"]["generation"]
            return bool(seen and counts == {item["spec"]["replicas"]})

        await eventually("web to serve", look)

    async def is_rolling_out(self) -> None:
        """Wait until the newest release has a pod."""

        async def look() -> bool:
            item = await self.deployment()
            status = item.get("status") or {}
            seen = status.get("observedGeneration") == item["metadata"]["generation"]
            return bool(seen and status.get("updatedReplicas"))

        await eventually("web to roll out", look)

    async def healthy(self, *, replicas: int = 3) -> None:
        """An enabled namespace with a Deployment that serves."""
        self.replicas = replicas
        await self.enable()
        await self.release(1)
        await self.serves()

    async def a_pod_begins_to_crash(self, *, backoff_seconds: int = 1) -> str:
        """The oldest pod fails by itself; what replaces it is healthy. Gives its name.

        A younger one than all its siblings would be taken for one that never worked.
        """
        oldest = min(await self.pods(), key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))
        victim = str(oldest["metadata"]["name"])
        await self.annotate_pod(victim, {FAULT_ANNOTATION: "transient", BACKOFF_ANNOTATION: str(backoff_seconds)})
        return victim

    async def one_pod_crashes(self) -> str:
        """The same, once it is in a crash loop."""
        victim = await self.a_pod_begins_to_crash()

        async def look() -> bool:
            for pod in await self.pods():
                if pod["metadata"]["name"] == victim:
                    (status,) = pod["status"]["containerStatuses"]
                    waits = (status["state"].get("waiting") or {}).get("reason") == "CrashLoopBackOff"
                    return waits and status["restartCount"] >= RESTARTS
            return False

        await self.elapse(60)
        await eventually("a crash loop", look)
        return victim

    async def a_release_fails(self, version: int = 2) -> None:
        """The next release never serves, and its deadline has passed."""
        await self.release(version, fault="crash")
        await self._past_deadline()

    async def _past_deadline(self) -> None:
        async def look() -> bool:
            conditions = ((await self.deployment()).get("status") or {}).get("conditions") or []
            return any(one.get("reason") == "ProgressDeadlineExceeded" for one in conditions)

        await self.elapse(60)
        await eventually("a release to be past its deadline", look)

    async def target(self) -> Target:
        uid = (await self.deployment())["metadata"]["uid"]
        return Target(cluster_uid=self.uid, namespace=self.namespace, kind="Deployment", name=APP, uid=uid)

    async def image(self) -> str:
        """The tag that the Deployment's template names."""
        item = await self.deployment()
        return str(item["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]

    @abstractmethod
    async def elapse(self, seconds: float) -> None:
        """Where the cluster's time can be turned, turn it on; elsewhere whoever waits looks again."""

    @abstractmethod
    async def elapse_to_present(self) -> None:
        """What the administrator did lies in the past; the agent's time is now."""

    @abstractmethod
    async def apply(self, item: JSON) -> None:
        """Create or change one object."""

    @abstractmethod
    async def annotate_pod(self, name: str, annotations: Mapping[str, str | None]) -> None: ...

    @abstractmethod
    async def pause(self) -> None:
        """`kubectl rollout pause`."""

    @abstractmethod
    async def remove(self) -> None:
        """Delete the Deployment, and wait until it is gone."""

    @abstractmethod
    async def remove_history(self) -> None:
        """Delete the ReplicaSets of earlier revisions."""

    @abstractmethod
    async def deployment(self) -> JSON: ...

    @abstractmethod
    async def pods(self) -> list[JSON]:
        """The pods of `web` that are not being deleted."""

    @abstractmethod
    async def _label(self, labels: dict[str, str | None]) -> None: ...

    # -- what the agent has, and what it did ------------------------------------------------------------------------

    kubeconfig: Path | None = None
    """The agent's credential, where there is one."""
    choices: Choices | None = None
    """What the API server holds it to; None where there is none that does."""

    @property
    def simulated(self) -> ClusterPort | None:
        """The agent's port, where there is no credential."""
        return None

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Time passes in the cluster while inside; a real one lives by itself."""
        yield

    @abstractmethod
    def writes(self) -> list[Write]:
        """Each of the agent's writes that took effect, oldest first."""

    @abstractmethod
    def audit_lines(self) -> list[bytes]:
        """The API server's audit log since this place began, one event a line."""
