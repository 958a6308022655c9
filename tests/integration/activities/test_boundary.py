"""What the cluster worker refuses, whoever asks: each forgery by its name, and after each, nothing written."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes import halt as switch
from byteport.contracts.kubernetes import DELETE_POD, ROLL_BACK
from byteport.domain.approvals import Answer
from byteport.domain.plans import plan_digest
from byteport.domain.warrants import Warrant
from byteport.errors import Throttled
from byteport.kubernetes import port
from byteport.trust.grants import GrantSigner
from byteport.trust.private_keys import new_private_key
from tests.integration.activities.asking import pod_of
from tests.integration.activities.bench import DRY_RUN_POLICY
from tests.integration.activities.simulated_bench import SimulatedBench


async def refused(bench: SimulatedBench, warrant: Warrant, code: str, word: str, **how: Any) -> ApplicationError:
    """The act is refused by `code`, for `word`, not retried, and nothing was written."""
    with pytest.raises(ApplicationError) as caught:
        await bench.act(warrant, **how)
    assert (caught.value.type, caught.value.non_retryable) == (code, True)
    assert word in caught.value.message
    assert bench.written() == []
    return caught.value


@pytest.fixture
async def approved(bench: SimulatedBench) -> Warrant:
    """A person's yes to deleting the pod that crashes."""
    pod = await bench.one_pod_crashes()
    return bench.warrant(await bench.deletion(pod), auto=False)


@pytest.fixture
async def agreed(bench: SimulatedBench) -> Warrant:
    """A person's yes to a rollback."""
    await bench.a_release_fails()
    return bench.warrant(await bench.rollback(), auto=False)


async def test_what_is_in_order_is_done(bench: SimulatedBench, approved: Warrant) -> None:
    mutated = await bench.act(approved)
    assert bench.written() == [("delete", pod_of(approved).name)]
    assert not mutated.already


# -- who asks ---------------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-071")
@pytest.mark.parametrize("workflow_type", [None, "ApprovalWorkflow", "remediationworkflow", "", "WatchWorkflow"])
async def test_an_activity_that_no_remediation_called_is_refused(
    bench: SimulatedBench, approved: Warrant, workflow_type: str | None
) -> None:
    await refused(bench, approved, "not_permitted", "caller", workflow_type=workflow_type)


async def test_another_tenants_warrant_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    await refused(bench, approved.model_copy(update={"tenant": "globex"}), "not_permitted", "tenant")


# -- for what ---------------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-060")
async def test_fault_16_a_plan_for_another_cluster_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    other = approved.plan.target.model_copy(update={"cluster_uid": "another"})
    forged = approved.model_copy(update={"plan": approved.plan.model_copy(update={"target": other})})
    await refused(bench, forged, "not_permitted", "cluster")


async def test_fault_16_a_grant_for_another_cluster_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    await refused(
        bench, bench.warrant(approved.plan, auto=False, cluster_uid="another"), "not_permitted", "another cluster"
    )


async def test_a_grant_for_another_act_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    await refused(bench, bench.warrant(approved.plan, auto=False, act=ROLL_BACK.name), "not_permitted", "another act")


async def test_a_warrant_handed_to_the_other_act_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    await refused(bench, approved, "not_permitted", "act:", act=ROLL_BACK)


async def test_a_rollback_handed_to_the_deletion_is_refused(bench: SimulatedBench, agreed: Warrant) -> None:
    await refused(bench, agreed, "not_permitted", "act:", act=DELETE_POD)


@pytest.mark.claim("C-071")
async def test_a_plan_turned_to_another_pod_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    """The digest names the plan that was agreed to; edited, it is another plan."""
    other = (await bench.pods())[1]["metadata"]
    pod = pod_of(approved).model_copy(update={"name": other["name"], "uid": other["uid"]})
    forged = approved.model_copy(update={"plan": approved.plan.model_copy(update={"pod": pod})})
    await refused(bench, forged, "not_permitted", "plan")


@pytest.mark.claim("C-071")
async def test_an_edited_plan_with_its_digest_made_anew_is_refused_by_the_grant(
    bench: SimulatedBench, approved: Warrant
) -> None:
    other = (await bench.pods())[1]["metadata"]
    pod = pod_of(approved).model_copy(update={"name": other["name"], "uid": other["uid"]})
    plan = approved.plan.model_copy(update={"pod": pod})
    renamed = plan_digest(plan, approved.policy_version)
    forged = approved.model_copy(update={"plan": plan, "plan_digest": renamed})
    await refused(bench, forged, "not_permitted", "another target or arguments")


async def test_a_grant_for_other_arguments_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    forged = bench.warrant(approved.plan, auto=False, arguments_digest="a" * 64)
    await refused(bench, forged, "not_permitted", "another target or arguments")


async def test_a_plan_about_another_object_than_the_symptom_is_refused(
    bench: SimulatedBench, approved: Warrant
) -> None:
    other = approved.signal.target.model_copy(update={"name": "api", "uid": ""})
    forged = approved.model_copy(update={"signal": approved.signal.model_copy(update={"target": other})})
    await refused(bench, forged, "not_permitted", "target")


@pytest.mark.claim("C-024")
async def test_review_7_a_pod_of_another_namespace_than_its_owner_is_refused(
    bench: SimulatedBench, approved: Warrant
) -> None:
    pod = pod_of(approved).model_copy(update={"namespace": "kube-system"})
    await refused(bench, bench.warrant(approved.plan.model_copy(update={"pod": pod})), "not_permitted", "target")


# -- by whose word ----------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-071")
async def test_a_grant_by_another_key_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    forged = GrantSigner(new_private_key()).sign(approved.grant.body)
    await refused(bench, approved.model_copy(update={"grant": forged}), "not_permitted", "not signed by the ledger")


async def test_a_grant_whose_lease_was_lengthened_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    body = approved.grant.body.model_copy(update={"lease_until": bench.clock() + timedelta(days=1)})
    forged = approved.grant.model_copy(update={"body": body})
    await refused(bench, approved.model_copy(update={"grant": forged}), "not_permitted", "not signed by the ledger")


async def test_a_grant_that_has_ended_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    bench.clock.advance(78)
    await refused(bench, approved, "precondition_failed", "lease")


async def test_a_grant_that_would_end_before_the_call_could_is_refused(
    bench: SimulatedBench, approved: Warrant
) -> None:
    bench.clock.advance(77 - DELETE_POD.client_timeout.total_seconds() + 1)
    await refused(bench, approved, "precondition_failed", "lease")


@pytest.mark.claim("C-032")
async def test_the_word_auto_does_not_count_where_the_policy_wants_a_person(bench: SimulatedBench) -> None:
    bench.set_policy(DRY_RUN_POLICY)
    plan = await bench.deletion(await bench.one_pod_crashes())
    await refused(bench, bench.warrant(plan, auto=True), "not_permitted", "mode")


@pytest.mark.claim("C-032")
async def test_neither_auto_nor_an_answer_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    forged = approved.model_copy(update={"request": None, "answers": ()})
    await refused(bench, forged, "not_permitted", "request")


async def test_a_request_without_answers_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    await refused(bench, approved.model_copy(update={"answers": ()}), "not_permitted", "answers")


@pytest.mark.claim("C-060")
@pytest.mark.parametrize("field", ["tenant", "cluster_uid", "incident_id", "plan_digest", "runbook"])
async def test_critique_b3_an_answer_to_another_request_is_refused(
    bench: SimulatedBench, approved: Warrant, field: str
) -> None:
    assert approved.request is not None
    forged = approved.request.model_copy(update={field: "another"})
    await refused(bench, approved.model_copy(update={"request": forged}), "not_permitted", "request")


@pytest.mark.claim("C-060")
async def test_critique_b3_an_answer_to_another_plan_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    assert approved.request is not None
    other = bench.answer(approved.request.model_copy(update={"plan_digest": "f" * 64}), "ada")
    await refused(bench, approved.model_copy(update={"answers": (other,)}), "not_permitted", "other_plan")


async def test_a_no_is_not_a_yes(bench: SimulatedBench, approved: Warrant) -> None:
    await refused(bench, bench.warrant(approved.plan, auto=False, answer=Answer.REJECT), "not_permitted", "answers")


async def test_a_yes_of_which_a_letter_was_changed_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    text = approved.answers[0].text.model_copy(update={"id": "1" * 32})
    forged = approved.answers[0].model_copy(update={"text": text})
    await refused(bench, approved.model_copy(update={"answers": (forged,)}), "not_permitted", "bad_signature")


@pytest.mark.claim("C-061")
async def test_critique_b3_a_key_that_is_not_allowed_any_more_voids_what_it_signed(
    bench: SimulatedBench, approved: Warrant
) -> None:
    bench.allow("grace")
    await refused(bench, approved, "not_permitted", "not_an_approver")


@pytest.mark.claim("C-061")
async def test_critique_b3_a_revoked_key_voids_what_it_signed(bench: SimulatedBench, approved: Warrant) -> None:
    bench.revoke("ada")
    await refused(bench, approved, "not_permitted", "key_revoked")


async def test_signers_that_cannot_be_read_let_nothing_through_and_are_asked_again(
    bench: SimulatedBench, approved: Warrant
) -> None:
    (bench.folder / "allowed_signers").unlink()
    with pytest.raises(ApplicationError) as caught:
        await bench.act(approved)
    assert (caught.value.type, caught.value.non_retryable) == ("unavailable", False)
    assert bench.written() == []


@pytest.mark.claim("C-064")
async def test_critique_b3_the_workers_own_quorum_counts_not_the_requests(bench: SimulatedBench) -> None:
    bench.set_policy(DRY_RUN_POLICY + "approvals: {PodCrashloopRunbook: {quorum: 2}}\n")
    plan = await bench.deletion(await bench.one_pod_crashes())
    await refused(bench, bench.warrant(plan, auto=False, by=["ada"]), "not_permitted", "2 valid yes")
    await refused(bench, bench.warrant(plan, auto=False, by=["ada", "ada"]), "not_permitted", "2 valid yes")
    await bench.act(bench.warrant(plan, auto=False, by=["ada", "grace"]))
    assert len(bench.written()) == 1


@pytest.mark.claim("C-064")
async def test_the_workers_own_approvers_count_not_the_requests(bench: SimulatedBench) -> None:
    bench.set_policy(DRY_RUN_POLICY + "approvals: {PodCrashloopRunbook: {approvers: [grace]}}\n")
    plan = await bench.deletion(await bench.one_pod_crashes())
    await refused(bench, bench.warrant(plan, auto=False, by=["ada"]), "not_permitted", "not_an_approver")


@pytest.mark.claim("C-062")
async def test_critique_b3_the_requester_cannot_approve(bench: SimulatedBench, approved: Warrant) -> None:
    await refused(bench, bench.warrant(approved.plan, auto=False, requester="ada"), "not_permitted", "requester")


@pytest.mark.claim("C-062")
async def test_who_reported_the_symptom_cannot_approve_although_the_request_names_another(
    bench: SimulatedBench, approved: Warrant
) -> None:
    signal = approved.signal.model_copy(update={"reporter": "ada"})
    await refused(bench, approved.model_copy(update={"signal": signal}), "not_permitted", "answers")


@pytest.mark.claim("C-063")
async def test_an_unsigned_yes_is_refused_unless_the_workers_own_mount_takes_it(bench: SimulatedBench) -> None:
    bench.set_policy(DRY_RUN_POLICY)
    plan = await bench.deletion(await bench.one_pod_crashes())

    def unsigned() -> Warrant:
        warrant = bench.warrant(plan, auto=False)
        answer = warrant.answers[0].model_copy(update={"signature": None, "claimed_by": "ada"})
        return warrant.model_copy(update={"answers": (answer,)})

    await refused(bench, unsigned(), "not_permitted", "unsigned")
    bench.set_policy(DRY_RUN_POLICY + "accept_unsigned_answers: true\n")
    await bench.act(unsigned())
    assert len(bench.written()) == 1


@pytest.mark.claim("C-063")
async def test_critique_b3_an_unsigned_yes_is_never_taken_where_auto_is_possible(
    bench: SimulatedBench, approved: Warrant
) -> None:
    bench.set_policy("mode: auto\nlog_store_named: true\naccept_unsigned_answers: true\n")
    warrant = bench.warrant(approved.plan, auto=False)
    answer = warrant.answers[0].model_copy(update={"signature": None, "claimed_by": "ada"})
    await refused(bench, warrant.model_copy(update={"answers": (answer,)}), "not_permitted", "unsigned")


# -- under which policy -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "code", "word"),
    [
        ("mode: observe", "precondition_failed", "policy_changed"),
        ("mode: auto\nsettle_seconds: 61", "precondition_failed", "policy_changed"),
    ],
)
async def test_a_policy_that_has_changed_voids_the_warrant(
    bench: SimulatedBench, approved: Warrant, policy: str, code: str, word: str
) -> None:
    bench.set_policy(policy)
    await refused(bench, approved, code, word)


async def test_a_warrant_that_names_the_new_policy_is_still_for_the_old_plan(
    bench: SimulatedBench, approved: Warrant
) -> None:
    bench.set_policy("mode: auto\nsettle_seconds: 61")
    forged = approved.model_copy(update={"policy_version": bench.policy.read().version})
    await refused(bench, forged, "not_permitted", "plan")


async def test_a_policy_that_cannot_be_read_lets_nothing_through(bench: SimulatedBench, approved: Warrant) -> None:
    bench.set_policy("mode: sometimes")
    with pytest.raises(ApplicationError, match="mode") as caught:
        await bench.act(approved)
    assert caught.value.type == "unavailable"
    assert bench.written() == []


@pytest.mark.claim("C-030")
async def test_where_the_agent_only_observes_not_even_a_yes_acts(bench: SimulatedBench) -> None:
    bench.set_policy("mode: auto\nmode_by_namespace: {shop: observe}\nlog_store_named: true\n")
    plan = await bench.deletion(await bench.one_pod_crashes())
    await refused(bench, bench.warrant(plan, auto=False), "not_permitted", "mode")


@pytest.mark.claim("C-023")
async def test_nothing_in_a_protected_namespace_is_touched_whatever_its_label_and_whoever_says_yes(
    bench: SimulatedBench,
) -> None:
    bench.set_policy("mode: auto\nprotected_namespaces: [shop]\nlog_store_named: true\n")
    plan = await bench.deletion(await bench.one_pod_crashes())
    await refused(bench, bench.warrant(plan, auto=False), "not_permitted", "protected")


@pytest.mark.claim("C-022")
async def test_fault_11_a_label_removed_while_the_answer_was_awaited_is_refused(
    bench: SimulatedBench, approved: Warrant
) -> None:
    await bench.cluster.label_namespace("shop", {"byteport.io/enabled": None})
    await refused(bench, approved, "not_permitted", "not_enabled")


@pytest.mark.claim("C-022")
async def test_a_namespace_that_is_being_deleted_is_refused(bench: SimulatedBench, approved: Warrant) -> None:
    await bench.cluster.set_finalizers(port.NAMESPACES, "", "shop", ["kubernetes"])
    await bench.cluster.remove(port.NAMESPACES, "", "shop")
    await refused(bench, approved, "not_permitted", "not_enabled")


# -- the kill switch --------------------------------------------------------------------------------------------------


def halt(bench: SimulatedBench) -> None:
    bench.switch.on = True


def break_it(bench: SimulatedBench) -> None:
    bench.switch.broken = True


def silence_it(bench: SimulatedBench) -> None:
    bench.switch.silent = True


@pytest.mark.claim("C-080")
@pytest.mark.parametrize("how", [halt, break_it, silence_it])
async def test_halted_stops_also_what_was_granted_before(
    bench: SimulatedBench,
    approved: Warrant,
    how: Callable[[SimulatedBench], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(switch, "ANSWER_WITHIN_SECONDS", 0.05)
    how(bench)
    await refused(bench, approved, "not_permitted", "halted")


@pytest.mark.claim("C-080")
async def test_halted_stops_a_retry_of_what_was_admitted_once(bench: SimulatedBench, agreed: Warrant) -> None:
    bench.cluster.fail_next("patch", Throttled("slow down", timedelta(seconds=1)))
    with pytest.raises(ApplicationError):
        await bench.act(agreed)
    bench.switch.on = True
    await refused(bench, agreed, "not_permitted", "halted", attempt=2)
