"""When a floor may be raised, and to what: each guard both ways."""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteport.domain.plans import RaiseFloorPlan, Refused, restore_of
from byteport.domain.policy import PolicyConfig
from byteport.domain.reasons import Reason
from tests.builders.loads import Spiking, ask_cpu, raised
from tests.builders.memory import AUTO
from tests.builders.objects import JSON, NOW, event, node, simple, stamp, terminated
from tests.builders.sampled import examples

ACTED = NOW - timedelta(minutes=5)


def planned(shop: Spiking, config: PolicyConfig = AUTO) -> RaiseFloorPlan:
    answer = ask_cpu(shop.world(), config=config)
    assert isinstance(answer.plan, RaiseFloorPlan), answer.plan
    return answer.plan


def refused(shop: Spiking) -> tuple[Reason, ...]:
    answer = ask_cpu(shop.world())
    assert isinstance(answer.plan, Refused), answer.plan
    assert answer.escalates
    return answer.reasons


# a vertical autoscaler on the same resource


@pytest.mark.parametrize(
    ("mark", "refuses"),
    [
        ("Pod resources updated by web: container 0: cpu request, memory request", True),
        ("Pod resources updated by web: container 0: memory request, memory limit", False),
        ("", False),
    ],
)
def test_no_floor_is_raised_where_a_vertical_autoscaler_sets_what_the_percentage_is_of(
    mark: str, refuses: bool
) -> None:
    shop = Spiking()
    for pod in shop.pods:
        pod["metadata"]["annotations"] = {"vpaUpdates": mark}
    if refuses:
        assert Reason.OWNED_BY_CONTROLLER in refused(shop)
    else:
        assert planned(shop).floor_to == 19


@pytest.mark.parametrize(
    ("mode", "policies", "refuses"),
    [
        ("Recreate", None, True),
        (None, None, True),
        ("Off", None, False),
        ("Recreate", [{"containerName": "*", "controlledResources": ["memory"]}], False),
        ("Recreate", [{"containerName": "*", "controlledResources": ["cpu"]}], True),
    ],
)
def test_a_saved_vertical_autoscaler_of_the_workload_counts_by_its_mode_and_its_resources(
    mode: str | None, policies: list[JSON] | None, refuses: bool
) -> None:
    shop = Spiking()
    spec: JSON = {"targetRef": {"kind": "Deployment", "name": "web"}}
    if mode is not None:
        spec["updatePolicy"] = {"updateMode": mode}
    if policies is not None:
        spec["resourcePolicy"] = {"containerPolicies": policies}
    shop.extra.append(simple("VerticalPodAutoscaler", "web", spec=spec))
    if refuses:
        assert Reason.OWNED_BY_CONTROLLER in refused(shop)
    else:
        assert planned(shop).floor_to == 19


# how far


@pytest.mark.parametrize(
    ("current", "usage", "target", "floor"), [(4, 186, 40, 19), (4, 100, 50, 8), (5, 91, 60, 8), (1, 300, 100, 3)]
)
def test_the_floor_goes_as_far_as_the_autoscalers_own_arithmetic(
    current: int, usage: int, target: int, floor: int
) -> None:
    assert planned(Spiking(replicas=current, usage=usage, target=target, floor=1)).floor_to == floor


def test_the_floor_never_goes_above_the_ceiling() -> None:
    assert planned(Spiking(ceiling=12)).floor_to == 12


@settings(max_examples=examples(60), deadline=None)
@given(
    current=st.integers(0, 40),
    usage=st.integers(0, 2000),
    target=st.integers(1, 200),
    floor=st.integers(0, 30),
    ceiling=st.integers(1, 80),
)
def test_whatever_the_figures_a_plan_stays_within_bounds_and_arithmetic(
    current: int, usage: int, target: int, floor: int, ceiling: int
) -> None:
    shop = Spiking(current=current, usage=usage, target=target, floor=floor, ceiling=ceiling, desired=current)
    answer = ask_cpu(shop.world())
    if isinstance(answer.plan, RaiseFloorPlan):
        assert 1 <= floor < answer.plan.floor_to <= ceiling
        assert answer.plan.floor_to <= -(-current * usage // target)
        assert answer.plan.floor_to > current


def test_a_floor_that_would_change_nothing_is_not_raised() -> None:
    assert Reason.FLOOR_ENOUGH in refused(Spiking(floor=19))


# whose it is, and what it may be

OWNED: list[tuple[str, JSON, Reason]] = [
    ("argo by annotation", {"annotations": {"argocd.argoproj.io/tracking-id": "a"}}, Reason.GITOPS_MANAGED),
    ("flux by label", {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}, Reason.GITOPS_MANAGED),
    ("keda by label", {"labels": {"scaledobject.keda.sh/name": "web"}}, Reason.OWNED_BY_CONTROLLER),
    ("keda by manager", {"labels": {"app.kubernetes.io/managed-by": "keda-operator"}}, Reason.OWNED_BY_CONTROLLER),
    (
        "any owner",
        {"ownerReferences": [{"apiVersion": "x/v1", "kind": "App", "name": "web", "uid": "u"}]},
        Reason.OWNED_BY_CONTROLLER,
    ),
    (
        "a controller that writes the floor",
        {
            "managedFields": [
                {"manager": "cron-hpa-controller", "operation": "Update", "fieldsV1": {"f:spec": {"f:minReplicas": {}}}}
            ]
        },
        Reason.OWNED_BY_CONTROLLER,
    ),
]


@pytest.mark.parametrize(("marks", "reason"), [case[1:] for case in OWNED], ids=[case[0] for case in OWNED])
def test_an_autoscaler_that_somebody_else_keeps_is_left_alone(marks: JSON, reason: Reason) -> None:
    shop = Spiking()
    shop.hpa["metadata"] |= copy.deepcopy(marks)
    assert reason in refused(shop)


def test_one_that_helm_installed_and_its_controller_writes_the_status_of_is_nobodys_else() -> None:
    shop = Spiking()
    shop.hpa["metadata"] |= {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "managedFields": [
            {"manager": "helm", "operation": "Update", "fieldsV1": {"f:spec": {"f:minReplicas": {}}}},
            {
                "manager": "kube-controller-manager",
                "operation": "Update",
                "subresource": "status",
                "fieldsV1": {"f:status": {}},
            },
        ],
    }
    assert ask_cpu(shop.world()).acts


def test_one_that_was_applied_server_side_waits_for_a_person() -> None:
    shop = Spiking()
    shop.hpa["metadata"]["managedFields"] = [
        {"manager": "helm", "operation": "Apply", "fieldsV1": {"f:spec": {"f:minReplicas": {}}}}
    ]
    answer = ask_cpu(shop.world())
    assert answer.escalates
    assert Reason.SERVER_SIDE_APPLIED in answer.reasons
    assert isinstance(answer.plan, RaiseFloorPlan)


def test_one_that_is_not_allow_listed_waits_for_a_person() -> None:
    answer = ask_cpu(Spiking().world(), config=AUTO.model_copy(update={"raise_allowed": frozenset({"shop/other"})}))
    assert answer.escalates
    assert Reason.NOT_ALLOW_LISTED in answer.reasons
    assert isinstance(answer.plan, RaiseFloorPlan)


def test_a_floor_of_zero_is_never_raised() -> None:
    assert Reason.FLOOR_ZERO in refused(Spiking(floor=0))


# what it goes by


def test_another_metric_that_binds_more_is_not_answered_for_cpu() -> None:
    shop = Spiking()
    shop.hpa["spec"]["metrics"].append(
        {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"averageValue": "10"}}}
    )
    shop.hpa["status"]["currentMetrics"].append(
        {"type": "External", "external": {"metric": {"name": "queue"}, "current": {"averageValue": "900"}}}
    )
    assert Reason.OTHER_METRIC_BINDS in refused(shop)


def test_another_metric_that_binds_less_changes_nothing() -> None:
    shop = Spiking()
    shop.hpa["spec"]["metrics"].append(
        {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"averageValue": "10"}}}
    )
    shop.hpa["status"]["currentMetrics"].append(
        {"type": "External", "external": {"metric": {"name": "queue"}, "current": {"averageValue": "1"}}}
    )
    assert planned(shop).floor_to == 19


@pytest.mark.parametrize(("minutes", "acts"), [(0.25, True), (1.9, True), (2.5, False), (10, False)])
def test_a_measurement_counts_for_two_of_its_periods(minutes: float, acts: bool) -> None:
    shop = Spiking().using(0.9, 0.9, 0.9, 0.9, at=minutes)
    answer = ask_cpu(shop.world())
    assert answer.acts is acts
    assert (Reason.METRICS_OLD in answer.reasons) is not acts


def test_a_status_that_speaks_of_an_earlier_spec_is_old() -> None:
    shop = Spiking()
    shop.hpa["metadata"]["generation"] = 3
    shop.hpa["status"]["observedGeneration"] = 2
    assert Reason.METRICS_OLD in refused(shop)
    shop.hpa["status"]["observedGeneration"] = 3
    assert ask_cpu(shop.world()).acts


# what more pods would make worse


@pytest.mark.parametrize("kind", ["MemoryPressure", "DiskPressure", "PIDPressure"])
def test_a_node_under_pressure_keeps_the_floor_down(kind: str) -> None:
    shop = Spiking()
    shop.nodes[1] = node("node-2", pressure=kind)
    shop.nodes[1]["status"] |= {"allocatable": {"cpu": "16", "memory": "64Gi", "pods": "110"}}
    assert Reason.NODE_UNDER_PRESSURE in refused(shop)


def test_a_node_on_which_none_of_its_pods_are_may_be_under_pressure() -> None:
    shop = Spiking()
    shop.nodes[4] = node("node-5", pressure="MemoryPressure")
    assert ask_cpu(shop.world()).acts


def test_a_system_oom_keeps_the_floor_down() -> None:
    shop = Spiking()
    shop.events.append(event(shop.nodes[0], "SystemOOM", "System OOM encountered", last=20))
    assert Reason.NODE_UNDER_PRESSURE in refused(shop)


@pytest.mark.parametrize(("minutes", "acts"), [(20, False), (90, True)])
def test_a_pod_that_was_killed_for_memory_lately_keeps_the_floor_down(minutes: float, acts: bool) -> None:
    shop = Spiking()
    end = terminated(137, "OOMKilled", started=minutes + 60, finished=minutes)
    shop.pods[0]["status"]["containerStatuses"][0] |= {"restartCount": 1, "lastState": end}
    assert ask_cpu(shop.world()).acts is acts


def test_a_class_above_the_default_priority_would_push_others_out() -> None:
    shop = Spiking()
    for found in shop.pods:
        found["spec"] |= {"priority": 1000, "priorityClassName": "gold"}
    assert Reason.HIGH_PRIORITY in refused(shop)


def test_the_clusters_own_default_class_is_not_above_it() -> None:
    shop = Spiking()
    for found in shop.pods:
        found["spec"] |= {"priority": 1000, "priorityClassName": "usual"}
    usual = {"kind": "PriorityClass", "metadata": {"name": "usual"}, "value": 1000, "globalDefault": True}
    assert ask_cpu(shop.world(usual)).acts


# room


def quota(cpu: str) -> JSON:
    hard = {"requests.cpu": cpu}
    return simple("ResourceQuota", "cap", spec={"hard": hard}, status={"hard": hard, "used": {"requests.cpu": "2"}})


@pytest.mark.parametrize(("hard", "acts"), [("3", False), ("9", False), ("20", True)])
def test_a_quota_that_does_not_hold_all_of_them_keeps_the_floor_down(hard: str, acts: bool) -> None:
    shop = Spiking()
    shop.extra.append(quota(hard))
    answer = ask_cpu(shop.world())
    assert (answer.acts, Reason.NO_ROOM in answer.reasons) == (acts, not acts), answer.reasons


def test_nodes_without_room_keep_the_floor_down() -> None:
    shop = Spiking()
    for found in shop.nodes:
        found["status"]["allocatable"] |= {"cpu": "1"}
    assert Reason.NO_ROOM in refused(shop)


def grown(shop: Spiking) -> Spiking:
    """A cluster autoscaler that made a node two hours ago."""
    new = node("node-9")
    new["metadata"]["creationTimestamp"] = stamp(115)
    new["status"] |= {"allocatable": {"cpu": "1", "memory": "64Gi", "pods": "110"}}
    shop.nodes.append(new)
    shop.events.append(event(shop.pods[0], "TriggeredScaleUp", "pod triggered scale-up", first=120, last=120))
    return shop


def test_full_nodes_do_not_matter_where_a_scale_up_was_seen_to_work() -> None:
    shop = grown(Spiking())
    for found in shop.nodes:
        found["status"]["allocatable"] |= {"cpu": "1"}
    assert ask_cpu(shop.world()).acts


def test_a_full_quota_matters_whatever_nodes_come() -> None:
    shop = grown(Spiking())
    shop.extra.append(quota("3"))
    assert Reason.NO_ROOM in refused(shop)


def test_a_limit_range_that_refuses_such_pods_keeps_the_floor_down() -> None:
    shop = Spiking()
    shop.extra.append(
        simple("LimitRange", "small", spec={"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]})
    )
    assert Reason.NO_ROOM in refused(shop)


def test_pods_that_wait_already_say_that_there_is_no_room() -> None:
    shop = Spiking()
    shop.add_pod(shop.current, index=8, created=1, node="", phase="Pending", ready=False, statuses=[])
    shop.deployment["spec"]["replicas"] = 5
    assert Reason.NO_ROOM in refused(shop)


@pytest.mark.parametrize("plural", ["nodes", "events", "resourcequotas", "limitranges"])
def test_a_question_without_an_answer_is_a_persons(plural: str) -> None:
    answer = ask_cpu(Spiking().world(denied=frozenset({plural})))
    assert answer.escalates
    assert Reason.CANNOT_TELL in answer.reasons
    assert isinstance(answer.plan, RaiseFloorPlan)


def test_nodes_that_were_not_read_leave_it_to_a_person_except_in_saved_objects() -> None:
    shop = Spiking()
    shop.nodes = []
    assert Reason.CANNOT_TELL in ask_cpu(shop.world()).reasons
    assert ask_cpu(shop.world(complete=False)).acts


# the workload


def test_a_paused_deployment_is_left_alone() -> None:
    shop = Spiking()
    shop.deployment["spec"]["paused"] = True
    assert Reason.PAUSED in refused(shop)


def test_an_autoscaler_that_is_being_deleted_is_left_alone() -> None:
    shop = Spiking()
    shop.hpa["metadata"]["deletionTimestamp"] = stamp(1)
    assert Reason.BEING_DELETED in refused(shop)


# a floor of ours that stands


def test_a_floor_of_ours_is_extended_and_its_owners_is_kept() -> None:
    plan = planned(raised(Spiking()))
    assert (plan.floor_before, plan.floor_from, plan.floor_to) == (3, 8, 19)
    assert restore_of(plan).floor_to == 3


def test_a_floor_that_was_raised_a_minute_ago_is_not_raised_again() -> None:
    assert Reason.TOO_EARLY in refused(raised(Spiking(), until=-59))


@pytest.mark.parametrize("until", [-30, 5])
def test_a_floor_that_its_owner_has_changed_meanwhile_is_theirs(until: float) -> None:
    assert Reason.TARGET_CHANGED in refused(raised(Spiking(), by="kubectl-edit", until=until))
    assert Reason.TARGET_CHANGED in refused(raised(Spiking(), to=2, until=until))


def test_just_after_it_has_scaled_what_the_containers_use_now_says_how_far() -> None:
    """It still shows the usage of one replica, and there are four of them already: 19 would be four times too many."""
    shop = Spiking(floor=1).using(0.4, 0.4, 0.4, 0.4)
    shop.hpa["status"]["lastScaleTime"] = stamp(60)
    assert planned(shop).floor_to == 19
    shop.hpa["status"]["lastScaleTime"] = stamp(0.5)
    assert planned(shop).floor_to == 8  # 1.6 cores of 0.5 each, at 40 %
