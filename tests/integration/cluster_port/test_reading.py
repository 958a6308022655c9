"""Get, list and selectors; who may not."""

from __future__ import annotations

import pytest

from byteport.errors import NotPermitted, TargetGone
from byteport.kubernetes.port import DEPLOYMENTS, EVENTS, JSON, NAMESPACES, NODES, PODS, REPLICA_SETS
from byteport.sandbox.simulated import Right
from tests.integration.cluster_port.stages import Stage


async def test_an_object_is_given_whole_with_its_kind(stage: Stage) -> None:
    await stage.deploy("web", replicas=1, probed=False)
    item = await stage.complete("web")
    assert (item["apiVersion"], item["kind"]) == ("apps/v1", "Deployment")
    assert item["metadata"]["uid"]
    assert item["metadata"]["generation"] == 1
    assert item["metadata"]["annotations"] == {"deployment.kubernetes.io/revision": "1"}
    assert item["spec"]["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
    }
    assert (item["spec"]["revisionHistoryLimit"], item["spec"]["progressDeadlineSeconds"]) == (10, 600)
    assert item["spec"]["template"] == {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [
                {
                    "name": "app",
                    "image": "registry.example/app:1",
                    "imagePullPolicy": "IfNotPresent",
                    "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                }
            ],
            "dnsPolicy": "ClusterFirst",
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "terminationGracePeriodSeconds": 30,
        },
    }


async def test_an_object_that_is_not_there_is_gone(stage: Stage) -> None:
    with pytest.raises(TargetGone, match=f"pods {stage.namespace}/web-1"):
        await stage.port.get(PODS, stage.namespace, "web-1")


async def test_a_list_holds_objects_without_their_kind_and_a_version_to_watch_from(stage: Stage) -> None:
    await stage.deploy("web")
    await stage.complete("web")
    listed = await stage.port.list(PODS, stage.namespace)
    assert len(listed.items) == 2
    assert not [item for item in listed.items if "kind" in item or "apiVersion" in item]
    assert int(listed.resource_version) >= max(int(item["metadata"]["resourceVersion"]) for item in listed.items)


async def test_a_list_of_several_pages_is_whole(stage: Stage) -> None:
    await stage.deploy("web", replicas=5)
    await stage.complete("web")
    listed = await stage.port.list(PODS, stage.namespace, limit=2)
    assert len({item["metadata"]["uid"] for item in listed.items}) == 5


async def test_an_empty_namespace_means_every_namespace(stage: Stage) -> None:
    await stage.deploy("web", replicas=1)
    await stage.complete("web")
    listed = await stage.port.list(DEPLOYMENTS, "")
    assert (stage.namespace, "web") in {(i["metadata"]["namespace"], i["metadata"]["name"]) for i in listed.items}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("app=web", {"web"}),
        ("app==web", {"web"}),
        ("app!=web", {"api"}),
        ("app in (web, api)", {"web", "api"}),
        ("app notin (web)", {"api"}),
        ("app", {"web", "api"}),
        ("!app", set()),
        ("app=web,pod-template-hash", {"web"}),
        ("app=web,app=api", set()),
    ],
)
async def test_labels_select(stage: Stage, selector: str, expected: set[str]) -> None:
    await stage.deploy("web", replicas=1)
    await stage.deploy("api", replicas=1)
    await stage.complete("web")
    await stage.complete("api")
    listed = await stage.port.list(PODS, stage.namespace, labels=selector)
    assert {item["metadata"]["labels"]["app"] for item in listed.items} == expected


async def test_fields_select(stage: Stage) -> None:
    await stage.deploy("web", replicas=3)
    await stage.complete("web")
    pods = await stage.pods("web")
    name, node = pods[0]["metadata"]["name"], pods[0]["spec"]["nodeName"]

    async def names(fields: str) -> set[str]:
        listed = await stage.port.list(PODS, stage.namespace, fields=fields)
        return {item["metadata"]["name"] for item in listed.items}

    assert await names(f"metadata.name={name}") == {name}
    assert await names(f"metadata.name!={name}") == {pod["metadata"]["name"] for pod in pods[1:]}
    assert await names(f"spec.nodeName={node}") == {
        pod["metadata"]["name"] for pod in pods if pod["spec"]["nodeName"] == node
    }
    assert await names("status.phase=Running") == {pod["metadata"]["name"] for pod in pods}
    assert await names(f"status.phase=Running,metadata.name={name}") == {name}
    assert await names("status.phase=Failed") == set()


async def test_events_are_selected_by_the_object_they_are_about(stage: Stage) -> None:
    await stage.deploy("web", replicas=1)
    await stage.complete("web")
    pod = (await stage.pods("web"))[0]
    uid = pod["metadata"]["uid"]

    async def reasons() -> set[str]:
        listed = await stage.port.list(EVENTS, stage.namespace, fields=f"involvedObject.uid={uid}")
        return {item["reason"] for item in listed.items}

    async def all_there() -> bool:
        return await reasons() >= {"Scheduled", "Pulled", "Started"}

    await stage.eventually(all_there)
    listed = await stage.port.list(EVENTS, stage.namespace, fields=f"involvedObject.uid={uid}")
    by_reason = {item["reason"]: item for item in listed.items}
    assert by_reason["Scheduled"]["lastTimestamp"] is None
    assert by_reason["Scheduled"]["eventTime"]
    assert by_reason["Scheduled"]["reportingComponent"] == "default-scheduler"
    assert by_reason["Started"]["lastTimestamp"]
    assert by_reason["Started"]["source"] == {"component": "kubelet", "host": pod["spec"]["nodeName"]}
    assert by_reason["Started"]["involvedObject"]["fieldPath"] == "spec.containers{app}"


async def test_pods_are_owned_by_replica_sets_and_those_by_the_deployment(stage: Stage) -> None:
    await stage.deploy("web", replicas=1)
    deployment = await stage.complete("web")
    pod = (await stage.pods("web"))[0]
    replica_set = (await stage.port.list(REPLICA_SETS, stage.namespace)).items[0]
    owner = {"controller": True, "blockOwnerDeletion": True}
    assert pod["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": replica_set["metadata"]["name"],
            "uid": replica_set["metadata"]["uid"],
            **owner,
        }
    ]
    assert replica_set["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": "web",
            "uid": deployment["metadata"]["uid"],
            **owner,
        }
    ]
    hashed = replica_set["metadata"]["labels"]["pod-template-hash"]
    assert replica_set["metadata"]["name"] == f"web-{hashed}"
    assert replica_set["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": hashed}
    assert pod["metadata"]["labels"]["pod-template-hash"] == hashed
    assert pod["metadata"]["labels"]["topology.kubernetes.io/zone"].startswith("zone-")
    assert pod["metadata"]["generateName"] == f"web-{hashed}-"


async def test_three_nodes_are_ready_and_kube_system_has_a_uid(stage: Stage) -> None:
    nodes = (await stage.port.list(NODES, "")).items
    assert [node["metadata"]["name"] for node in nodes] == ["node-1", "node-2", "node-3"]
    for node in nodes:
        conditions = {item["type"]: item["status"] for item in node["status"]["conditions"]}
        assert conditions["Ready"] == "True"
        assert conditions["DiskPressure"] == conditions["MemoryPressure"] == conditions["PIDPressure"] == "False"
    system = await stage.port.get(NAMESPACES, "", "kube-system")
    assert len(system["metadata"]["uid"]) == 36
    assert system["metadata"]["labels"] == {"kubernetes.io/metadata.name": "kube-system"}


async def test_what_the_credential_may_not_read_is_not_permitted(stage: Stage) -> None:
    async with stage.without(Right("list", PODS)) as port:
        with pytest.raises(NotPermitted, match=f"list pods in {stage.namespace}"):
            await port.list(PODS, stage.namespace)
        assert (await port.list(DEPLOYMENTS, stage.namespace)).items == []


async def test_a_review_says_what_the_credential_may_do(stage: Stage) -> None:
    async with stage.without(Right("delete", PODS)) as port:
        assert not await port.review("delete", PODS, stage.namespace)
        assert await port.review("get", PODS, stage.namespace)
        assert await port.review("create", PODS, stage.namespace, subresource="eviction")
        assert not await port.review("create", PODS, stage.namespace)


async def test_all_rules_of_a_namespace_are_told_and_one_that_is_gone_is_not_among_them(stage: Stage) -> None:
    def deletes(status: JSON) -> bool:
        rules = [(set(one["resources"]), set(one["verbs"])) for one in status["resourceRules"]]
        return any({"pods", "*"} & resources and {"delete", "*"} & verbs for resources, verbs in rules)

    assert deletes(await stage.port.rules(stage.namespace))
    async with stage.without(Right("delete", PODS)) as port:
        assert not deletes(await port.rules(stage.namespace))


async def test_who_we_are_and_whom_we_ask_is_told(stage: Stage) -> None:
    assert (await stage.port.identity())["username"]
    assert (await stage.port.server_version()).startswith("v1.37")
