"""What only tests do to the simulated cluster: interrupt calls, take rights away, read who wrote; and what it refuses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from byteport.errors import NotPermitted, PreconditionFailed, TargetGone, Throttled, UnknownOutcome
from byteport.kubernetes.port import DEPLOYMENTS, JSON, NAMESPACES, NODES, PODS, Attribution, Resource
from byteport.sandbox.simulated import ManualClock, NotModelled, Right, SimulatedCluster

BY = Attribution("a1", "", "byteport")
IMAGE = {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "web:2"}


@pytest.fixture
async def cluster() -> SimulatedCluster:
    cluster = SimulatedCluster(ManualClock())
    await cluster.deploy("shop/web", image="web:1", replicas=1)
    cluster.advance(1)
    return cluster


async def _pod(cluster: SimulatedCluster) -> JSON:
    metadata: JSON = (await cluster.list(PODS, "shop")).items[0]["metadata"]
    return metadata


async def _delete(cluster: SimulatedCluster, pod: JSON) -> None:
    await cluster.delete(PODS, "shop", pod["name"], uid=pod["uid"], resource_version=pod["resourceVersion"], by=BY)


async def test_an_answer_that_is_lost_leaves_its_effect(cluster: SimulatedCluster) -> None:
    pod = await _pod(cluster)
    cluster.fail_next("delete", UnknownOutcome("lost"), applied=True)
    with pytest.raises(UnknownOutcome):
        await _delete(cluster, pod)
    assert (await _pod(cluster))["uid"] != pod["uid"]
    assert [one.verb for one in cluster.mutations()] == ["delete"]


async def test_a_call_that_fails_before_it_arrives_leaves_nothing(cluster: SimulatedCluster) -> None:
    pod = await _pod(cluster)
    cluster.fail_next("delete", Throttled("slow down", timedelta(seconds=7)), times=2)
    for _ in range(2):
        with pytest.raises(Throttled):
            await _delete(cluster, pod)
    assert (await _pod(cluster))["uid"] == pod["uid"]
    assert cluster.mutations() == []
    await _delete(cluster, pod)
    assert len(cluster.mutations()) == 1


async def test_an_interrupted_watch_raises_when_it_is_read(cluster: SimulatedCluster) -> None:
    cluster.fail_next("watch", Throttled("slow down"))
    with pytest.raises(Throttled):
        await anext(cluster.watch(PODS, "", resource_version="1000"))


async def test_every_write_is_kept_with_who_made_it_and_a_refused_one_is_not(cluster: SimulatedCluster) -> None:
    pod = await _pod(cluster)
    await cluster.patch(DEPLOYMENTS, "shop", "web", [IMAGE], by=BY, dry_run=True)
    await cluster.patch(DEPLOYMENTS, "shop", "web", [IMAGE], by=BY)
    with pytest.raises(PreconditionFailed):
        await cluster.patch(DEPLOYMENTS, "shop", "web", [{"op": "test", "path": "/kind", "value": "x"}], by=BY)
    (write,) = cluster.mutations()
    assert (write.verb, write.resource, write.namespace, write.name) == ("patch", DEPLOYMENTS, "shop", "web")
    assert (write.by, write.operations, write.at) == (BY, (IMAGE,), cluster.now)
    assert [one.dry_run for one in cluster.dry_runs()] == [True]
    assert pod["uid"] not in {one.uid for one in cluster.mutations()}


async def test_what_the_administrator_does_is_not_the_agents(cluster: SimulatedCluster) -> None:
    await cluster.deploy("shop/web", image="web:3")
    await cluster.scale("shop/web", 2)
    await cluster.remove(PODS, "shop", (await _pod(cluster))["name"])
    assert cluster.mutations() == []


async def test_a_right_can_be_missing_in_one_namespace_only(cluster: SimulatedCluster) -> None:
    await cluster.deploy("other/web", image="web:1")
    cluster.access.revoke(Right("list", PODS, namespace="shop"))
    with pytest.raises(NotPermitted):
        await cluster.list(PODS, "shop")
    assert (await cluster.list(PODS, "other")).items
    assert not await cluster.review("list", PODS, "shop")
    assert await cluster.review("list", PODS, "other")


async def test_rights_are_those_of_the_acts_and_no_more(cluster: SimulatedCluster) -> None:
    assert await cluster.review("patch", DEPLOYMENTS, "shop")
    assert await cluster.review("create", PODS, "shop", subresource="exec")
    for verb, resource in (("create", PODS), ("patch", PODS), ("delete", DEPLOYMENTS), ("patch", NODES)):
        assert not await cluster.review(verb, resource, "shop")
    assert not await cluster.review("get", Resource("", "v1", "secrets"), "shop")


async def test_a_namespace_goes_with_all_that_is_in_it(cluster: SimulatedCluster) -> None:
    await cluster.remove(NAMESPACES, "", "shop")
    assert (await cluster.list(PODS, "")).items == []
    with pytest.raises(TargetGone):
        await cluster.get(DEPLOYMENTS, "shop", "web")


async def test_a_deployment_deleted_and_applied_again_has_another_uid_and_no_history(cluster: SimulatedCluster) -> None:
    before = (await cluster.get(DEPLOYMENTS, "shop", "web"))["metadata"]
    await cluster.remove(DEPLOYMENTS, "shop", "web")
    after = (await cluster.deploy("shop/web", image="web:1"))["metadata"]
    cluster.advance(1)
    assert before["uid"] != after["uid"]
    kept = await cluster.get(DEPLOYMENTS, "shop", "web")
    assert kept["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"


async def test_a_node_under_pressure_takes_no_new_pods(cluster: SimulatedCluster) -> None:
    for name in ("node-1", "node-2", "node-3"):
        await cluster.set_node_condition(name, "DiskPressure", "True", "KubeletHasDiskPressure")
    await cluster.scale("shop/web", 3)
    cluster.advance(2)
    pending = (await cluster.list(PODS, "shop", fields="status.phase=Pending")).items
    assert len(pending) == 2
    conditions = {item["type"]: item for item in pending[0]["status"]["conditions"]}
    assert conditions["PodScheduled"]["reason"] == "Unschedulable"
    await cluster.set_node_condition("node-2", "DiskPressure", "False", "KubeletHasNoDiskPressure")
    cluster.advance(2)
    assert {pod["spec"]["nodeName"] for pod in (await cluster.list(PODS, "shop")).items} >= {"node-2"}


async def test_a_server_side_apply_is_kept_as_one(cluster: SimulatedCluster) -> None:
    item = await cluster.get(DEPLOYMENTS, "shop", "web")
    item["spec"]["template"]["spec"]["containers"][0]["image"] = "web:4"
    await cluster.apply(item, manager="helm", server_side=True)
    entries = (await cluster.get(DEPLOYMENTS, "shop", "web"))["metadata"]["managedFields"]
    assert [(entry["manager"], entry["operation"]) for entry in entries] == [("helm", "Apply")]


async def _nothing(cluster: SimulatedCluster, **deployment: Any) -> None:
    item = await cluster.get(DEPLOYMENTS, "shop", "web")
    await cluster.apply({**item, "spec": {**item["spec"], **deployment}})


async def test_what_is_not_modelled_is_refused_by_name(cluster: SimulatedCluster) -> None:
    with pytest.raises(NotModelled, match="PersistentVolumeClaim"):
        await cluster.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "x"}})
    with pytest.raises(NotModelled, match="field selector"):
        await cluster.list(PODS, "shop", fields="status.qosClass=Burstable")
    with pytest.raises(NotModelled, match="label selector"):
        await cluster.list(PODS, "shop", labels="app > 3")
    with pytest.raises(NotModelled, match="'move'"):
        await cluster.patch(DEPLOYMENTS, "shop", "web", [{"op": "move", "from": "/a", "path": "/b"}], by=BY)
    with pytest.raises(NotModelled, match="fault"):
        await cluster.annotate_pod("shop", (await _pod(cluster))["name"], {"sim.byteport.io/fault": "gremlins"})


async def test_a_right_to_what_is_not_modelled_does_not_make_it_so(cluster: SimulatedCluster) -> None:
    secrets = Resource("", "v1", "secrets")
    with pytest.raises(NotPermitted):
        await cluster.list(secrets, "shop")
    cluster.access.grant(Right("list", secrets))
    with pytest.raises(NotModelled):
        await cluster.list(secrets, "shop")
    cluster.access.grant(Right("patch", NODES))
    with pytest.raises(NotModelled):
        await cluster.patch(NODES, "", "node-1", [IMAGE], by=BY)


async def test_placement_that_the_simulated_scheduler_cannot_honour_is_refused(cluster: SimulatedCluster) -> None:
    item = await cluster.get(DEPLOYMENTS, "shop", "web")
    item["spec"]["template"]["spec"]["affinity"] = {"podAntiAffinity": {}} | {"nodeAffinity": {"x": 1}}
    with pytest.raises(NotModelled, match="affinity"):
        await cluster.apply(item)


async def test_it_says_that_it_is_simulated(cluster: SimulatedCluster) -> None:
    assert cluster.simulated
    assert "simulated" in await cluster.server_version()
