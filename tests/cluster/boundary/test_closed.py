"""The agent's account with every right there is: what is refused now, only the policies refuse, and they close on every error.

Requests that make an expression meet what is not there, or what it cannot compute; objects that are new, so that there
is no old one; each subresource; whole collections; and a replacement (PUT) with each forgery, which no role grants.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from byteport.boundary.policies import autoscalers, deployments
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED
from tests.cluster.boundary.conftest import APP
from tests.cluster.boundary.installed import BY_POLICY, Installed, Said, asked, once
from tests.cluster.boundary.managers import as_agent
from tests.cluster.boundary.test_autoscalers import FORGERIES as FORGED_FLOORS
from tests.cluster.boundary.test_autoscalers import MERGE, Scaler, expected_refusal, who_refused
from tests.cluster.boundary.test_deployments import FORGERIES as FORGED_ROLLBACKS
from tests.cluster.boundary.test_deployments import OK, Release, by_json_patch
from tests.cluster.workloads import Namespace

JSON = dict[str, Any]

CONFLICT, UNCOMPUTED = 409, 422

pytestmark = pytest.mark.usefixtures("everything_granted")

POD = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "c", "image": "registry.example/a:1"}]}}
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction"}
DEBUG = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "registry.example/a:1"}]}}


def granted(guarded: Installed, shop: Namespace) -> None:
    """Returns when the account has its rights: a refusal then is not for want of them."""
    where = f"/api/v1/namespaces/{shop.name}/configmaps"
    once(lambda said: said.by_policy, lambda: asked(guarded.agent(), "POST", where, {"metadata": {"name": "x"}}))


@pytest.mark.claim("C-200")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/namespaces/{ns}/pods", POD),
        ("/apis/apps/v1/namespaces/{ns}/deployments", None),
        ("/apis/autoscaling/v2/namespaces/{ns}/horizontalpodautoscalers", None),
        ("/apis/apps/v1/namespaces/{ns}/replicasets", None),
        ("/apis/apps/v1/namespaces/{ns}/statefulsets", None),
    ],
    ids=lambda value: value.rsplit("/", 1)[-1] if isinstance(value, str) else "",
)
def test_review_4_a_new_object_has_no_old_one_and_is_refused(
    guarded: Installed, shop: Namespace, path: str, body: JSON | None
) -> None:
    granted(guarded, shop)
    where = path.format(ns=shop.name)
    if body is None:
        kinds = {"deployments": "Deployment", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet"}
        kind = kinds.get(where.rsplit("/", 1)[-1])
        body = workload(kind) if kind else autoscaler()
    said = asked(guarded.agent(), "POST", where, {**body, "metadata": {"name": "mine"}})
    assert said.by_policy, said


def workload(kind: str) -> JSON:
    labels = {"app": "mine"}
    spec = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": POD["spec"]}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "spec": spec | ({"serviceName": "x"} if kind == "StatefulSet" else {}),
    }


def autoscaler() -> JSON:
    of = {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "spec": {"scaleTargetRef": of, "maxReplicas": 3},
    }


@pytest.mark.claim("C-200", "C-202")
@pytest.mark.parametrize(
    ("method", "sub", "body"),
    [
        ("POST", "eviction", EVICTION),
        ("POST", "eviction", EVICTION | {"deleteOptions": {}}),
        ("POST", "eviction", EVICTION | {"deleteOptions": {"dryRun": []}}),
        ("POST", "binding", {"apiVersion": "v1", "kind": "Binding", "target": {"kind": "Node", "name": "node-1"}}),
        ("PATCH", "ephemeralcontainers", DEBUG),
        ("PATCH", "status", {"status": {"phase": "Failed"}}),
        ("PATCH", "", {"metadata": {"labels": {"a": "b"}}}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_review_4_each_subresource_of_a_pod_is_refused(
    guarded: Installed, shop: Namespace, method: str, sub: str, body: JSON
) -> None:
    granted(guarded, shop)
    pod = shop.pods(APP)[0]["metadata"]["name"]
    where = f"/api/v1/namespaces/{shop.name}/pods/{pod}" + (f"/{sub}" if sub else "")
    named = body if method == "PATCH" else {**body, "metadata": {"name": pod, "namespace": shop.name}}
    kind = "application/strategic-merge-patch+json" if method == "PATCH" else "application/json"
    said = asked(guarded.agent(), method, where, named, content_type=kind)
    assert said.by_policy, said
    assert pod in [one["metadata"]["name"] for one in shop.pods(APP)]


@pytest.mark.claim("C-200", "C-201")
@pytest.mark.parametrize(
    "options", [{}, {"preconditions": {}}, {"preconditions": {"uid": None}}], ids=["none", "empty", "null"]
)
@pytest.mark.parametrize("collection", ["pods", "deployments", "horizontalpodautoscalers"])
def test_review_4_a_whole_collection_is_refused(
    guarded: Installed, shop: Namespace, collection: str, options: JSON
) -> None:
    Scaler(guarded, shop)
    granted(guarded, shop)
    groups = {"pods": "/api/v1", "deployments": "/apis/apps/v1", "horizontalpodautoscalers": "/apis/autoscaling/v2"}
    where = f"{groups[collection]}/namespaces/{shop.name}/{collection}"
    said = asked(guarded.agent(), "DELETE", where, {"apiVersion": "v1", "kind": "DeleteOptions", **options})
    assert said.by_policy, said
    assert len(guarded.plane.api.call("GET", where)["items"]) > 0


@pytest.mark.claim("C-204")
def test_review_4_an_expression_that_cannot_be_computed_refuses(guarded: Installed, shop: Namespace) -> None:
    """The owner's floor as it is written down is no number, so that CEL's `int()` of it is an error, and the answer 422."""
    scaler = Scaler(guarded, shop)
    granted(guarded, shop)
    marks = {"metadata": {"annotations": {FLOOR_BEFORE: "two", FLOOR_RAISED: "2"}}}
    guarded.plane.api.call("PATCH", scaler.path(), marks, content_type=MERGE)
    said = scaler.patch(scaler.restored())
    assert said.status == UNCOMPUTED, said
    assert BY_POLICY in said.message
    assert f"'{autoscalers.NAME}'" in said.message
    assert "resulted in error" in said.message
    assert FLOOR_BEFORE in scaler.now()["metadata"]["annotations"]


@pytest.mark.claim("C-203")
def test_review_5_a_replacement_with_any_forgery_is_refused_like_every_patch(
    guarded: Installed, shop: Namespace
) -> None:
    release = Release(guarded, shop)
    once(lambda said: said.status == OK, lambda: by_json_patch(release, release.rolled_back(), query="?dryRun=All"))
    let_through = []
    for forge in FORGED_ROLLBACKS:
        said = once(lambda said: said.status != CONFLICT, partial(replaced_template, release, forge))
        if not said.by_policy or f"'{deployments.NAME}'" not in said.message:
            let_through.append(f"{forge.__name__}: {said.status} {said.message[:160]}")
    assert let_through == []


def replaced_template(release: Release, forge: Callable[[JSON], None]) -> Said:
    wanted = release.rolled_back()
    forge(wanted)
    wanted["metadata"]["resourceVersion"] = release.now()["metadata"]["resourceVersion"]
    return asked(release.guarded.agent(), "PUT", as_agent(release.path + "?dryRun=All"), wanted)


@pytest.mark.claim("C-204")
def test_review_5_a_replaced_autoscaler_is_refused_like_every_patch(guarded: Installed, shop: Namespace) -> None:
    scaler = Scaler(guarded, shop)
    granted(guarded, shop)
    refused_by = {}
    for forge in FORGED_FLOORS:
        said = once(lambda said: said.status != CONFLICT, partial(replaced, scaler, forge))
        refused_by[forge.__name__] = who_refused(said)
    assert refused_by == {name: expected_refusal(name) for name in refused_by}


def replaced(scaler: Scaler, forge: Callable[[JSON], None]) -> Said:
    patch, wanted = scaler.raised(), scaler.now()
    forge(patch)
    for part, fields in patch.items():
        for key, value in fields.items():
            wanted[part].pop(key, None)
            wanted[part] |= {} if value is None else {key: value}
    return asked(scaler.guarded.agent(), "PUT", as_agent(scaler.path() + "?dryRun=All"), wanted)
