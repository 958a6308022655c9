"""What is around a target: nodes, neighbours that share a cause, dependencies, and whatever would refuse a pod."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.domain.failures import Failure
from byteport.kubernetes import podsecurity
from byteport.kubernetes.messages import Refusal
from byteport.kubernetes.reading import read_situation
from byteport.kubernetes.surroundings import CommonCause, DependencyState, Surroundings
from byteport.kubernetes.world import World
from tests.builders.asking import deployment
from tests.builders.objects import JSON, container, event, namespace, node, owner, pod, simple, stamp, status, waiting
from tests.builders.workload import Workload


def around(shop: Workload, *beside: JSON, **more: Any) -> Surroundings:
    return seen(shop.world(*beside, **more))


def seen(world: World) -> Surroundings:
    return read_situation(world, deployment(), Failure.CRASHLOOP).surroundings


def others(*names: str, break_: bool = True, log: str = "") -> list[JSON]:
    found: list[JSON] = []
    for name in names:
        shop = Workload(name)
        if break_:
            shop.crash(0)
        found += [item for item in shop.objects() if item["kind"] not in ("Node", "Namespace")]
    return found


def test_pods_that_were_not_read_count_by_the_node_that_their_events_name() -> None:
    shop = Workload()
    shop.crash(0)
    told = [
        event(pod(f"{name}-6d8c7b9f55-x"), "BackOff", "Back-off restarting failed container", host="node-1")
        for name in ("cart", "pay")
    ]
    suspect = around(shop, *told).suspect(CommonCause.NODE, "node-1")
    assert suspect is not None
    assert suspect.targets == 3


def test_targets_that_fail_everywhere_do_not_make_one_node_suspect() -> None:
    shop = Workload()
    for index in range(5):
        shop.crash(index)
    bad = []
    for name in ("a", "b", "c"):
        other = Workload(name)
        for index in range(5):
            other.crash(index)
        bad += [item for item in other.objects() if item["kind"] not in ("Node", "Namespace")]
    assert around(shop, *bad).suspect(CommonCause.NODE, "node-1") is None


def test_a_zone_is_suspect_when_several_targets_fail_on_several_of_its_nodes() -> None:
    shop = Workload(nodes=4, replicas=4)
    shop.nodes = [node(f"node-{n + 1}", zone="a" if n < 2 else "b") for n in range(4)]
    bad = []
    for number, name in enumerate(("x", "y")):
        other = Workload(name, nodes=4, replicas=4)
        other.crash(number)
        bad += [item for item in other.objects() if item["kind"] not in ("Node", "Namespace")]
    shop.crash(0)
    found = around(shop, *bad).suspect(CommonCause.ZONE, "a")
    assert found is not None
    assert found.targets == 3


def test_a_registry_that_two_targets_cannot_pull_from_is_a_common_cause() -> None:
    shop, other = Workload(), Workload("other")
    for each in (shop, other):
        each.stuck(0, "ImagePullBackOff", "429 Too Many Requests")
    beside = [item for item in other.objects() if item["kind"] not in ("Node", "Namespace")]
    found = around(shop, *beside)
    assert found.suspect(CommonCause.REGISTRY, "registry.example.internal") is not None
    assert found.registries_failing == ("registry.example.internal",)


def test_two_bad_tags_do_not_make_a_registry_suspect() -> None:
    shop, other = Workload(), Workload("other", image="registry.example.internal/other:typo")
    for each in (shop, other):
        for index in range(5):
            each.stuck(index, "ImagePullBackOff", "manifest unknown")
    beside = [item for item in other.objects() if item["kind"] not in ("Node", "Namespace")]
    assert around(shop, *beside).suspect(CommonCause.REGISTRY, "registry.example.internal") is None


def database(*, ready: bool, since: float = 60) -> JSON:
    return pod("db-0", owners=[owner("StatefulSet", "db")], ready=ready, changed=since, labels={"app": "db"})


SERVICE = simple("Service", "db", spec={"selector": {"app": "db"}})
REFUSED = "dial tcp: connect to db.shop.svc:5432: connection refused"


def test_a_dependency_is_followed_through_its_service_to_the_pod_that_is_down() -> None:
    shop = Workload()
    shop.crash(0, log=REFUSED)
    (found,) = around(shop, SERVICE, database(ready=False)).dependencies
    assert (found.culprit, found.state) == ("Pod/db-0", DependencyState.DOWN)


def test_a_service_with_nobody_behind_it_is_down_on_a_cluster_and_unknown_in_a_bundle() -> None:
    shop = Workload()
    shop.crash(0, log=REFUSED)
    (found,) = around(shop, SERVICE).dependencies
    assert (found.culprit, found.state) == ("Service/db", DependencyState.DOWN)
    (saved,) = around(shop, SERVICE, complete=False).dependencies
    assert saved.state is DependencyState.UNKNOWN


def test_a_dependency_that_serves_is_up_since_its_pod_is() -> None:
    shop = Workload()
    shop.crash(0, log=REFUSED)
    (found,) = around(shop, SERVICE, database(ready=True, since=2)).dependencies
    assert found.state is DependencyState.UP
    assert found.up_since is not None


def test_an_address_is_given_an_object_by_its_ports_usual_tenant() -> None:
    shop = Workload()
    shop.crash(0, log="connect ECONNREFUSED 192.0.2.239:5432")
    lost = event(pod("postgres-0"), "FailedScheduling", "0/4 nodes are available", count=40)
    (found,) = around(shop, lost).dependencies
    assert found.culprit == "Pod/postgres-0"


def test_what_no_object_was_found_for_is_named_by_its_address() -> None:
    shop = Workload()
    shop.crash(0, log="connect ECONNREFUSED 192.0.2.239:7777")
    (found,) = around(shop).dependencies
    assert (found.culprit, found.state) == ("192.0.2.239:7777", DependencyState.UNKNOWN)


def test_a_budget_is_judged_by_the_eviction_apis_own_rule() -> None:
    def budget(status_: JSON, spec: JSON | None = None) -> JSON:
        whole = {"selector": {"matchLabels": {"app": "web"}}} | (spec or {})
        return simple("PodDisruptionBudget", "web", api="policy/v1", spec=whole, status=status_)

    shop = Workload()
    shop.crash(0)
    name = shop.name_of(0)
    short = {"disruptionsAllowed": 0, "currentHealthy": 4, "desiredHealthy": 5}
    assert around(shop, budget(short)).budget_of(name) == "web"
    assert around(shop, budget(short, spec={"unhealthyPodEvictionPolicy": "AlwaysAllow"})).budget_of(name) == ""
    enough = {"disruptionsAllowed": 0, "currentHealthy": 4, "desiredHealthy": 4}
    assert around(shop, budget(enough)).budget_of(name) == ""
    other = budget(short)
    other["spec"]["selector"] = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}
    assert around(shop, other).budget_of(name) == ""


@pytest.mark.parametrize(
    ("hard", "used", "refuses"),
    [
        ({"pods": "6"}, {"pods": "5"}, False),
        ({"pods": "5"}, {"pods": "5"}, True),
        ({"requests.memory": "1Gi"}, {"requests.memory": "800Mi"}, True),
        ({"requests.memory": "2Gi"}, {"requests.memory": "1Gi"}, False),
        ({"limits.cpu": "4"}, {"limits.cpu": "1"}, True),
        ({"services": "1"}, {"services": "1"}, False),
        ({"pods": "nonsense"}, {"pods": "5"}, False),
    ],
    ids=[
        "room",
        "no room",
        "too little memory",
        "memory fits",
        "a limit that the pod does not state",
        "other things",
        "no quantity",
    ],
)
def test_a_quota_must_have_room_for_one_more_pod(hard: JSON, used: JSON, *, refuses: bool) -> None:
    shop = Workload()
    found = shop.crash(0)
    found["spec"]["containers"][0]["resources"] = {"requests": {"memory": "512Mi"}}
    quota = simple("ResourceQuota", "team", status={"hard": hard, "used": used})
    blocked = [blocker.kind for blocker in around(shop, quota).blockers]
    assert blocked == ([Refusal.QUOTA] if refuses else [])


SAFE = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
PRIVILEGED = {"containers": [container(securityContext={"privileged": True})]}
HOST_PATH = {"containers": [container()], "volumes": [{"name": "h", "hostPath": {"path": "/"}}]}
PLAIN = {"containers": [container()]}
HARDENED = {"containers": [container(securityContext=SAFE)]}


@pytest.mark.parametrize(
    ("level", "spec", "refused"),
    [
        ("", PRIVILEGED, False),
        ("privileged", PRIVILEGED, False),
        ("baseline", PRIVILEGED, True),
        ("baseline", HOST_PATH, True),
        ("baseline", {"hostNetwork": True, **PLAIN}, True),
        ("baseline", PLAIN, False),
        ("restricted", PLAIN, True),
        ("restricted", HARDENED, False),
        ("restricted", {"initContainers": [container("i", "i:1")], **HARDENED}, True),
    ],
)
def test_a_pod_security_level_refuses_what_violates_it(level: str, spec: JSON, *, refused: bool) -> None:
    place = namespace("shop", **({"pod-security.kubernetes.io/enforce": level} if level else {}))
    assert podsecurity.refused(place, spec) is refused


def test_a_node_that_is_new_has_not_restarted() -> None:
    fresh = node("node-1", since=3)
    fresh["metadata"]["creationTimestamp"] = stamp(5)
    shop = Workload()
    shop.nodes[0] = fresh
    found = around(shop).node("node-1")
    assert found is not None
    assert found.restarted_at is None


def test_a_lease_holder_is_known_by_its_name_in_the_identity() -> None:
    shop = Workload()
    lease = simple("Lease", "leader", api="coordination.k8s.io/v1", spec={"holderIdentity": f"{shop.name_of(2)}_a1b2"})
    assert around(shop, lease).lease_of(shop.name_of(2)) == "leader"
    assert around(shop, lease).lease_of(shop.name_of(1)) == ""


def test_jobs_that_have_ended_hold_nothing_up() -> None:
    done = simple("Job", "db-migrate", api="batch/v1", status={"conditions": [{"type": "Complete", "status": "True"}]})
    assert not around(Workload(), done).migrating
    assert around(Workload(), simple("Job", "db-migrate", api="batch/v1", status={"active": 1})).migrating


def test_without_any_failing_pod_there_is_no_suspect() -> None:
    shop = Workload()
    shop.pods[0]["status"]["containerStatuses"] = [status(state=waiting("ContainerCreating"), ready=False)]
    assert around(shop, *others("a", "b", break_=False)).suspects == ()


def test_where_two_budgets_take_a_pod_in_the_eviction_api_gives_no_leave() -> None:
    shop = Workload()
    shop.crash(0)
    plenty = {"disruptionsAllowed": 3, "currentHealthy": 4, "desiredHealthy": 1}
    budgets = [
        simple(
            "PodDisruptionBudget",
            name,
            api="policy/v1",
            spec={"selector": {"matchLabels": {"app": "web"}}},
            status=plenty,
        )
        for name in ("one", "two")
    ]
    assert around(shop, budgets[0]).budget_of(shop.name_of(0)) == ""
    assert around(shop, *budgets).budget_of(shop.name_of(0)) == "one"
