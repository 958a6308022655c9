"""Bundles of pods in which a delete would mend nothing, or do harm, though they look like those of `saved.py`."""

from __future__ import annotations

from tests.builders.objects import (
    JSON,
    container,
    event,
    node,
    owner,
    pod,
    simple,
    stamp,
    status,
    terminated,
    waiting,
)
from tests.builders.saved import Saved, of
from tests.builders.workload import IMAGE, Workload

# what it would not mend, though it looks alike


def leader_and_standby() -> Saved:
    shop = Workload(replicas=2, nodes=2)
    shop.unready(0, since=50)
    return of(shop, 0)


def unready_while_it_migrates() -> Saved:
    shop = Workload()
    shop.unready(0, since=50)
    return of(shop, 0, log=["migration: 41% (12400000/30100000 documents)"])


def unready_while_it_restores() -> Saved:
    shop = Workload()
    shop.unready(0, since=50)
    return of(shop, 0, log=["replaying journal segment 812 of 2210"])


def node_without_a_network() -> Saved:
    shop = Workload()
    shop.crash(0)
    shop.nodes[0]["status"]["conditions"].append({"type": "NetworkUnavailable", "status": "True"})
    return of(shop, 0, nodes=True)


def cluster_without_room() -> Saved:
    shop = Workload()
    shop.crash(0)
    other = pod("basket-5d8c7b6f9d-z", node="", ready=False, phase="Pending", statuses=[], created=3)
    shop.events.append(event(other, "FailedScheduling", "0/5 nodes are available: 5 Insufficient cpu.", count=12))
    return of(shop, 0)


def being_scaled_down() -> Saved:
    shop = Workload()
    shop.crash(0)
    shop.deployment["spec"]["replicas"] = 3
    return of(shop, 0)


def crash_with_a_claim() -> Saved:
    shop = Workload()
    shop.crash(0)
    shop.pods[0]["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    return of(shop, 0)


def poison_message() -> Saved:
    shop = Workload()
    shop.crash(0)
    return of(shop, 0, log=["failed to process message 91822 at offset 7712: unexpected end of input"])


def expired_licence() -> Saved:
    shop = Workload()
    shop.crash(0)
    return of(shop, 0, log=["startup aborted: license expired on 2026-03-09"])


def secret_rotated() -> Saved:
    shop = Workload()
    shop.crash(0)
    return of(shop, 0, log=['FATAL: password authentication failed for user "shop"'])


def killed_by_nobody_knows_whom() -> Saved:
    shop = Workload()
    shop.crash(0, code=137)
    return of(shop, 0)


def child_killed_for_memory() -> Saved:
    shop = Workload()
    shop.crash(0, code=1, reason="OOMKilled")
    return of(shop, 0)


def java_heap() -> Saved:
    shop = Workload()
    shop.crash(0, code=3)
    return of(shop, 0, log=["java.lang.OutOfMemoryError: Java heap space"])


def new_pod_after_a_changed_secret() -> Saved:
    shop = Workload()
    shop.crash(0, since=40)
    shop.pods[0]["metadata"]["creationTimestamp"] = shop.pods[0]["status"]["startTime"] = stamp(40)
    return of(shop, 0)


def dependency_by_name() -> Saved:
    shop = Workload()
    shop.crash(0)
    database = pod("db-0", owners=[owner("StatefulSet", "db")], ready=False, changed=40, labels={"app": "db"})
    shop.extra += [database, simple("Service", "db", spec={"selector": {"app": "db"}})]
    return of(shop, 0, log=["dial tcp: connect to db.shop.svc.cluster.local:5432: connection refused"])


def memory_backed_ipc() -> Saved:
    shop = Workload()
    shop.crash(0, code=135)
    return of(shop, 0)


def graphics_card() -> Saved:
    shop = Workload()
    shop.crash(0, code=1)
    return of(shop, 0, log=["CUDA error: no device found on this host"])


def fresh_node_restart() -> Saved:
    shop = Workload()
    shop.crash(0)
    shop.nodes[0] = node("node-1", since=5)
    shop.events.append(event(shop.nodes[0], "Rebooted", "Node node-1 has been rebooted", last=6))
    return of(shop, 0, nodes=True)


def dead_node() -> Saved:
    shop = Workload()
    shop.unready(0, since=12)
    shop.nodes[0] = node("node-1", ready="Unknown", since=12)
    return of(shop, 0, nodes=True)


def cordoned_node() -> Saved:
    shop = Workload()
    shop.crash(0)
    shop.nodes[0]["spec"]["unschedulable"] = True
    return of(shop, 0, nodes=True)


def held_lease() -> Saved:
    shop = Workload()
    shop.unready(0)
    shop.extra.append(simple("Lease", "web", api="coordination.k8s.io/v1", spec={"holderIdentity": shop.name_of(0)}))
    return of(shop, 0)


def budget_without_room() -> Saved:
    shop = Workload()
    shop.crash(0)
    spec = {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": 5}
    state = {"disruptionsAllowed": 0, "currentHealthy": 4, "desiredHealthy": 5}
    shop.extra.append(simple("PodDisruptionBudget", "web", api="policy/v1", spec=spec, status=state))
    return of(shop, 0)


def replacement_refused_by_quota() -> Saved:
    shop = Workload()
    shop.crash(0)
    shop.extra.append(simple("ResourceQuota", "team", status={"hard": {"pods": "5"}, "used": {"pods": "5"}}))
    return of(shop, 0)


def no_matching_architecture_on_one_node() -> Saved:
    shop = Workload()
    found = shop.stuck(0, "ImagePullBackOff", "no matching manifest for linux/arm64 in the manifest list entries")
    shop.events.append(
        event(found, "Failed", f'Failed to pull image "{IMAGE}:7": no matching manifest for linux/arm64', count=9)
    )
    return of(shop, 0)


def never_pulled() -> Saved:
    shop = Workload()
    shop.stuck(0, "ErrImageNeverPull", "Container image is not present with pull policy of Never")
    return of(shop, 0)


def registry_without_answer() -> Saved:
    shop = Workload()
    found = shop.stuck(0, "ImagePullBackOff", "Back-off pulling image")
    message = f'Failed to pull image "{IMAGE}:7": Get "https://registry.example.internal/v2/": dial tcp: i/o timeout'
    shop.events.append(event(found, "Failed", message, count=9))
    return of(shop, 0)


def missing_config_map() -> Saved:
    shop = Workload()
    shop.stuck(0, "CreateContainerConfigError", 'configmap "web-settings" not found')
    return of(shop, 0)


def volume_still_attached_elsewhere() -> Saved:
    shop = Workload(replicas=1)
    found = shop.stuck(0, "ContainerCreating")
    found["metadata"]["creationTimestamp"] = found["status"]["startTime"] = stamp(30)
    message = 'Multi-Attach error for volume "pvc-1" Volume is already exclusively attached to one node'
    shop.events.append(event(found, "FailedAttachVolume", message, count=12))
    return of(shop, 0)


def init_waits_for_ever() -> Saved:
    lone = pod(
        "lone-6b7c8d9f44-x",
        owners=[owner("ReplicaSet", "lone-6b7c8d9f44")],
        labels={"pod-template-hash": "6b7c8d9f44"},
        init=[container("wait-for-db", "busybox:1")],
        init_statuses=[status("wait-for-db", ready=False, started=True)],
        statuses=[status(state=waiting("PodInitializing"), ready=False)],
        ready=False,
        created=120,
        phase="Pending",
    )
    return Saved([lone], ["waiting for database to be ready: db:5432"])


def unschedulable() -> Saved:
    lone = pod(
        "lone-6b7c8d9f44-x",
        owners=[owner("ReplicaSet", "lone-6b7c8d9f44")],
        node="",
        ready=False,
        created=45,
        phase="Pending",
        statuses=[],
    )
    return Saved([lone, event(lone, "FailedScheduling", "0/4 nodes are available: 4 Insufficient memory.", count=40)])


def job_crash() -> Saved:
    lone = pod(
        "report-1-x",
        owners=[owner("Job", "report-1", api="batch/v1")],
        statuses=[status(state=waiting("CrashLoopBackOff"), last=terminated(1), restarts=5, ready=False)],
        ready=False,
        changed=30,
        spec={"restartPolicy": "OnFailure"},
    )
    return Saved([lone])


def sidecar_kills_nobody_but_itself() -> Saved:
    shop = Workload()
    found = shop.pods[0]
    found["spec"]["containers"].append(container("agent", "agent:1"))
    found["status"]["containerStatuses"].append(
        status(
            "agent",
            image="agent:1",
            state=waiting("CrashLoopBackOff"),
            last=terminated(1, "OOMKilled"),
            restarts=30,
            ready=False,
        )
    )
    for condition in found["status"]["conditions"][2:]:
        condition |= {"status": "False", "lastTransitionTime": stamp(20)}
    return of(shop, 0)


def squeezed_limit() -> Saved:
    shop = Workload()
    shop.crash(0, code=137, reason="OOMKilled")
    for kept, limit in ((shop.current["spec"]["template"]["spec"], "1Gi"), (shop.pods[0]["spec"], "64Mi")):
        kept["containers"][0]["resources"] = {"limits": {"memory": limit}}
    return of(shop, 0)


def six_targets_one_node() -> Saved:
    objects: list[JSON] = [node("node-1"), node("node-2")]
    for number in range(6):
        shop = Workload(f"app{number}", nodes=2, replicas=4)
        shop.crash(0)
        objects += [item for item in shop.objects() if item["kind"] not in ("Node", "Namespace")]
    return Saved(objects)


def pushed_out_again_and_again() -> Saved:
    shop = Workload(replicas=3, nodes=3)
    leftovers = []
    for number, when in enumerate((50, 30, 9)):
        gone = pod(
            f"{shop.current['metadata']['name']}-e{number}",
            owners=[owner("ReplicaSet", shop.current["metadata"]["name"], shop.current["metadata"]["uid"])],
            phase="Failed",
            statuses=[],
            created=when + 20,
            more_status={"reason": "Evicted", "message": "Pod ephemeral local storage usage exceeds the total limit"},
        )
        gone["status"]["conditions"] = [
            {"type": "DisruptionTarget", "status": "True", "lastTransitionTime": stamp(when)}
        ]
        leftovers.append(gone)
    shop.extra += leftovers
    return of(shop)
