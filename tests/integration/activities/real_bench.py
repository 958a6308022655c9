"""The bench on the real control plane: the worker's credential is the agent's own ServiceAccount, held by the boundary.

It has exactly the rights that the acts declare, in the places where they are granted, so what works here needs no more
than those and passes every policy; and what it wrote is told by the API server's own audit log, not by us.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from activities.clock import utc_now
from activities.kubernetes.client import KubernetesCluster
from byteport.boundary.names import ROLLBACK_ALLOWED, ROLLBACK_LABEL
from byteport.kubernetes import port
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.port import Resource
from byteport.sandbox.controlplane import AGENT_USER, BACKOFF_ANNOTATION, FAULT_ANNOTATION, WRITES, ControlPlane
from tests.agent.real import QUIET_SECONDS, WIDEST
from tests.integration.activities.bench import JSON, Bench
from tests.integration.cluster_port.stages import RealStage

MERGE = "application/merge-patch+json"
READ_BY_WRITING = ("selfsubjectaccessreviews", "selfsubjectrulesreviews")


class RealBench(Bench):
    """See the module. `stage` is the administrator."""

    def __init__(
        self, folder: Path, plane: ControlPlane, cluster: KubernetesCluster, stage: RealStage, uid: str
    ) -> None:
        super().__init__(folder, cluster, uid=uid, home=stage.namespace, clock=utc_now)
        self.set_policy(
            f"mode: auto\nrollback_allowed: [{self.home}/web]\nraise_allowed: [{self.home}/web]\nlog_store_named: true\n"
        )
        self._plane = plane
        self.stage = stage
        self._since = plane.audit_position()

    async def enable(self, name: str, *, enabled: bool = True) -> None:
        if enabled:
            await asyncio.to_thread(self._plane.enable, name, WIDEST)
        else:
            await self._call("PATCH", f"/api/v1/namespaces/{name}", {"metadata": {"labels": {ENABLED_LABEL: None}}})

    async def deploy(self, name: str, image: str, *, fault: str | None = None) -> None:
        await self.stage.deploy(name, image=image, replicas=3, fault=fault or "", progressDeadlineSeconds=5)
        await self._patch_deployment(name, {"metadata": {"labels": {ROLLBACK_LABEL: ROLLBACK_ALLOWED}}})

    async def pause(self, name: str) -> None:
        await self._patch_deployment(name, {"spec": {"paused": True}})

    async def scale(self, name: str, replicas: int) -> None:
        await self._patch_deployment(name, {"spec": {"replicas": replicas}})

    async def remove(self, resource: Resource, name: str) -> None:
        await asyncio.to_thread(
            self._plane.kubectl, "delete", resource.plural, name, "-n", self.home, "--wait=true", "--cascade=foreground"
        )

    async def annotate(self, resource: Resource, name: str, annotations: Mapping[str, str | None]) -> None:
        if resource == port.PODS:
            await self.stage.annotate_pod(name, annotations)
        else:
            await self._patch_deployment(name, {"metadata": {"annotations": dict(annotations)}})

    async def create(self, item: JSON) -> None:
        """Of an autoscaler also its controller's first word, which moves its resourceVersion at once."""
        await self.stage.apply({**item, "metadata": {**item["metadata"], "namespace": self.home}})
        if item["kind"] != "HorizontalPodAutoscaler":
            return
        name = item["metadata"]["name"]

        async def looked_at() -> bool:
            status = (await self.stage.port.get(port.AUTOSCALERS, self.home, name)).get("status") or {}
            return any(one["type"] == "ScalingActive" for one in status.get("conditions") or [])

        await self.stage.eventually(looked_at)

    async def write_log(self, pod: str, container: str, text: str, *, previous: bool = False) -> None:
        await self.stage.set_log(pod, container, text, previous=previous)

    async def one_pod_crashes(self, name: str = "web") -> JSON:
        await self.enable(self.home)
        await self.deploy(name, f"registry.example/{name}:1")
        await self.stage.complete(name)
        victim = (await self.pods(name))[0]["metadata"]["name"]
        await self.annotate(port.PODS, victim, {FAULT_ANNOTATION: "transient", BACKOFF_ANNOTATION: "1"})

        async def backs_off() -> JSON | None:
            pod = await self.port.get(port.PODS, self.home, victim)
            (status,) = pod["status"]["containerStatuses"]
            waits = (status["state"].get("waiting") or {}).get("reason") == "CrashLoopBackOff"
            return pod if status["restartCount"] >= 3 and waits else None

        await self.stage.eventually(backs_off)
        await self.annotate(port.PODS, victim, {BACKOFF_ANNOTATION: str(QUIET_SECONDS)})
        return await self.port.get(port.PODS, self.home, victim)

    async def a_release_fails(self, name: str = "web", fault: str = "crash") -> None:
        await self.enable(self.home)
        await self.deploy(name, f"registry.example/{name}:1")
        await self.stage.complete(name)
        await self.deploy(name, f"registry.example/{name}:2", fault=fault)

        async def is_late() -> bool:
            status = (await self.deployment(name)).get("status") or {}
            return any(
                one["type"] == "Progressing" and one.get("reason") == "ProgressDeadlineExceeded"
                for one in status.get("conditions") or []
            )

        await self.stage.eventually(is_late)

    def written(self) -> list[tuple[str, str]]:
        return [(event["verb"], event["objectRef"].get("name", "")) for event in self._writes()]

    def audit_ids(self) -> list[str]:
        return [event["auditID"] for event in self._writes()]

    def _writes(self) -> list[JSON]:
        """What took effect; a dry-run eviction and a question about one's rights are writes to the log only."""
        events = self._plane.audit_events(user=AGENT_USER, verbs=WRITES, since=self._since)
        return [
            event
            for event in events
            if event["objectRef"]["resource"] not in READ_BY_WRITING
            and "dryRun=All" not in event["requestURI"]
            and event["responseStatus"]["code"] < 300
        ]

    async def _patch_deployment(self, name: str, patch: JSON) -> None:
        await self._call("PATCH", f"/apis/apps/v1/namespaces/{self.home}/deployments/{name}", patch)

    async def _call(self, method: str, path: str, body: JSON) -> None:
        await asyncio.to_thread(self._plane.api.call, method, path, body, content_type=MERGE)
