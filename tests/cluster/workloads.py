"""A namespace of its own on the real control plane, with what a test puts into it and looks at.

Comes before the tests of `tests/cluster`; nothing here knows BytePort's own code but the control plane.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from byteport.sandbox.controlplane import (
    BACKOFF_ANNOTATION,
    FAULT_ANNOTATION,
    READINESS,
    ApiRefused,
    ControlPlane,
    Fault,
)

JSON = dict[str, Any]
T = TypeVar("T")


def eventually(look: Callable[[], T | None], *, within: float = 60.0) -> T:
    """What `look` gives once it gives something true. Fails when it does not in time."""
    deadline = time.monotonic() + within
    while True:
        if seen := look():
            return seen
        if time.monotonic() > deadline:
            raise AssertionError(f"not seen within {within} s; last: {seen!r}")
        time.sleep(0.05)


def fault_annotations(fault: Fault, *, backoff_s: int = 1, **others: str) -> dict[str, str]:
    """The annotations of a fault; `others` as `exit_code="3"`."""
    named = {f"sim.byteport.io/{name.replace('_', '-')}": value for name, value in others.items()}
    return {FAULT_ANNOTATION: str(fault), BACKOFF_ANNOTATION: str(backoff_s), **named}


@dataclass(frozen=True)
class Namespace:
    """One namespace, emptied by its fixture when the test ends."""

    plane: ControlPlane
    name: str

    def deploy(
        self,
        name: str,
        *,
        replicas: int = 1,
        containers: Sequence[str] = ("app",),
        annotations: Mapping[str, str] | None = None,
        progress_deadline_s: int = 600,
        probed: bool = True,
    ) -> None:
        """A Deployment whose pods carry the label `app` with its name, and the annotations."""
        labels = {"app": name}
        probe = {"readinessProbe": READINESS} if probed else {}
        template = {
            "metadata": {"labels": labels, "annotations": dict(annotations or {})},
            "spec": {"containers": [{"name": one, "image": "registry.example/app:1", **probe} for one in containers]},
        }
        spec = {
            "replicas": replicas,
            "progressDeadlineSeconds": progress_deadline_s,
            "selector": {"matchLabels": labels},
            "template": template,
        }
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
        self.plane.api.call("POST", self._deployments, body)

    def deployment(self, name: str) -> JSON:
        """The Deployment as it is now."""
        return self.plane.api.call("GET", f"{self._deployments}/{name}")

    def patch_deployment(self, name: str, patch: Sequence[JSON]) -> JSON:
        """A JSON Patch of it."""
        content_type = "application/json-patch+json"
        return self.plane.api.call("PATCH", f"{self._deployments}/{name}", list(patch), content_type=content_type)

    def condition(self, name: str, kind: str) -> JSON:
        """A condition of the Deployment, `{}` while it has none of that kind."""
        conditions = self.deployment(name).get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == kind), {})

    def await_available(self, name: str, *, within: float = 60.0) -> None:
        """Returns when the Deployment's newest template is all there is, and all of it is available."""

        def look() -> bool:
            deployment = self.deployment(name)
            wanted, status = deployment["spec"]["replicas"], deployment.get("status", {})
            current = status.get("observedGeneration") == deployment["metadata"]["generation"]
            counts = [status.get(field, 0) for field in ("replicas", "updatedReplicas", "availableReplicas")]
            return current and counts == [wanted] * 3

        eventually(look, within=within)

    def pods(self, app: str) -> list[JSON]:
        """The pods of a Deployment that are not being deleted."""
        found = self.plane.api.call("GET", f"{self._core}/pods?labelSelector=app%3D{app}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def pod(self, app: str) -> JSON:
        """The only pod of a Deployment, once there is one."""
        return eventually(lambda: self.pods(app))[0]

    def pod_that_waits(self) -> JSON:
        """A new pod of nobody's that no scheduler takes: nothing writes to it, whatever the test does beside it."""
        spec = {"schedulerName": "nobody", "containers": [{"name": "app", "image": "registry.example/app:1"}]}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "waits-"}, "spec": spec}
        return self.plane.api.call("POST", f"{self._core}/pods", body)

    def container(self, app: str, name: str = "app") -> JSON:
        """The status of a container of the only pod, `{}` while it has none."""
        statuses = self.pod(app).get("status", {}).get("containerStatuses", [])
        return next((one for one in statuses if one["name"] == name), {})

    def events(self, app: str, reason: str) -> list[JSON]:
        """The events about the Deployment's pods with that reason."""
        found = self.plane.api.call("GET", f"{self._core}/events?fieldSelector=reason%3D{reason}")["items"]
        return [event for event in found if event["involvedObject"]["name"].startswith(f"{app}-")]

    def annotate_pod(self, name: str, annotations: Mapping[str, str | None]) -> None:
        """Set annotations of a live pod; None takes one away."""
        patch = {"metadata": {"annotations": dict(annotations)}}
        content_type = "application/merge-patch+json"
        self.plane.api.call("PATCH", f"{self._core}/pods/{name}", patch, content_type=content_type)

    def delete_pod(self, name: str) -> None:
        """Delete a pod."""
        self.plane.api.call("DELETE", f"{self._core}/pods/{name}")

    def create(self) -> None:
        """Make the namespace; returns when pods can be made in it."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}}
        self.plane.api.call("POST", "/api/v1/namespaces", body)
        eventually(self._has_account)

    def delete(self) -> None:
        """Ask for its end; the controllers see to the rest."""
        self.plane.api.call("DELETE", f"/api/v1/namespaces/{self.name}")

    @property
    def _core(self) -> str:
        return f"/api/v1/namespaces/{self.name}"

    @property
    def _deployments(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.name}/deployments"

    def _has_account(self) -> bool:
        try:
            self.plane.api.call("GET", f"{self._core}/serviceaccounts/default")
        except ApiRefused as error:
            if error.status != 404:
                raise
            return False
        return True
