"""The administrator's own hands: what `byteport enable`, `disable`, `halt` and `resume` do to a cluster, as themselves.

Not the agent's: no act, never registered with Temporal, and never given the agent's credential, which may do none of
this. Comes after `credentials.py` and `wire.py`; the command line plans, shows and asks before it calls anything here.
Each verb is one call with one deadline, whose failure is an error of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from activities.kubernetes.answers import JSON, Asked, decoded
from activities.kubernetes.client import USER_AGENT, KubernetesCluster
from activities.kubernetes.credentials import Credentials, load_credentials
from activities.kubernetes.paths import collection_path, object_path, what
from activities.kubernetes.wire import Answer, Request, Wire
from byteport.errors import TargetGone
from byteport.kubernetes.port import Attribution, Resource

FIELD_MANAGER = "byteport-enable"
CALL_SECONDS = 10.0
APPLY = "application/apply-patch+yaml"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_BY = Attribution(action_id="", audit_id="", field_manager=FIELD_MANAGER)


class Administrator:
    """One cluster with a person's credential; `await administrator(…)` makes it, `close` or `async with` ends it."""

    def __init__(self, credentials: Credentials, *, call_seconds: float = CALL_SECONDS) -> None:
        self._cluster = KubernetesCluster(credentials, call_seconds=call_seconds)
        self._wire = Wire(credentials, USER_AGENT)
        self._credentials = credentials
        self._seconds = call_seconds
        self.server = credentials.server

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._wire.close()
        await self._cluster.close()

    def acting_as(self, user: str, of_pod: str) -> KubernetesCluster:
        """The same cluster by the same credential, which impersonates that user with a token of that pod."""
        return KubernetesCluster(self._credentials, call_seconds=self._seconds, act_as=user, of_pod=of_pod)

    async def version(self) -> str:
        """Such as `v1.37.2`."""
        return await self._cluster.server_version()

    async def find(self, resource: Resource, namespace: str, name: str) -> JSON | None:
        """The object; None when there is none, or no such kind."""
        try:
            return await self._cluster.get(resource, namespace, name)
        except TargetGone:
            return None

    async def list(self, resource: Resource, namespace: str) -> list[JSON]:
        """Every object of a namespace, or of all when `namespace` is empty. The items do not say their kind."""
        return (await self._cluster.list(resource, namespace)).items

    async def may(
        self, verb: str, resource: Resource, namespace: str, name: str = "", *, subresource: str = ""
    ) -> bool:
        """Whether this credential may do that (SelfSubjectAccessReview)."""
        return await self._cluster.review(verb, resource, namespace, subresource=subresource, name=name)

    async def account_may(self, account: str, groups: Sequence[str], attributes: Mapping[str, str]) -> bool:
        """Whether another account may do that (SubjectAccessReview). Raises `NotPermitted` when that may not be asked."""
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": account, "groups": [*groups], "resourceAttributes": dict(attributes)},
        }
        asked = Asked("review of an account's rights")
        answer = await self._wire.call(Request("POST", _REVIEWS, body=body), asked, self._seconds)
        return (_json(answer, asked).get("status") or {}).get("allowed") is True

    async def create(self, resource: Resource, namespace: str, body: JSON) -> None:
        """Make an object. Raises `PreconditionFailed` when there is one of that name."""
        asked = Asked(f"create {what(resource, namespace, str(body['metadata']['name']))}", mutates=True)
        request = Request("POST", collection_path(resource, namespace), _managed(), body=body)
        await self._wire.call(request, asked, self._seconds)

    async def apply(self, resource: Resource, namespace: str, name: str, body: JSON) -> None:
        """Server-side apply, taking over the fields that `body` names. With its uid and resourceVersion in the body it
        raises `PreconditionFailed` when the object is another, or another version."""
        asked = Asked(f"patch {what(resource, namespace, name)}", mutates=True)
        path, query = object_path(resource, namespace, name), (*_managed(), ("force", "true"))
        await self._wire.call(Request("PATCH", path, query, body=body, content_type=APPLY), asked, self._seconds)

    async def patch(
        self, resource: Resource, namespace: str, name: str, operations: Sequence[Mapping[str, Any]]
    ) -> None:
        """A JSON Patch. Raises `PreconditionFailed` when a `test` fails."""
        await self._cluster.patch(resource, namespace, name, operations, by=_BY)

    async def delete(self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str) -> None:
        """Delete with both preconditions. Raises `PreconditionFailed` or `TargetGone`."""
        await self._cluster.delete(resource, namespace, name, uid=uid, resource_version=resource_version, by=_BY)


async def administrator(
    kubeconfig: Path | None = None, context: str | None = None, *, call_seconds: float = CALL_SECONDS
) -> Administrator:
    """The cluster of a person's kubeconfig, as kubectl would find it; nothing is sent yet. Raises `ConfigError`.

    A program that the kubeconfig starts to authenticate is started: the file is the person's own, and kubectl does too.
    """
    credentials = await load_credentials(kubeconfig, context, allow_exec_plugins=True)
    return Administrator(credentials, call_seconds=call_seconds)


def _managed() -> tuple[tuple[str, str], ...]:
    return (("fieldManager", FIELD_MANAGER),)


def _json(answer: Answer, asked: Asked) -> JSON:
    try:
        return decoded(answer.body)
    except ValueError:
        raise asked.lost("the answer is no JSON object") from None
