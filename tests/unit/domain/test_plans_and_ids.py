"""A plan's name changes with everything that was agreed to, and with nothing that moves by itself; ids likewise."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from byteport.domain import ids
from byteport.domain.failures import Failure
from byteport.domain.plans import DeletePodPlan, Plan, RollbackPlan, arguments_digest, plan_digest
from byteport.domain.reasons import Reason
from byteport.domain.targets import PodRef, Target
from tests.unit.domain.values import POD, TARGET, deletion, rollback

VERSION = "v1"
OTHER: dict[str, Any] = {
    "target": TARGET.model_copy(update={"uid": "d2"}),
    "from_revision": 9,
    "from_template_digest": "f" * 64,
    "guard_digest": "f" * 64,
    "to_revision": 7,
    "to_replica_set": "web-9",
    "to_replica_set_uid": "r9",
    "to_template_digest": "f" * 64,
    "available_before": 1,
    "replaced_available": 2,
    "inverse": True,
    "caveats": (Reason.CANARY,),
    "notes": (Reason.HELM_RECORD_DIFFERS,),
    "pod": PodRef(namespace="shop", name="web-1-a", uid="p2", resource_version="7"),
}


@pytest.mark.parametrize("field", [name for name in RollbackPlan.model_fields if name != "act"])
def test_every_part_of_a_rollback_that_was_agreed_to_is_in_its_name(field: str) -> None:
    changed = rollback().model_copy(update={field: OTHER[field]})
    assert plan_digest(changed, VERSION) != plan_digest(rollback(), VERSION)


@pytest.mark.parametrize("field", [name for name in DeletePodPlan.model_fields if name != "act"])
def test_every_part_of_a_deletion_that_was_agreed_to_is_in_its_name(field: str) -> None:
    changed = deletion().model_copy(update={field: OTHER[field]})
    assert plan_digest(changed, VERSION) != plan_digest(deletion(), VERSION)


def test_what_moves_by_itself_while_people_think_is_not() -> None:
    restarted = deletion().model_copy(update={"pod": POD.model_copy(update={"resource_version": "8"})})
    assert plan_digest(restarted, VERSION) == plan_digest(deletion(), VERSION)


def test_another_policy_is_another_plan() -> None:
    assert plan_digest(rollback(), "v2") != plan_digest(rollback(), VERSION)


@pytest.mark.parametrize("field", ["cluster_uid", "namespace", "name", "uid"])
def test_the_arguments_name_the_object_down_to_the_cluster(field: str) -> None:
    elsewhere = TARGET.model_copy(update={field: "other"})
    assert arguments_digest(rollback().model_copy(update={"target": elsewhere})) != arguments_digest(rollback())


def test_caveats_and_notes_are_no_arguments_of_the_call() -> None:
    assert arguments_digest(rollback(Reason.CANARY)) == arguments_digest(rollback())
    assert arguments_digest(deletion()) != arguments_digest(rollback())


@pytest.mark.parametrize("plan", [deletion(Reason.CANARY), rollback()])
def test_a_plan_survives_the_wire_with_its_name(plan: DeletePodPlan | RollbackPlan) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Plan)
    again = adapter.validate_json(adapter.dump_json(plan))
    assert again == plan
    assert plan_digest(again, VERSION) == plan_digest(plan, VERSION)


def test_a_field_that_is_not_modelled_is_refused() -> None:
    with pytest.raises(ValidationError):
        RollbackPlan.model_validate({**rollback().model_dump(), "replicas": 0})


@pytest.mark.claim("C-091")
def test_commands_are_what_a_person_would_type() -> None:
    assert deletion().command == "kubectl delete pod web-1-a -n shop"
    assert rollback().command == "kubectl rollout undo deployment/web -n shop --to-revision=1"


# --- ids ----------------------------------------------------------------------------------------------------------

words = st.text(st.characters(codec="ascii", categories=["Ll", "Nd"]), min_size=1, max_size=8)
actions = st.tuples(words, words, st.integers(0, 5), st.integers(0, 5), words)


def test_two_failures_of_one_deployment_are_two_remediations_and_a_uid_is_no_part() -> None:
    name = ids.remediation_id(TARGET, Failure.CRASHLOOP)
    assert name == "remediate:c1:shop:Deployment:web:crashloop"
    assert ids.remediation_id(TARGET, Failure.BAD_ROLLOUT) != name
    assert ids.remediation_id(TARGET.model_copy(update={"uid": "d2"}), Failure.CRASHLOOP) == name


@pytest.mark.parametrize("field", ["cluster_uid", "namespace", "kind", "name"])
def test_two_targets_are_two_remediations(field: str) -> None:
    other = TARGET.model_copy(update={field: "other"})
    assert ids.remediation_id(other, Failure.CRASHLOOP) != ids.remediation_id(TARGET, Failure.CRASHLOOP)


def test_names_of_kubernetes_cannot_run_into_each_other() -> None:
    one = Target(cluster_uid="c", namespace="a", kind="Deployment", name="b")
    assert ":" not in one.namespace + one.name
    assert ids.remediation_id(one, Failure.DISK).count(":") == 5


@given(actions, actions)
def test_an_action_has_another_id_when_anything_of_it_differs(one: tuple[Any, ...], other: tuple[Any, ...]) -> None:
    assert (ids.action_id(*one) == ids.action_id(*other)) == (one == other)


@given(actions)
def test_an_action_id_is_64_hex_digits_and_stable(action: tuple[Any, ...]) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", ids.action_id(*action))
    assert ids.action_id(*action) == ids.action_id(*action)


@given(words, words, st.integers(0, 9))
def test_an_incident_is_stable_and_the_next_is_another(workflow: str, run: str, number: int) -> None:
    one = ids.incident_id(workflow, run, number)
    assert re.fullmatch(r"inc-[0-9a-f]{24}", one)
    assert one == ids.incident_id(workflow, run, number)
    assert one != ids.incident_id(workflow, run, number + 1)
    assert one != ids.incident_id(workflow, run + "x", number)


def test_other_workflows_are_named_by_what_they_are_about() -> None:
    assert ids.approval_id("abc") == "approval:abc"
    assert ids.watch_id("c1") == "watch:c1"
    assert ids.reobserve_id("inc-1") == "reobserve:inc-1"
