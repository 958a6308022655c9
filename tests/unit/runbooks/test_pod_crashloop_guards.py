"""Each guard of the crash-loop runbook, once: the world in which everything speaks for a delete, but for one thing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from byteport.domain.plans import DeletePodPlan, Refused
from byteport.domain.policy import Mode, PolicyConfig, VerdictKind
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import SignalType
from tests.builders.asking import ask
from tests.builders.objects import (
    event,
    owner,
    simple,
)
from tests.builders.workload import Workload


def crashing() -> Workload:
    shop = Workload()
    shop.crash(0, code=139, log="segfault at 0 ip 00007f\nSegmentation fault (core dumped)")
    return shop


def wedged() -> Workload:
    shop = Workload()
    shop.unready(0)
    return shop


def test_one_crashing_replica_of_five_with_healthy_siblings_is_deleted_by_uid_and_version() -> None:
    shop = crashing()
    answer = ask(shop.world())
    assert answer.acts
    assert answer.cause is Cause.TRANSIENT
    assert isinstance(answer.plan, DeletePodPlan)
    assert answer.plan.pod.name == shop.name_of(0)
    assert answer.plan.pod.uid == shop.pods[0]["metadata"]["uid"]
    assert answer.plan.pod.resource_version == "1001"
    assert answer.plan.caveats == ()


def test_one_wedged_replica_of_five_is_deleted() -> None:
    answer = ask(wedged().world(), kind=SignalType.POD_WEDGED)
    assert answer.acts
    assert answer.cause is Cause.WEDGED_REPLICA


def test_the_evidence_that_dies_with_the_pod_is_written_down_first() -> None:
    facts = {fact.name: fact.value for fact in ask(crashing().world()).diagnosis.facts}
    assert facts["exit_code"] == 139
    assert facts["signal"] == 11
    assert facts["restarts"] == 7
    assert facts["log"] == "segfault"
    assert facts["healthy_siblings"] == 4


def lease(shop: Workload) -> None:
    holder = {"holderIdentity": f"{shop.name_of(0)}_6f1c"}
    shop.extra.append(simple("Lease", "web-leader", api="coordination.k8s.io/v1", spec=holder))


def claim(shop: Workload) -> None:
    shop.pods[0]["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-0"}}]


def ephemeral_claim(shop: Workload) -> None:
    shop.pods[0]["spec"]["volumes"] = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}}]


def budget(shop: Workload) -> None:
    shop.extra.append(
        simple(
            "PodDisruptionBudget",
            "web-budget",
            api="policy/v1",
            spec={"selector": {"matchLabels": {"app": "web"}}},
            status={"disruptionsAllowed": 0, "currentHealthy": 4, "desiredHealthy": 5},
        )
    )


def cordoned(shop: Workload) -> None:
    shop.nodes[0]["spec"]["unschedulable"] = True


def being_rolled(shop: Workload) -> None:
    shop.deployment["metadata"]["generation"] = 8


def paused(shop: Workload) -> None:
    shop.deployment["spec"]["paused"] = True


def quota(shop: Workload) -> None:
    status = {"hard": {"pods": "5"}, "used": {"pods": "5"}}
    shop.extra.append(simple("ResourceQuota", "small", status=status))


def refused_lately(shop: Workload) -> None:
    message = 'Error creating: pods "web-x" is forbidden: exceeded quota: small'
    shop.events.append(event(shop.current, "FailedCreate", message, last=4))


def locked_down(shop: Workload) -> None:
    shop.namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"


def dead_webhook(shop: Workload) -> None:
    hook = {
        "name": "pods.policy.example",
        "failurePolicy": "Fail",
        "clientConfig": {"service": {"namespace": "policy", "name": "guard"}},
        "rules": [{"operations": ["CREATE"], "resources": ["pods"]}],
    }
    shop.extra.append(simple("ValidatingWebhookConfiguration", "guard", namespace="", webhooks=[hook]))
    shop.extra.append(simple("Endpoints", "guard", namespace="policy", subsets=[]))


def limit_range(shop: Workload) -> None:
    shop.pods[0]["spec"]["containers"][0]["resources"] = {"limits": {"memory": "2Gi"}}
    limits = [{"type": "Container", "max": {"memory": "1Gi"}}]
    shop.extra.append(simple("LimitRange", "caps", spec={"limits": limits}))


def migration(shop: Workload) -> None:
    job = simple("Job", "web-db-migrate", api="batch/v1", status={"active": 1})
    shop.extra.append(job)


def same_instance_job(shop: Workload) -> None:
    labels = {"app.kubernetes.io/instance": "web"}
    shop.deployment["metadata"]["labels"] |= labels
    shop.extra.append(simple("Job", "backfill", api="batch/v1", metadata={"labels": labels}, status={"active": 1}))


def operator_owned(shop: Workload) -> None:
    shop.deployment["metadata"]["ownerReferences"] = [owner("Shop", "web", api="example.io/v1")]


def never_restarts(shop: Workload) -> None:
    shop.pods[0]["spec"]["restartPolicy"] = "OnFailure"


GUARDS: list[tuple[Callable[[Workload], None], Reason]] = [
    (lease, Reason.HOLDS_LEASE),
    (claim, Reason.HOLDS_CLAIM),
    (ephemeral_claim, Reason.HOLDS_CLAIM),
    (budget, Reason.BUDGET_REFUSES),
    (cordoned, Reason.NODE_UNSCHEDULABLE),
    (being_rolled, Reason.ROLLOUT_UNDER_WAY),
    (paused, Reason.PAUSED),
    (quota, Reason.REPLACEMENT_REFUSED),
    (refused_lately, Reason.REPLACEMENT_REFUSED),
    (locked_down, Reason.REPLACEMENT_REFUSED),
    (dead_webhook, Reason.REPLACEMENT_REFUSED),
    (limit_range, Reason.REPLACEMENT_REFUSED),
    (migration, Reason.MIGRATION_UNDER_WAY),
    (same_instance_job, Reason.MIGRATION_UNDER_WAY),
    (operator_owned, Reason.OWNED_BY_CONTROLLER),
    (never_restarts, Reason.NOT_A_DEPLOYMENT),
]


@pytest.mark.parametrize("made", [crashing, wedged], ids=["crashing", "wedged"])
@pytest.mark.parametrize(("spoil", "reason"), GUARDS, ids=[spoil.__name__ for spoil, _ in GUARDS])
def test_nothing_is_deleted_and_a_person_is_told_when(
    spoil: Callable[[Workload], None], reason: Reason, made: Callable[[], Workload]
) -> None:
    shop = made()
    spoil(shop)
    answer = ask(shop.world())
    assert isinstance(answer.plan, Refused)
    assert answer.escalates
    assert reason in answer.reasons


def test_a_refusal_to_create_that_is_long_past_does_not_count() -> None:
    shop = crashing()
    shop.events.append(event(shop.current, "FailedCreate", "exceeded quota", last=25))
    assert ask(shop.world()).acts


def test_the_eviction_dry_run_decides_about_the_budget_and_its_name_is_kept() -> None:
    shop = crashing()
    said = "Cannot evict pod as it would violate the pod's disruption budget. The disruption budget web-pdb needs 5"
    answer = ask(shop.world(budget_refusals={shop.name_of(0): said}))
    assert answer.reasons == (Reason.BUDGET_REFUSES,)
    assert answer.situation.surroundings.budget_of(shop.name_of(0)) == "web-pdb"


def test_without_a_named_log_store_a_person_decides_about_the_same_plan() -> None:
    answer = ask(crashing().world(), config=PolicyConfig(mode=Mode.AUTO))
    assert isinstance(answer.plan, DeletePodPlan)
    assert answer.plan.caveats == (Reason.NO_LOG_STORE,)
    assert answer.verdict.kind is VerdictKind.ESCALATE


@pytest.mark.parametrize("read", ["nodes", "leases", "jobs", "resourcequotas", "pods/eviction", "pods/log"])
def test_what_may_not_be_read_cannot_be_told_and_a_person_decides(read: str) -> None:
    answer = ask(crashing().world(denied=frozenset({read})))
    assert isinstance(answer.plan, DeletePodPlan)
    assert answer.plan.caveats == (Reason.CANNOT_TELL,)
    assert answer.verdict.kind is VerdictKind.ESCALATE


@pytest.mark.parametrize(
    ("obstacle", "named"),
    [(lease, "Lease/web-leader"), (budget, "PodDisruptionBudget/web-budget"), (cordoned, "Node/node-1")],
    ids=["a lease", "a budget", "a cordoned node"],
)
def test_the_object_that_stands_in_the_way_is_named(obstacle: Callable[[Workload], None], named: str) -> None:
    shop = crashing()
    obstacle(shop)
    assert ask(shop.world()).diagnosis.culprit == named


def live_webhook(shop: Workload, **changes: object) -> None:
    """As a live cluster shows it: the configuration, and slices of what is behind its Service."""
    dead_webhook(shop)
    shop.extra = [item for item in shop.extra if item["kind"] != "Endpoints"]
    shop.extra[-1]["webhooks"][0] |= changes


def answered(shop: Workload, *, ready: bool) -> None:
    labels = {"kubernetes.io/service-name": "guard"}
    made = simple(
        "EndpointSlice", "guard-x", namespace="policy", api="discovery.k8s.io/v1", metadata={"labels": labels}
    )
    shop.extra.append(made | {"endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": ready}}]})


@pytest.mark.parametrize(
    ("behind", "acts"), [(None, False), (False, False), (True, True)], ids=["nothing", "unready", "ready"]
)
def test_a_fail_closed_webhook_refuses_the_replacement_while_nobody_answers_it(behind: bool | None, acts: bool) -> None:
    shop = crashing()
    live_webhook(shop)
    if behind is not None:
        answered(shop, ready=behind)
    answer = ask(shop.world())
    assert answer.acts is acts
    assert (Reason.REPLACEMENT_REFUSED in answer.reasons) is not acts


def test_a_webhook_that_is_not_asked_about_this_namespace_refuses_nothing() -> None:
    shop = crashing()
    live_webhook(shop, namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}})
    assert ask(shop.world()).acts


def test_without_the_right_to_see_webhooks_a_person_decides() -> None:
    shop = crashing()
    answer = ask(shop.world(denied=frozenset({"validatingwebhookconfigurations"})))
    assert Reason.CANNOT_TELL in answer.reasons
