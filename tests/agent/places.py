"""One namespace with a Deployment `web`, on the simulated cluster or the real control plane, and its administrator.

What the agent wrote there is told by the cluster, never by the agent: by the simulation's list of writes through the
port, or by the API server's own audit log. Comes after `stops.py`; `running.py` puts an agent beside it.
"""

from __future__ import annotations

import asyncio
import copy
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from activities.clock import Clock, utc_now
from byteport.domain.targets import Target
from byteport.kubernetes import port
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.port import ClusterPort
from byteport.sandbox.controlplane import (
    AGENT_USER,
    BACKOFF_ANNOTATION,
    FAULT_ANNOTATION,
    WRITES,
    ApiRefused,
    ControlPlane,
)
from tests.agent.between import HeldCluster
from tests.agent.stops import Stops
from tests.workflows.clock import FollowingClock

JSON = dict[str, Any]
Found = TypeVar("Found")

APP = "web"
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.05
PROGRESS_DEADLINE_SECONDS = 2
RESTARTS = 3
PAST = timedelta(hours=2)
ASKING_ONLY = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")
MERGE = "application/merge-patch+json"


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
        """Write the namespace's label, or take it away."""
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
            "spec": {"containers": [{"name": APP, "image": f"registry.example/{APP}:{version}"}]},
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
        """One live pod fails by itself; what replaces it is healthy. Gives its name."""
        victim = str((await self.pods())[0]["metadata"]["name"])
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


class SimulatedPlace(Place):
    """On the simulated cluster, which has lived for a while and whose time can be turned on."""

    clock: FollowingClock

    def __init__(self, namespace: str = "shop") -> None:
        clock = FollowingClock(PAST)
        self.cluster = HeldCluster(clock)
        super().__init__(namespace, self.cluster.uid, self.cluster.stops, clock)

    async def healthy(self, *, replicas: int = 3) -> None:
        await super().healthy(replicas=replicas)
        await self.elapse(3600)

    async def elapse(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.cluster.tick()

    async def elapse_to_present(self) -> None:
        self.clock.to_present()
        self.cluster.tick()

    @property
    def simulated(self) -> ClusterPort:
        return self.cluster

    @asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        life = asyncio.create_task(self.cluster.run())
        try:
            yield
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)

    async def apply(self, item: JSON) -> None:
        await self.cluster.apply(item)

    async def annotate_pod(self, name: str, annotations: Mapping[str, str | None]) -> None:
        await self.cluster.annotate_pod(self.namespace, name, annotations)

    async def pause(self) -> None:
        await self.cluster.pause(f"{self.namespace}/{APP}")

    async def remove(self) -> None:
        await self.cluster.remove(port.DEPLOYMENTS, self.namespace, APP)

    async def remove_history(self) -> None:
        for item in self.cluster._store.all(port.REPLICA_SETS, self.namespace):
            if not item["spec"]["replicas"]:
                await self.cluster.remove(port.REPLICA_SETS, self.namespace, item["metadata"]["name"])

    async def deployment(self) -> JSON:
        return copy.deepcopy(self.cluster._existing(port.DEPLOYMENTS, self.namespace, APP))

    async def pods(self) -> list[JSON]:
        self.cluster.tick()
        items = self.cluster._store.all(port.PODS, self.namespace)
        return [copy.deepcopy(pod) for pod in items if "deletionTimestamp" not in pod["metadata"]]

    async def _label(self, labels: dict[str, str | None]) -> None:
        await self.cluster.label_namespace(self.namespace, labels)

    def writes(self) -> list[Write]:
        return [Write(one.at, one.verb, one.name, one.by.audit_id) for one in self.cluster.mutations()]


class RealPlace(Place):
    """On the real control plane; `kubeconfig` is of the agent's own ServiceAccount, perhaps by way of a gateway."""

    def __init__(self, plane: ControlPlane, kubeconfig: Path, namespace: str, stops: Stops) -> None:
        uid = plane.api.call("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
        super().__init__(namespace, uid, stops, utc_now)
        self.kubeconfig = kubeconfig
        self.plane = plane
        self._since = plane.audit_position()

    async def elapse(self, seconds: float) -> None:
        """Time is real."""

    async def elapse_to_present(self) -> None:
        """It is now."""

    async def apply(self, item: JSON) -> None:
        """As kubectl's client-side apply would: server-side apply would own the template."""
        plain = {**item, "metadata": {**item["metadata"], "namespace": self.namespace}}
        try:
            path = f"{self._deployments}/{item['metadata']['name']}"
            now = await self._call("GET", path)
        except ApiRefused as error:
            if error.status != 404:
                raise
            await self._call("POST", self._deployments, plain)
            return
        plain["metadata"] = {**now["metadata"], **plain["metadata"]}
        await self._call("PUT", path, plain)

    async def annotate_pod(self, name: str, annotations: Mapping[str, str | None]) -> None:
        await self._merge(f"{self._core}/pods/{name}", {"metadata": {"annotations": dict(annotations)}})

    async def annotate_deployment(self, annotations: Mapping[str, str | None]) -> None:
        """Set the Deployment's own annotations; None takes one away."""
        await self._merge(f"{self._deployments}/{APP}", {"metadata": {"annotations": dict(annotations)}})

    async def pause(self) -> None:
        await self._merge(f"{self._deployments}/{APP}", {"spec": {"paused": True}})

    async def remove(self) -> None:
        await asyncio.to_thread(
            self.plane.kubectl, "delete", "deployment", APP, "-n", self.namespace, "--cascade=foreground", "--wait=true"
        )

    async def remove_history(self) -> None:
        sets = f"/apis/apps/v1/namespaces/{self.namespace}/replicasets"
        for item in (await self._call("GET", sets))["items"]:
            if not item["spec"]["replicas"]:
                await self._call("DELETE", f"{sets}/{item['metadata']['name']}")

    async def deployment(self) -> JSON:
        return await self._call("GET", f"{self._deployments}/{APP}")

    async def pods(self) -> list[JSON]:
        found = await self._call("GET", f"{self._core}/pods?labelSelector=app%3D{APP}")
        return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]

    async def _label(self, labels: dict[str, str | None]) -> None:
        await self._merge(self._core, {"metadata": {"labels": labels}})

    def writes(self) -> list[Write]:
        return [
            Write(
                datetime.fromisoformat(event["requestReceivedTimestamp"]),
                event["verb"],
                event["objectRef"]["name"],
                event["auditID"],
            )
            for event in self.attempts()
            if event["responseStatus"]["code"] < 300
        ]

    def attempts(self) -> list[JSON]:
        """Every request of the agent that would change something, refused ones too, as the API server logged it."""
        return [
            event
            for event in self.plane.audit_events(user=AGENT_USER, verbs=WRITES, since=self._since)
            if event["objectRef"]["resource"] not in ASKING_ONLY and "dryRun=All" not in event["requestURI"]
        ]

    @property
    def _core(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}"

    @property
    def _deployments(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments"

    async def _merge(self, path: str, patch: JSON) -> None:
        await self._call("PATCH", path, patch, content_type=MERGE)

    async def _call(
        self, method: str, path: str, body: JSON | None = None, content_type: str = "application/json"
    ) -> JSON:
        return await asyncio.to_thread(self.plane.api.call, method, path, body, content_type=content_type)
