"""`KubernetesCluster`: the cluster port over a real API server. Bodies are plain JSON, decoded by msgspec.

Comes after `credentials.py` (who we are) and `wire.py` (one request); `connect` is what `workers/wiring.py` calls. It
does not decide, retry or remember: each verb is one call with one deadline, whose failure is an error of ours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from activities.kubernetes import execution, listing, watching
from activities.kubernetes.answers import JSON, Asked, decoded, error_of, is_no_log
from activities.kubernetes.credentials import Credentials, load_credentials
from activities.kubernetes.paths import collection_path, object_path, review_body, what
from activities.kubernetes.wire import Answer, Request, Wire
from byteport.kubernetes.port import (
    EVENTS,
    EXEC_SECONDS,
    NAMESPACES,
    NO_POD,
    PODS,
    Attribution,
    ClusterPort,
    Created,
    ExecResult,
    Expired,
    Glimpsed,
    InVain,
    Listed,
    Page,
    Resource,
    WatchEvent,
)

CALL_SECONDS = 10.0
LOG_LIMIT = 64 << 10
LARGEST_REVIEW = 4 << 20
"""Tenants write roles, and whatever is bound to our account comes back in a review of all rules."""
USER_AGENT = f"byteport/{version('byteport')}"
ACTION_LETTERS = 12


class KubernetesCluster(ClusterPort):
    """One cluster with one credential; `await connect(…)` makes it, `close` or `async with` ends it."""

    simulated = False

    def __init__(
        self, credentials: Credentials, *, call_seconds: float = CALL_SECONDS, act_as: str = "", of_pod: str = ""
    ) -> None:
        self._wire = Wire(credentials, USER_AGENT, act_as, of_pod)
        self._seconds = call_seconds
        self.server = credentials.server
        self.ca_digest = credentials.ca_digest
        self.verifies_server = credentials.verifies_server

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._wire.close()

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        asked = Asked(f"get {what(resource, namespace, name)}")
        return await self._object(Request("GET", object_path(resource, namespace, name)), asked)

    async def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> Listed:
        return await listing.whole(self._wire, resource, namespace, _selectors(labels, fields), limit=limit)

    async def page(self, resource: Resource, namespace: str, *, limit: int, token: str = "") -> Page | Expired:
        return await listing.page(self._wire, resource, namespace, limit=limit, token=token)

    def watch(
        self, resource: Resource, namespace: str, *, resource_version: str, timeout_seconds: int = 300
    ) -> AsyncIterator[WatchEvent]:
        opened = watching.Opened(resource, namespace, resource_version, timeout_seconds)
        return watching.events(self._wire, opened, self._seconds)

    def glimpses(
        self, resource: Resource, namespace: str, *, resource_version: str, timeout_seconds: int
    ) -> AsyncIterator[Glimpsed]:
        opened = watching.Opened(resource, namespace, resource_version, timeout_seconds)
        return watching.glimpses(self._wire, opened, self._seconds)

    async def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        by: Attribution,
        dry_run: bool = False,
    ) -> JSON:
        asked = Asked(f"patch {what(resource, namespace, name)}", mutates=not dry_run)
        query = [*_signed(by), *([("dryRun", "All")] if dry_run else [])]
        request = Request(
            "PATCH",
            object_path(resource, namespace, name),
            tuple(query),
            body=[*operations],
            content_type="application/json-patch+json",
            headers=_attributed(by),
        )
        return await self._object(request, asked)

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str, by: Attribution
    ) -> None:
        asked = Asked(f"delete {what(resource, namespace, name)}", mutates=True)
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid, "resourceVersion": resource_version},
            "propagationPolicy": "Background",
        }
        path = object_path(resource, namespace, name)
        await self._wire.call(Request("DELETE", path, body=options, headers=_attributed(by)), asked, self._seconds)

    async def create_event(self, namespace: str, event: Mapping[str, Any], *, by: Attribution) -> Created:
        asked = Asked(f"create an Event in {namespace}")
        path = collection_path(EVENTS, namespace)
        request = Request("POST", path, tuple(_signed(by)), body={**event}, headers=_attributed(by))
        answer = await self._wire.ask(request, asked, self._seconds)
        if answer.status == HTTPStatus.CONFLICT:
            return Created.BEFORE
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise error_of(asked, answer.status, answer.headers, answer.body)
        return Created.NOW

    async def evict_dry_run(self, namespace: str, pod: str) -> None:
        asked = Asked(f"dry-run eviction of {what(PODS, namespace, pod)}")
        path = object_path(PODS, namespace, pod, "eviction")
        # In the query, not in the body: only then does an admission policy see that it is a dry run.
        request = Request("POST", path, (("dryRun", "All"),), body=_eviction(namespace, pod))
        await self._wire.call(request, asked, self._seconds)

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        argv: Sequence[str],
        *,
        by: Attribution | None = None,
        seconds: float = EXEC_SECONDS,
    ) -> ExecResult:
        asked = Asked(f"exec in {what(PODS, namespace, pod)}", mutates=True)
        path = object_path(PODS, namespace, pod, "exec")
        command = execution.Command(path, container, tuple(argv), _attributed(by) if by else {})
        return await execution.execute(self._wire, command, asked, seconds=seconds)

    async def logs(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, tail_lines: int = 50
    ) -> str:
        asked = Asked(f"logs of {what(PODS, namespace, pod)}")
        query = (
            ("container", container),
            ("tailLines", str(tail_lines)),
            ("limitBytes", str(LOG_LIMIT)),
            *((("previous", "true"),) if previous else ()),
        )
        request = Request("GET", object_path(PODS, namespace, pod, "log"), query)
        answer = await self._wire.ask(request, asked, self._seconds)
        if is_no_log(answer.status, answer.body):
            return ""
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise error_of(asked, answer.status, answer.headers, answer.body)
        return answer.body[:LOG_LIMIT].decode(errors="replace")

    async def review(
        self, verb: str, resource: Resource, namespace: str, *, subresource: str = "", name: str = ""
    ) -> bool:
        asked = Asked(f"review of {verb} {what(resource, namespace, name)}")
        body = review_body(verb, resource, namespace, subresource, name)
        return (await self._review("authorization", "selfsubjectaccessreviews", body, asked)).get("allowed") is True

    async def rules(self, namespace: str) -> JSON:
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        asked = Asked(f"review of all rules in {namespace}")
        return await self._review("authorization", "selfsubjectrulesreviews", body, asked)

    async def ask_in_vain(self, namespace: str, what: InVain) -> None:
        asked = Asked(f"{what.value} of no pod in {namespace}")
        path = f"{collection_path(PODS, namespace)}/{NO_POD}/{what.value}"
        match what:
            case InVain.EVICTION:
                body = _eviction(namespace, NO_POD) | {"deleteOptions": {"dryRun": ["All"]}}
                request = Request("POST", path, body=body)
            case InVain.EXEC:
                request = Request("POST", path, (("command", "true"), ("stdout", "true")))
        await self._wire.call(request, asked, self._seconds)

    async def identity(self) -> JSON:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        asked = Asked("review of who we are")
        user = (await self._review("authentication", "selfsubjectreviews", body, asked)).get("userInfo")
        return user if isinstance(user, dict) else {}

    async def server_version(self) -> str:
        answer = await self._object(Request("GET", "/version"), Asked("get the server's version"))
        return str(answer.get("gitVersion", ""))

    async def _review(self, group: str, plural: str, body: JSON, asked: Asked) -> JSON:
        """The status of one question about ourselves. Nothing is stored by it, so that it may be asked again."""
        request = Request("POST", f"/apis/{group}.k8s.io/v1/{plural}", body=body, largest=LARGEST_REVIEW)
        answer = await self._object(request, asked)
        status = answer.get("status")
        return status if isinstance(status, dict) else {}

    async def _object(self, request: Request, asked: Asked) -> JSON:
        return _json(await self._wire.call(request, asked, self._seconds), asked)


async def connect(
    kubeconfig: Path | None = None,
    context: str | None = None,
    *,
    allow_exec_plugins: bool = False,
    act_as: str = "",
    of_pod: str = "",
) -> KubernetesCluster:
    """The cluster of a kubeconfig's context; without either, that of the pod this runs in, else kubectl's default.

    `act_as` is a user whom the credential may impersonate; a ServiceAccount's groups follow from its name. With `of_pod`
    it is as if that user's token was bound to a pod of this name. Nothing is
    sent yet. Raises `ConfigError`, which names the setting at fault.
    """
    credentials = await load_credentials(kubeconfig, context, allow_exec_plugins=allow_exec_plugins)
    return KubernetesCluster(credentials, act_as=act_as, of_pod=of_pod)


async def kube_system_uid(cluster: ClusterPort) -> str:
    """The uid of the namespace kube-system: a cluster's name that nobody can give to two of them."""
    namespace = await cluster.get(NAMESPACES, "", "kube-system")
    return str(namespace["metadata"]["uid"])


def _json(answer: Answer, asked: Asked) -> JSON:
    try:
        return decoded(answer.body)
    except ValueError:
        raise asked.lost("the answer is no JSON object") from None


def _eviction(namespace: str, pod: str) -> JSON:
    return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"namespace": namespace, "name": pod}}


def _selectors(labels: str, fields: str) -> list[tuple[str, str]]:
    named = (("labelSelector", labels), ("fieldSelector", fields))
    return [(name, selector) for name, selector in named if selector]


def _signed(by: Attribution) -> list[tuple[str, str]]:
    return [("fieldManager", by.field_manager)] if by.field_manager else []


def _attributed(by: Attribution) -> dict[str, str]:
    """What the API server's own audit log keeps of a request, beside its credential."""
    agent = f"{USER_AGENT} ({by.action_id[:ACTION_LETTERS]})" if by.action_id else USER_AGENT
    return {"User-Agent": agent} | ({"Audit-ID": by.audit_id} if by.audit_id else {})
