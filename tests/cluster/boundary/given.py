"""What the tests of `enable`, `disable`, `halt` and `resume` on a real API server look at, and the people who type them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from byteport.boundary.names import (
    CEILINGS,
    ENABLED_LABEL,
    NAMESPACE,
    role_ref,
)
from byteport.boundary.roles import binding
from byteport.cli.exits import Exit
from byteport.domain.plans import RaiseFloorPlan
from byteport.domain.targets import Target
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, floor_of, rest_digest
from byteport.kubernetes.floor_patch import raise_patch
from byteport.sandbox.controlplane import WRITES
from byteport.sandbox.controlplane.components import write_kubeconfig
from byteport.sandbox.controlplane.noticed import await_rights_noticed
from tests.cluster.boundary.installed import Installed, Said, asked, may_do, once, path_of
from tests.cluster.workloads import Namespace
from tests.house.tree import ROOT

JSON = dict[str, Any]

APP, OTHER = "api", "web"
MERGE = "application/merge-patch+json"
OK = 200
RAISED = "a" * 64
RBAC_ROOT = "/apis/rbac.authorization.k8s.io/v1"


class Typed(NamedTuple):
    """What a command line ended with."""

    code: int
    out: str
    err: str


Run = Callable[..., Typed]


def done(said: Typed) -> Typed:
    """What a command said that a test only begins with: it fails there, and not where its effect is missing."""
    assert (said.code, said.err) == (Exit.OK, ""), said
    return said


def rights(guarded: Installed, namespace: str, questions: Sequence[tuple[str, str, str, str]]) -> list[bool]:
    """Whether the agent may: verb, group, resource (with its subresource) and name."""
    agent, found = guarded.agent(), []
    for verb, group, resource, name in questions:
        plural, _, sub = resource.partition("/")
        attributes = {
            "verb": verb,
            "group": group,
            "resource": plural,
            "subresource": sub,
            "name": name,
            "namespace": namespace,
        }
        found.append(may_do(agent, attributes))
    return found


READS = ("list", "", "pods", "")
DELETES = ("delete", "", "pods", "")
ROLLS_BACK_API = ("patch", "apps", "deployments", APP)
ROLLS_BACK_WEB = ("patch", "apps", "deployments", OTHER)
RAISES_WEB = ("patch", "autoscaling", "horizontalpodautoscalers", OTHER)
QUESTIONS = (READS, DELETES, ROLLS_BACK_API, ROLLS_BACK_WEB, RAISES_WEB)


def has(guarded: Installed, namespace: Namespace, *wanted: tuple[str, str, str, str]) -> None:
    """The agent soon has exactly these of the questions above."""
    once(
        lambda found: found == [question in wanted for question in QUESTIONS],
        lambda: rights(guarded, namespace.name, QUESTIONS),
    )


def standing(guarded: Installed, namespace: str) -> dict[str, JSON]:
    """Everything of ours in the namespace, by kind and name."""
    found = {}
    for plural in ("roles", "rolebindings"):
        for item in guarded.plane.api.call("GET", f"{RBAC_ROOT}/namespaces/{namespace}/{plural}")["items"]:
            found[f"{plural}/{item['metadata']['name']}"] = item
    return found


def ceilings(guarded: Installed) -> dict[str, str]:
    said = asked(guarded.plane.api, "GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CEILINGS}")
    return dict(said.body.get("data") or {}) if said.status == 200 else {}


def namespace_label(guarded: Installed, namespace: str) -> str | None:
    labels: dict[str, str] = guarded.plane.api.call("GET", f"/api/v1/namespaces/{namespace}")["metadata"]["labels"]
    return labels.get(ENABLED_LABEL)


def writes_by(guarded: Installed, user: str, since: int) -> list[str]:
    """What that user changed, by the API server's own audit log; questions about rights are none."""
    return [
        f"{event['verb']} {event['objectRef']['resource']}/{event['objectRef'].get('name', '')}"
        for event in guarded.plane.audit_events(user=user, verbs=WRITES, since=since)
        if not event["objectRef"]["resource"].endswith("reviews") and event["responseStatus"]["code"] < 300
    ]


def documented(name: str) -> JSON:
    """A ClusterRole of the page for administrators."""
    text = (ROOT / "docs" / "how-to" / "enable-a-namespace.md").read_text()
    found = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    return next(item for item in found if item["metadata"]["name"] == name)


@contextmanager
def person(guarded: Installed, name: str, *roles: JSON, folder: Path) -> Iterator[Path]:
    """A kubeconfig of an account that has exactly those ClusterRoles."""
    plane, api = guarded.plane, guarded.plane.api
    home = f"people-{secrets.token_hex(3)}"
    api.call("POST", "/api/v1/namespaces", {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": home}})
    api.call(
        "POST",
        f"/api/v1/namespaces/{home}/serviceaccounts",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}},
    )
    made = []
    for role in roles:
        api.apply(f"{RBAC_ROOT}/clusterroles/{role['metadata']['name']}", role)
        bound = {
            **binding(
                "ClusterRoleBinding", role["metadata"]["name"], role_ref("ClusterRole", role["metadata"]["name"])
            ),
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": home}],
        }
        bound["metadata"] = {"name": role["metadata"]["name"]}
        api.apply(path_of(bound), bound)
        made += [f"{RBAC_ROOT}/clusterroles/{role['metadata']['name']}", path_of(bound)]
    token = guarded.token(pod=None, account=name, namespace=home)
    await_rights_noticed(api)  # of the same name there may just have been one with other rights
    authority = plane.state_dir / "pki" / "ca.crt"
    try:
        yield write_kubeconfig(folder / f"{name}.kubeconfig", plane.server, authority, name, token)
    finally:
        for path in (*made, f"/api/v1/namespaces/{home}"):
            api.call("DELETE", path)


def home_of(guarded: Installed, kubeconfig: Path) -> str:
    """The namespace of the account of that kubeconfig, as the API server says it."""
    token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = guarded.agent(token).call("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    return str(answer["status"]["userInfo"]["username"]).split(":")[2]


def raise_floor(guarded: Installed, namespace: Namespace, floor: int = 4) -> int:
    """The floor of `web`, raised by the agent's own token with the agent's own patch; what it was before."""
    before = floor_of(hpa(guarded, namespace))
    once(lambda said: said.status == OK, lambda: raises(guarded, namespace, floor))
    return before


def raises(guarded: Installed, namespace: Namespace, floor: int, *, dry_run: bool = False) -> Said:
    """What the API server answers to the agent's own patch with its own token."""
    now = hpa(guarded, namespace)
    marked = now["metadata"].get("annotations", {}).get(FLOOR_BEFORE)
    plan = RaiseFloorPlan(
        target=Target(cluster_uid="", namespace=namespace.name, kind="Deployment", name=OTHER),
        autoscaler=OTHER,
        autoscaler_uid=now["metadata"]["uid"],
        rest_digest=rest_digest(now),
        floor_before=int(marked) if marked else floor_of(now),
        floor_from=floor_of(now),
        floor_to=floor,
        box_seconds=3600,
    )
    patch = raise_patch(now, plan, RAISED, now=datetime.now(UTC))
    query = "?fieldManager=byteport-agent" + ("&dryRun=All" if dry_run else "")
    path = _hpa_path(namespace) + query
    return asked(guarded.agent(), "PATCH", path, patch, content_type="application/json-patch+json")


def _hpa_path(namespace: Namespace) -> str:
    return f"/apis/autoscaling/v2/namespaces/{namespace.name}/horizontalpodautoscalers/{OTHER}"


def hpa(guarded: Installed, namespace: Namespace) -> JSON:
    return guarded.plane.api.call("GET", _hpa_path(namespace))
