"""From what a person types to the one run or plan that they mean; never a guess between two."""

from __future__ import annotations

from typing import TYPE_CHECKING

from byteport.domain.targets import Target
from byteport.errors import MalformedInput, TargetGone

if TYPE_CHECKING:
    from temporalio.client import Client

    from byteport.temporal.views import Run

SHORTEST_DIGEST = 6
NEWEST = 500
"""How many runs are looked through."""


async def find_run(client: Client, text: str) -> str:
    """The one workflow id that `text` names, see `find_runs`; `MalformedInput` when two failures have runs of their own."""
    ids = await find_runs(client, text)
    if len(ids) > 1:
        raise MalformedInput(text, "has more than one run; name one: " + ", ".join(ids))
    return ids[0]


async def find_runs(client: Client, text: str) -> list[str]:
    """The workflow ids, at least one, that `text` names: an id, or a target as `namespace/kind/name` or `node/name`.

    The newest run of each failure of that target is meant, and open runs come before closed ones. Raises `TargetGone`
    when there is none.
    """
    if text.startswith(("remediate:", "timebox:")):
        return [text]
    from byteport.temporal.views import list_runs

    runs = [run for run in await list_runs(client, open_only=False, limit=NEWEST) if _same_target(run, text)]
    runs = [run for run in runs if run.status == "running"] or runs
    if not runs:
        raise TargetGone(f"no run has the id or the target {text}; `byteport runs` lists what there is")
    return sorted({run.workflow_id for run in runs})


async def find_plan(client: Client, text: str) -> str:
    """The plan digest that `text` names: 64 hex digits, or the first six or more of exactly one that waits."""
    from byteport.temporal.views import list_waiting

    digest = text.removeprefix("approval:").lower()
    if not digest or set(digest) - set("0123456789abcdef"):
        raise MalformedInput("plan", "is hex digits, as `byteport approve` without an argument lists them")
    if len(digest) == 64:
        return digest
    if len(digest) < SHORTEST_DIGEST:
        raise MalformedInput("plan", f"give at least {SHORTEST_DIGEST} digits, so that no other plan is meant")
    found = [waiting for waiting in await list_waiting(client) if waiting.startswith(digest)]
    if not found:
        raise TargetGone(f"no plan that waits begins with {digest}; `byteport approve` lists those that do")
    if len(found) > 1:
        raise MalformedInput("plan", f"{digest} begins more than one; give more digits")
    return found[0]


def parse_target(text: str, *, cluster_uid: str, namespace: str | None) -> Target:
    """`namespace/Kind/name`, `kind/name` with a namespace of its own, or `node/name`. Raises `MalformedInput`."""
    parts = text.split("/")
    if any(part != part.strip() or not part.isprintable() for part in parts):
        raise MalformedInput("target", "has spaces, or characters that no name has")
    if len(parts) == 2 and all(parts) and parts[0].lower() in NODE and namespace is None:
        return Target(cluster_uid=cluster_uid, namespace="", kind="Node", name=parts[1])
    if namespace is not None:
        parts = [namespace, *parts]
    if len(parts) != 3 or not all(parts):
        raise MalformedInput("target", "write namespace/kind/name, as in shop/deployment/web, or node/name")
    kind = KINDS.get(parts[1].lower())
    if kind is None:
        raise MalformedInput("target", f"the kind must be one of {', '.join(sorted(set(KINDS.values())))}")
    return Target(cluster_uid=cluster_uid, namespace=parts[0], kind=kind, name=parts[2])


def target_ref(text: str) -> str:
    """A target as records name it: `shop/deploy/web` is `shop/Deployment/web`. Raises `MalformedInput`."""
    return parse_target(text, cluster_uid="", namespace=None).ref


KINDS = {
    name: kind
    for kind, names in {
        "Deployment": "deployment deployments deploy",
        "StatefulSet": "statefulset statefulsets sts",
        "DaemonSet": "daemonset daemonsets ds",
        "Job": "job jobs",
        "Pod": "pod pods po",
    }.items()
    for name in names.split()
}
"""As kubectl lets one write them."""
NODE = ("node", "nodes", "no")
"""Of no namespace."""


def _same_target(run: Run, text: str) -> bool:
    parts = text.split("/")
    if len(parts) == 3:
        parts[1] = KINDS.get(parts[1].lower(), parts[1])
    elif len(parts) == 2 and parts[0].lower() in NODE:
        parts[0] = "Node"
    return run.target == "/".join(parts)
