"""A place on the real control plane: a namespace of the test's own, and the agent's own account with a token of its pod.

The boundary is in force there as an installation has it: policies, roles, and nothing but what `byteport enable` gives.
Comes after `places.py` and `gateway.py`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from activities.clock import utc_now
from byteport.boundary.choices import Choices
from byteport.boundary.names import CEILINGS, ENABLED_LABEL, NAMESPACE, ROLLBACK_ALLOWED, ROLLBACK_LABEL
from byteport.domain.ceilings import ALL, Ceiling, Sight
from byteport.domain.policy import Mode
from byteport.kubernetes.port import NO_POD
from byteport.sandbox.controlplane import AGENT_USER, BACKOFF_ANNOTATION, WRITES, ApiRefused, ControlPlane
from tests.agent.gateway import Gateway
from tests.agent.places import APP, JSON, Place, Write
from tests.agent.stops import Stops
from tests.cluster.workloads import Namespace

ASKING_ONLY = ("selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews")
MERGE = "application/merge-patch+json"
NAMESPACED = Choices(helper=True)
"""As an installation has it by default, and with the node helper."""
CLUSTER_WIDE = Choices(helper=True, sight=Sight.CLUSTER)
"""Where who else is on a node counts."""
WIDEST = Ceiling(mode=Mode.AUTO, rollback=(ALL,), hpa=(ALL,))
"""What each namespace is given: how far the agent goes there is for the test's own policy to say."""
QUIET_SECONDS = 60
"""A first back-off that leaves a pod which has crashed a few times alone for longer than any test lasts."""
NOT_FOUND = 404


class RealPlace(Place):
    """On the real control plane; `kubeconfig` is of the agent's own ServiceAccount, perhaps by way of a gateway."""

    def __init__(
        self, plane: ControlPlane, kubeconfig: Path, namespace: str, stops: Stops, choices: Choices = NAMESPACED
    ) -> None:
        uid = plane.api.call("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
        super().__init__(namespace, uid, stops, utc_now)
        self.kubeconfig = kubeconfig
        self.choices = choices
        self.plane = plane
        self._since = plane.audit_position()

    async def elapse(self, seconds: float) -> None:
        """Time is real."""

    async def elapse_to_present(self) -> None:
        """It is now."""

    async def apply(self, item: JSON) -> None:
        """As kubectl's client-side apply would: server-side apply would own the template.

        Its owner lets it be rolled back.
        """
        labels = {**item["metadata"].get("labels", {}), ROLLBACK_LABEL: ROLLBACK_ALLOWED}
        plain = {**item, "metadata": {**item["metadata"], "namespace": self.namespace, "labels": labels}}
        try:
            path = f"{self._deployments}/{item['metadata']['name']}"
            now = await self._call("GET", path)
        except ApiRefused as error:
            if error.status != NOT_FOUND:
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

    async def one_pod_crashes(self) -> str:
        """Once it is in a crash loop its back-off becomes long: else its kubelet writes to it again in a few seconds, and
        on a busy machine just under the agent's delete, which is then refused (409) and asked for anew."""
        victim = await super().one_pod_crashes()
        await self.annotate_pod(victim, {BACKOFF_ANNOTATION: str(QUIET_SECONDS)})
        return victim

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
        if labels.get(ENABLED_LABEL) == "true":
            await asyncio.to_thread(self.plane.enable, self.namespace, WIDEST)
        else:
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

    def audit_lines(self) -> list[bytes]:
        with self.plane.audit_log.open("rb") as log:
            log.seek(self._since)
            return [line for line in log if line.endswith(b"\n")]

    def attempts(self) -> list[JSON]:
        """Every request of the agent that would change something, refused ones too, as the API server logged it."""
        return [
            event
            for event in self.plane.audit_events(user=AGENT_USER, verbs=WRITES, since=self._since)
            if event["objectRef"]["resource"] not in ASKING_ONLY
            and "dryRun=All" not in event["requestURI"]
            and event["objectRef"].get("name") != NO_POD
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


@asynccontextmanager
async def directly(plane: ControlPlane, choices: Choices = NAMESPACED) -> AsyncIterator[RealPlace]:
    """The agent speaks to the API server itself."""
    async with _namespace(plane) as namespace:
        kubeconfig = await asyncio.to_thread(plane.agent_kubeconfig, choices)
        yield RealPlace(plane, kubeconfig, namespace, Stops(), choices)


@asynccontextmanager
async def through_a_gateway(plane: ControlPlane, folder: Path) -> AsyncIterator[RealPlace]:
    """The agent's requests can be held and lost."""
    kubeconfig = await asyncio.to_thread(plane.agent_kubeconfig, NAMESPACED)
    async with _namespace(plane) as namespace, Gateway(plane, kubeconfig, folder).open() as gateway:
        yield RealPlace(plane, gateway.kubeconfig, namespace, gateway.stops)


@asynccontextmanager
async def _namespace(plane: ControlPlane) -> AsyncIterator[str]:
    """Its nodes have no past: what others have told of them would be held against them here, for minutes."""
    await asyncio.to_thread(plane.kubectl, "delete", "events", "--all", "--namespace=default")
    namespace = Namespace(plane, f"test-{secrets.token_hex(4)}")
    await asyncio.to_thread(namespace.create)
    try:
        yield namespace.name
    finally:
        await asyncio.to_thread(forget, plane, namespace.name)
        await asyncio.to_thread(namespace.delete)


def forget(plane: ControlPlane, namespace: str) -> None:
    """Take the namespace's name from the agent, before it is deleted with everything that was given in it."""
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CEILINGS}"
    try:
        plane.api.call("PATCH", path, {"data": {namespace: None}}, content_type=MERGE)
    except ApiRefused as error:
        if error.status != NOT_FOUND:
            raise
