"""The cluster port: the nine verbs by which anything of ours touches a cluster, over plain JSON objects. Beside them
stand four questions about ourselves: what we may do, what of that is refused all the same, who we are, and whom we ask.

Two implementations stand behind it, the real API (`activities/kubernetes/`) and the simulated cluster
(`byteport/sandbox/`); one suite runs over both. All raise the errors of `byteport.errors` and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol

from byteport.kubernetes.glimpses import Glimpse, looks_at

JSON = dict[str, Any]


class Listed(NamedTuple):
    """Objects of one list, all pages of it, and the resourceVersion to watch from."""

    items: list[JSON]
    resource_version: str


class WatchEvent(NamedTuple):
    """`BOOKMARK` events carry only a resourceVersion. A 410 ends the stream with `type="GONE"`."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "GONE"]
    object: JSON


class Page(NamedTuple):
    """First looks at some objects of a list; `token` leads to the next page, and is empty on the last."""

    glimpses: list[Glimpse]
    resource_version: str
    token: str


class Expired(NamedTuple):
    """The list that a token goes on with is not kept any more: begin again, for all of it as it was at one moment.

    `token`, where the server gives one, goes on behind the same object with what is there now.
    """

    token: str


class Glimpsed(NamedTuple):
    """An event of a watch and the first look at its object, which for `BOOKMARK` and `GONE` says nothing but the version."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "GONE"]
    glimpse: Glimpse


EXEC_SECONDS = 10.0
"""How long a command may take, unless it is said otherwise."""


class ExecResult(NamedTuple):
    """What a command printed (each stream cut at 64 KiB) and its exit code."""

    stdout: str
    stderr: str
    exit_code: int


class Resource(NamedTuple):
    """Where a kind lives: `Resource("apps", "v1", "deployments")`; `group` is empty for core."""

    group: str
    version: str
    plural: str


PODS = Resource("", "v1", "pods")
EVENTS = Resource("", "v1", "events")
NODES = Resource("", "v1", "nodes")
NAMESPACES = Resource("", "v1", "namespaces")
SERVICES = Resource("", "v1", "services")
CONFIG_MAPS = Resource("", "v1", "configmaps")
RESOURCE_QUOTAS = Resource("", "v1", "resourcequotas")
LIMIT_RANGES = Resource("", "v1", "limitranges")
DEPLOYMENTS = Resource("apps", "v1", "deployments")
REPLICA_SETS = Resource("apps", "v1", "replicasets")
STATEFUL_SETS = Resource("apps", "v1", "statefulsets")
DAEMON_SETS = Resource("apps", "v1", "daemonsets")
JOBS = Resource("batch", "v1", "jobs")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
BUDGETS = Resource("policy", "v1", "poddisruptionbudgets")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices")
MUTATING_WEBHOOKS = Resource("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations")
VALIDATING_WEBHOOKS = Resource("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations")
VALIDATING_POLICIES = Resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies")
VALIDATING_BINDINGS = Resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings")
MUTATING_POLICIES = Resource("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies")
MUTATING_BINDINGS = Resource("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings")
POD_METRICS = Resource("metrics.k8s.io", "v1beta1", "pods")
NODE_METRICS = Resource("metrics.k8s.io", "v1beta1", "nodes")


NO_POD = "BYTEPORT-ASKS"
"""No pod can have this name, of capital letters."""


class InVain(StrEnum):
    """A write of a pod that cannot exist, as no act makes it: every policy of ours over its kind refuses it."""

    EVICTION = "eviction"
    """With the dry run said where only the API server hears of it, and no admission policy."""
    EXEC = "exec"
    """In no container."""


class Created(StrEnum):
    """What became of an Event that was sent."""

    NOW = "now"
    BEFORE = "before"
    """There is one of that name already."""


class Attribution(NamedTuple):
    """What carries our action id into the API server's own audit log; empty fields are left out of the request."""

    action_id: str
    audit_id: str
    """A UUID derived from the action id, sent as the `Audit-ID` header."""
    field_manager: str


class ClusterPort(Protocol):
    """One cluster, seen with one credential."""

    async def get(self, resource: Resource, namespace: str, name: str) -> JSON:
        """Raises `TargetGone` when there is none, `NotPermitted` when it may not be read."""

    async def list(
        self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
    ) -> Listed:
        """All objects; `namespace=""` is every namespace. `labels` and `fields` are selectors as kubectl takes them."""

    def watch(
        self, resource: Resource, namespace: str, *, resource_version: str, timeout_seconds: int = 300
    ) -> AsyncIterator[WatchEvent]:
        """Events after `resource_version`, bookmarks included; ends after `timeout_seconds`."""

    async def page(self, resource: Resource, namespace: str, *, limit: int, token: str = "") -> Page | Expired:  # noqa: ARG002  a port with whole lists has one page
        """One page of a list, at first sight, and nothing of it kept. Here of a whole list, which a real port need not hold."""
        listed = await self.list(resource, namespace)
        looks = looks_at(resource.group, resource.plural)
        return Page([looks.of(item) for item in listed.items], listed.resource_version, "")

    async def glimpses(
        self, resource: Resource, namespace: str, *, resource_version: str, timeout_seconds: int
    ) -> AsyncIterator[Glimpsed]:
        """`watch` at first sight. Here of whole objects, which a real port need not decode."""
        looks = looks_at(resource.group, resource.plural)
        events = self.watch(resource, namespace, resource_version=resource_version, timeout_seconds=timeout_seconds)
        try:
            async for event in events:
                yield Glimpsed(event.type, looks.of(event.object))
        finally:
            if isinstance(events, AsyncGenerator):
                await events.aclose()

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
        """A JSON Patch. Raises `PreconditionFailed` when a `test` fails or the object moved under it."""

    async def delete(
        self, resource: Resource, namespace: str, name: str, *, uid: str, resource_version: str, by: Attribution
    ) -> None:
        """Delete with both preconditions. Raises `PreconditionFailed` or `TargetGone`."""

    async def create_event(self, namespace: str, event: Mapping[str, Any], *, by: Attribution) -> Created:
        """Write one Event, whose name is its own. `Unavailable` where no answer came: sent again, it is found there."""

    async def evict_dry_run(self, namespace: str, pod: str) -> None:
        """Ask the disruption budgets. Raises `BudgetRefuses` naming the budget; changes nothing."""

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
        """Run exactly `argv`, without shell, stdin or tty; 64 KiB a stream. `UnknownOutcome` when not heard in time.

        `by` is the action that it carries out; None for a command that only asks.
        """

    async def logs(
        self, namespace: str, pod: str, container: str, *, previous: bool = False, tail_lines: int = 50
    ) -> str:
        """The last lines, at most 64 KiB; empty when there are none."""

    async def review(
        self, verb: str, resource: Resource, namespace: str, *, subresource: str = "", name: str = ""
    ) -> bool:
        """Whether this credential may do that (SelfSubjectAccessReview); of every object, unless one is named."""

    async def rules(self, namespace: str) -> JSON:
        """All that this credential may do in a namespace: the `status` of a SelfSubjectRulesReview."""

    async def ask_in_vain(self, namespace: str, what: InVain) -> None:
        """Raises `NotPermitted`, with the policy that refuses it; `TargetGone` where none does. Changes nothing."""

    async def identity(self) -> JSON:
        """Who the API server takes this credential for: the `userInfo` of a SelfSubjectReview."""

    async def server_version(self) -> str:
        """Such as `v1.37.2`."""

    async def close(self) -> None:
        """Give back connections; the port is not used afterwards."""
