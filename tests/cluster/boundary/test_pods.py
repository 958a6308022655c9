"""What the agent's token can do to pods: delete one that is not Ready and comes again, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.sandbox.controlplane import Fault
from tests.cluster.boundary.conftest import APP
from tests.cluster.boundary.installed import Installed, Said, asked, once
from tests.cluster.workloads import Namespace, eventually, fault_annotations

JSON = dict[str, Any]

CONFLICT = 409


def crashing(shop: Namespace, name: str = "broken") -> JSON:
    """A pod of a Deployment that has begun to crash and is not Ready."""
    shop.deploy(name, annotations=fault_annotations(Fault.CRASH))
    return eventually(lambda: next((pod for pod in shop.pods(name) if not is_ready(pod) and "status" in pod), None))


def is_ready(pod: JSON) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def path(shop: Namespace, name: str = "", sub: str = "") -> str:
    whole = f"/api/v1/namespaces/{shop.name}/pods"
    return whole + (f"/{name}" if name else "") + (f"/{sub}" if sub else "")


DRY = {"dryRun": ["All"]}
"""Of a delete that is let through until what was written a moment ago is in force: else there would be nothing to try again."""


def preconditions(pod: JSON, without: str = "") -> JSON:
    fields = {key: pod["metadata"][key] for key in ("uid", "resourceVersion") if key != without}
    return {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": fields}


def deleted(
    guarded: Installed, shop: Namespace, pod: JSON, *, without: str = "", options: JSON | None = None, query: str = ""
) -> Said:
    """A delete of the pod as it is at this moment; its controllers may write to it in between."""
    name = pod["metadata"]["name"]

    def tried() -> Said:
        now = guarded.plane.api.call("GET", path(shop, name))
        body = preconditions(now, without) | (options or {})
        return asked(guarded.agent(), "DELETE", path(shop, name) + query, body)

    return once(lambda said: said.status != CONFLICT, tried)


def make(shop: Namespace, body: JSON) -> JSON:
    container = {"name": "app", "image": "registry.example/app:1"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": [container]}}
    pod["metadata"] |= body.get("metadata", {})
    pod["spec"] |= body.get("spec", {})
    return shop.plane.api.call("POST", path(shop), pod)


@pytest.mark.claim("C-221")
def test_critique_b2_an_unready_pod_of_a_replica_set_may_be_deleted(guarded: Installed, shop: Namespace) -> None:
    assert deleted(guarded, shop, crashing(shop)).status == 200


@pytest.mark.claim("C-201")
def test_critique_0_2_a_ready_pod_may_not(guarded: Installed, shop: Namespace) -> None:
    said = deleted(guarded, shop, shop.pods(APP)[0])
    assert said.by_policy
    assert "the pod is Ready" in said.message


@pytest.mark.claim("C-201")
@pytest.mark.parametrize("left_out", ["uid", "resourceVersion"])
def test_critique_0_2_a_delete_without_both_preconditions_is_refused(
    guarded: Installed, shop: Namespace, left_out: str
) -> None:
    said = deleted(guarded, shop, crashing(shop), without=left_out)
    assert said.by_policy
    assert "preconditions" in said.message


@pytest.mark.claim("C-201")
@pytest.mark.parametrize(
    "options",
    [
        {"gracePeriodSeconds": 0},
        {"gracePeriodSeconds": 1},
        {"gracePeriodSeconds": 86400},
        {"propagationPolicy": "Orphan"},
        {"propagationPolicy": "Foreground"},
        {"orphanDependents": True},
        {"gracePeriodSeconds": 0, "propagationPolicy": "Orphan"},
    ],
    ids=lambda options: "-".join(options),
)
def test_a_delete_that_forces_or_orphans_is_refused(guarded: Installed, shop: Namespace, options: JSON) -> None:
    """Without its time to end the pod's name is free while its containers may still run."""
    pod = crashing(shop)
    assert deleted(guarded, shop, pod, options=options).by_policy
    assert deleted(guarded, shop, pod, options=options, query="?dryRun=All").by_policy


@pytest.mark.claim("C-221")
def test_a_delete_as_the_agent_sends_it_is_let_through(guarded: Installed, shop: Namespace) -> None:
    assert deleted(guarded, shop, crashing(shop), options={"propagationPolicy": "Background"}).status == 200


@pytest.mark.claim("C-221")
def test_a_pod_that_no_node_has_taken_is_deleted_like_any_other(guarded: Installed, shop: Namespace) -> None:
    """The API server itself gives such a pod no time to end, which is not to be taken for a delete that forces."""
    labels = {"app": "waiting"}
    container = {"name": "app", "image": "registry.example/app:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "schedulerName": "nobody"}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "waiting"}, "spec": spec}
    guarded.plane.api.call("POST", f"/apis/apps/v1/namespaces/{shop.name}/deployments", body)
    waiting = eventually(lambda: shop.pods("waiting"))[0]
    assert "nodeName" not in waiting["spec"]
    assert deleted(guarded, shop, waiting, options={"propagationPolicy": "Background"}).status == 200


@pytest.mark.claim("C-201")
def test_critique_0_2_a_bare_pod_is_gone_for_good_and_is_not_deleted(guarded: Installed, shop: Namespace) -> None:
    said = deleted(guarded, shop, make(shop, {"metadata": {"name": "bare"}}))
    assert said.by_policy
    assert "no ReplicaSet would make the pod again" in said.message


@pytest.mark.claim("C-201")
@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_critique_0_2_what_another_controller_makes_is_not_deleted(
    guarded: Installed, shop: Namespace, kind: str
) -> None:
    labels = {"app": "db"}
    annotations = fault_annotations(Fault.CRASH)
    container = {"name": "app", "image": "registry.example/db:1"}
    template = {"metadata": {"labels": labels, "annotations": annotations}, "spec": {"containers": [container]}}
    spec: JSON = {"selector": {"matchLabels": labels}, "template": template}
    spec |= {"serviceName": "db", "replicas": 1} if kind == "StatefulSet" else {}
    body = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "db"}, "spec": spec}
    guarded.plane.api.call("POST", f"/apis/apps/v1/namespaces/{shop.name}/{kind.lower()}s", body)
    said = deleted(guarded, shop, eventually(lambda: shop.pods("db"))[0])
    assert said.by_policy
    assert "no ReplicaSet would make the pod again" in said.message


@pytest.mark.claim("C-201")
def test_review_7_a_replica_set_of_another_group_is_none(guarded: Installed, shop: Namespace) -> None:
    """Whoever may edit pods writes owners at will."""
    owner = {"apiVersion": "example.com/v1", "kind": "ReplicaSet", "name": "db", "controller": True}
    metadata = {"name": "of-none", "ownerReferences": [owner | {"uid": "1b1d5a0e-0000-4000-8000-000000000001"}]}
    assert deleted(guarded, shop, make(shop, {"metadata": metadata})).by_policy


@pytest.mark.claim("C-201")
@pytest.mark.parametrize(
    "volume",
    [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
        {
            "name": "data",
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
                }
            },
        },
    ],
    ids=["claim", "ephemeral"],
)
def test_critique_0_2_a_pod_that_holds_a_claim_is_not_deleted(
    guarded: Installed, shop: Namespace, volume: JSON
) -> None:
    container = {"name": "app", "image": "registry.example/app:1"}
    labels = {"app": "held"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": [volume]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "held"}, "spec": spec}
    guarded.plane.api.call("POST", f"/apis/apps/v1/namespaces/{shop.name}/deployments", body)
    held = eventually(lambda: shop.pods("held"))[0]
    said = deleted(guarded, shop, held)
    assert said.by_policy
    assert "claim" in said.message


@pytest.mark.claim("C-208")
def test_critique_b1_nothing_is_deleted_once_the_label_is_gone(guarded: Installed, shop: Namespace) -> None:
    pod = crashing(shop)
    guarded.plane.kubectl("label", "namespace", shop.name, "byteport.io/enabled-")
    said = once(lambda said: said.by_policy, lambda: deleted(guarded, shop, pod, options=DRY))
    assert "byteport.io/enabled" in said.message


@pytest.mark.claim("C-201")
def test_review_4_a_whole_collection_is_never_deleted(guarded: Installed, shop: Namespace) -> None:
    crashing(shop)
    said = asked(guarded.agent(), "DELETE", path(shop))
    assert said.by_rights


@pytest.mark.claim("C-202")
def test_critique_0_2_an_eviction_is_a_dry_run_in_the_query_or_is_refused(guarded: Installed, shop: Namespace) -> None:
    pod = shop.pods(APP)[0]["metadata"]["name"]
    body: JSON = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": shop.name}}
    where, agent = path(shop, pod, "eviction"), guarded.agent()
    for refused in (body, body | {"deleteOptions": {"dryRun": ["All"]}}):
        said = asked(agent, "POST", where, refused)
        assert said.by_policy
        assert "dry run" in said.message
    assert asked(agent, "POST", f"{where}?dryRun=All", body).status == 200
    assert pod in [one["metadata"]["name"] for one in shop.pods(APP)]


@pytest.mark.parametrize("sub", ["", "status", "ephemeralcontainers", "resize", "binding"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_review_4_no_pod_is_made_or_changed_through_any_subresource(
    guarded: Installed, shop: Namespace, sub: str, method: str
) -> None:
    name = "" if method == "POST" and not sub else shop.pods(APP)[0]["metadata"]["name"]
    said = asked(
        guarded.agent(),
        method,
        path(shop, name, sub),
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name or "new"}},
        content_type="application/merge-patch+json" if method == "PATCH" else "application/json",
    )
    assert said.by_rights, said
