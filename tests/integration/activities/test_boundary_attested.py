"""What the cluster worker makes of answers that an identity provider attests, just before the call: by its own mount alone."""

from datetime import timedelta

import pytest

from byteport.domain.warrants import Warrant
from tests.integration.activities.asking import pod_of
from tests.integration.activities.bench import DRY_RUN_POLICY
from tests.integration.activities.simulated_bench import SimulatedBench
from tests.integration.activities.test_boundary import refused
from tests.unit.trust.providers import Provider

LOGIN = Provider()
TAKES_TOKENS = DRY_RUN_POLICY + "approvals: {PodCrashloopRunbook: {least: attested}}\n"


@pytest.fixture
async def attested(bench: SimulatedBench) -> Warrant:
    """The yes of ada, who has no key here, from her browser."""
    bench.issuers = LOGIN.mount(bench.folder)
    bench.set_policy(TAKES_TOKENS)
    bench.allow("grace")
    bench.start_again()
    return attested_by(bench, await bench.deletion(await bench.one_pod_crashes()), "sub-ada")


def attested_by(bench: SimulatedBench, plan: object, *subjects: str, provider: Provider = LOGIN) -> Warrant:
    warrant = bench.warrant(plan, auto=False, by=())  # type: ignore[arg-type]  # any plan of the bench
    assert warrant.request is not None
    answers = tuple(provider.answers(warrant.request, subject, at=bench.clock()) for subject in subjects)
    bench.clock.advance(10)
    return warrant.model_copy(update={"answers": answers})


@pytest.mark.claim("C-442")
async def test_an_attested_yes_is_enough_where_the_rule_says_so(bench: SimulatedBench, attested: Warrant) -> None:
    await bench.act(attested)
    assert bench.written() == [("delete", pod_of(attested).name)]


@pytest.mark.claim("C-442")
async def test_review_9_a_person_taken_out_of_the_list_since_voids_the_answer_at_the_act(
    bench: SimulatedBench, attested: Warrant
) -> None:
    Provider(people={"sub-bob": "bob"}).mount(bench.folder)
    await refused(bench, attested, "not_permitted", "not_an_approver")


@pytest.mark.claim("C-442")
async def test_a_key_taken_out_of_the_mount_since_voids_what_it_attested(
    bench: SimulatedBench, attested: Warrant
) -> None:
    LOGIN.mount(bench.folder, "EC")
    await refused(bench, attested, "not_permitted", "bad_signature")


@pytest.mark.claim("C-442")
async def test_a_worker_that_lists_no_provider_takes_nobodys_word(bench: SimulatedBench, attested: Warrant) -> None:
    bench.issuers = None
    bench.start_again()
    await refused(bench, attested, "not_permitted", "unknown_issuer")


@pytest.mark.claim("C-444")
async def test_the_workers_own_rule_says_the_least_and_not_the_request(
    bench: SimulatedBench, attested: Warrant
) -> None:
    bench.set_policy(DRY_RUN_POLICY)
    warrant = attested_by(bench, attested.plan, "sub-ada")
    assert warrant.request is not None
    bolder = warrant.request.model_copy(update={"least": "attested"})
    await refused(bench, warrant.model_copy(update={"request": bolder}), "not_permitted", "too_weak")


@pytest.mark.claim("C-440")
async def test_review_9_a_token_for_another_answer_is_refused_at_the_act(
    bench: SimulatedBench, attested: Warrant
) -> None:
    (answer,) = attested.answers
    text = answer.text.model_copy(update={"id": "1" * 32})
    forged = attested.model_copy(update={"answers": (answer.model_copy(update={"text": text}),)})
    await refused(bench, forged, "not_permitted", "other_answer")


@pytest.mark.claim("C-442")
async def test_review_9_an_attested_answer_that_has_run_out_is_refused_at_the_act(
    bench: SimulatedBench, attested: Warrant
) -> None:
    bench.clock.advance(20 * 3600)
    lasting = bench.ledger.sign(
        attested.grant.body.model_copy(update={"lease_until": bench.clock() + timedelta(seconds=77)})
    )
    await refused(bench, attested.model_copy(update={"grant": lasting}), "not_permitted", "expired")


@pytest.mark.claim("C-443")
async def test_a_quorum_of_two_is_two_people_however_each_answers(bench: SimulatedBench, attested: Warrant) -> None:
    bench.set_policy(DRY_RUN_POLICY + "approvals: {PodCrashloopRunbook: {least: attested, quorum: 2}}\n")
    bench.allow("ada", "grace")
    one = attested_by(bench, attested.plan, "sub-ada")
    assert one.request is not None
    with_key = bench.answer(one.request, "ada")
    await refused(bench, one.model_copy(update={"answers": (*one.answers, with_key)}), "not_permitted", "2 valid yes")
    another = bench.answer(one.request, "grace", answer_id="2" * 32)
    await bench.act(one.model_copy(update={"answers": (*one.answers, another)}))
    assert bench.written() == [("delete", pod_of(one).name)]
