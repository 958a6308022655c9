"""Whatever speaks against an act keeps speaking against it in any company: guards never cancel each other out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteport.domain.plans import RollbackPlan
from byteport.domain.policy import Mode, PolicyConfig, VerdictKind
from byteport.kubernetes.patches import patch_matches, rollback_patch
from tests.builders.rollouts import Shop, ago, crashing, pod, template
from tests.builders.sampled import examples
from tests.unit.runbooks.rollback_worlds import crashed

Spoil = Callable[[Shop], object]


def _label(key: str, value: str) -> Spoil:
    return lambda made: made.deployment["metadata"]["labels"].update({key: value})


def _annotation(key: str, value: str) -> Spoil:
    return lambda made: made.deployment["metadata"]["annotations"].update({key: value})


def _spec(key: str, value: object) -> Spoil:
    return lambda made: made.deployment["spec"].update({key: value})


def _owned(made: Shop) -> None:
    made.deployment["metadata"]["ownerReferences"] = [{"kind": "App", "name": "web", "uid": "u", "apiVersion": "x/v1"}]


def _applied(made: Shop) -> None:
    written: dict[str, object] = {"f:spec": {"f:template": {"f:spec": {}}}}
    entry = {"manager": "helm", "operation": "Apply", "time": ago(minutes=20), "fieldsV1": written}
    made.deployment["metadata"]["managedFields"] = [entry]


def _took_over(made: Shop) -> None:
    made.progress("NewReplicaSetAvailable", since=ago(hours=1))


def _serves(made: Shop) -> None:
    made.pods.append(pod(made.new, "serves", node="node-z", ready=True, since=ago(minutes=9)))
    made.new["status"].update(replicas=4, readyReplicas=1, availableReplicas=1)


def _bad(made: Shop) -> dict[str, Any]:
    return next(item for item in made.pods if item["metadata"]["name"].endswith("bad0"))


def _oom(made: Shop) -> None:
    _bad(made)["status"]["containerStatuses"] = [crashing(code=137, reason="OOMKilled")]


def _dependency(made: Shop) -> None:
    made.log_tail = "connect ECONNREFUSED 10.0.0.9:5432"


def _same_release(made: Shop) -> None:
    same = template("registry.example/web:2", annotations={"x": "y"})
    made.old["spec"]["template"]["spec"] = same["spec"]


def _no_old_pods(made: Shop) -> None:
    made.pods = [item for item in made.pods if "111111111" not in item["metadata"]["name"]]
    made.old["spec"]["replicas"] = 0
    made.old["status"] = {"replicas": 0}


def _no_history(made: Shop) -> None:
    made.old["metadata"]["ownerReferences"] = []


def _claim(made: Shop) -> None:
    for item in (made.new, made.deployment):
        item["spec"]["template"]["spec"]["volumes"] = [{"name": "d", "persistentVolumeClaim": {"claimName": "d"}}]


def _denied(made: Shop) -> None:
    made.denied = frozenset({"jobs"})


def _not_listed(made: Shop) -> None:
    made.config = PolicyConfig(mode=Mode.AUTO)


def _mutated(made: Shop) -> None:
    _bad(made)["spec"]["containers"][0]["image"] = "mirror.example/web:2"


def _other_crash(made: Shop) -> None:
    made.pods = [item for item in made.pods if not item["metadata"]["name"].endswith("bad1")]
    made.new["status"]["replicas"] = 4


SPOILS: dict[str, Spoil] = {
    "gitops": _annotation("argocd.argoproj.io/tracking-id", "x"),
    "flux": _label("kustomize.toolkit.fluxcd.io/name", "x"),
    "managed": _label("app.kubernetes.io/managed-by", "operator"),
    "owned": _owned,
    "applied": _applied,
    "word": _annotation("byteport.io/rollback", "approval"),
    "canary": _label("track", "canary"),
    "migration": _annotation("db-migration", "42"),
    "paused": _spec("paused", True),
    "zero": _spec("replicas", 0),
    "unobserved": lambda made: made.deployment["metadata"].update(generation=99),
    "deleting": lambda made: made.deployment["metadata"].update(deletionTimestamp=ago(seconds=1)),
    "took over": _took_over,
    "serves": _serves,
    "oom": _oom,
    "dependency": _dependency,
    "same release": _same_release,
    "no old pods": _no_old_pods,
    "no history": _no_history,
    "claim": _claim,
    "denied": _denied,
    "not listed": _not_listed,
    "mutated": _mutated,
    "too few": _other_crash,
}


@pytest.mark.parametrize("name", SPOILS)
def test_each_of_them_alone_keeps_the_act_from_being_taken_alone(name: str) -> None:
    made = crashed()
    assert made.verdict().kind is VerdictKind.ACT
    SPOILS[name](made)
    assert made.verdict().kind is not VerdictKind.ACT


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.sampled_from(sorted(SPOILS)), min_size=2, max_size=5, unique=True))
def test_in_any_company_and_order_they_still_do(names: list[str]) -> None:
    made = crashed()
    for name in names:
        SPOILS[name](made)
    assert made.verdict().kind is not VerdictKind.ACT


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.sampled_from(sorted(SPOILS)), max_size=3, unique=True))
def test_whatever_is_planned_can_be_written_and_read_back_from_its_bytes(names: list[str]) -> None:
    made = crashed()
    for name in names:
        SPOILS[name](made)
    plan = made.plan()
    if isinstance(plan, RollbackPlan):
        action = "ab" * 32
        patch = rollback_patch(made.deployment, made.old, action)
        sent = {"cluster_uid": "c1", "namespace": "shop", "name": "web", "action_id": action}
        assert patch_matches(plan, patch, made.old, **sent)
