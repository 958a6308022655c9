"""Whether the API server proves rollbacks: by which rule it refuses a question that it must refuse anyway."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.names import MAY_ACT, ROLLBACK_LABEL
from byteport.boundary.policies.deployments import NAME as POLICY
from byteport.boundary.policies.deployments import PROVE
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.domain.policy import PolicyConfig
from byteport.errors import NotPermitted, Unavailable
from byteport.kubernetes.port import JSON
from byteport.settings.model import BoundaryConfig
from tests.builders.proving import BEFORE, INSTALLED, Proving
from workers import boundary_proof
from workers.boundary_doctor import examine_boundary
from workers.boundary_proof import NAME, ask_for_proofs
from workers.preflight import Check, Outcome

API = Ceiling(mode=Mode.AUTO, rollback=("api",))
EVERY = Ceiling(mode=Mode.DRY_RUN, rollback=("*",))
SHOP = {"shop": API}
OTHERS = "patch deployments shop/api: the admission policy somebody-elses refuses"


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundary_proof, "PAUSES", (0.0,) * len(boundary_proof.PAUSES))


@pytest.fixture
def cluster() -> Proving:
    return Proving(given=SHOP)


async def asked(cluster: Proving, given: Mapping[str, Ceiling | None] = SHOP) -> Check:
    (check,) = await ask_for_proofs(cluster, given)
    assert check.name == NAME
    return check


async def test_a_server_that_stamps_proves(cluster: Proving) -> None:
    cluster.release("shop", "api")
    assert await asked(cluster) == Check(NAME, Outcome.OK, "the API server proves rollbacks of shop/api")
    assert len(cluster.marked) == 1


@pytest.mark.claim("C-018")
async def test_one_that_does_not_is_a_defect_with_its_cause_and_what_to_do(cluster: Proving) -> None:
    cluster.release("shop", "api", known=False)
    check = await asked(cluster)
    assert check.outcome is Outcome.FAILED
    for words in ("shop/api", PROVE, "kubernetes/kubernetes issue 130887", "Restart kube-apiserver", "each instance"):
        assert words in check.finding
    assert check.remedy.startswith("crictl stop ")
    assert len(cluster.marked) == len(boundary_proof.PAUSES)


async def test_what_is_known_to_it_a_moment_later_is_no_defect(cluster: Proving) -> None:
    cluster.release("shop", "api", known=False)
    cluster.learns_after = 2
    assert (await asked(cluster)).outcome is Outcome.OK


@pytest.mark.parametrize("made", [BEFORE, INSTALLED])
async def test_a_revision_that_is_no_younger_than_the_proof_tells_little_and_that_is_said(
    cluster: Proving, made: str
) -> None:
    cluster.release("shop", "api", made=made)
    check = await asked(cluster)
    assert check.outcome is Outcome.OK
    assert "shop/api runs is older than the proof" in check.finding


async def test_each_question_is_another_action_and_says_nothing_else(cluster: Proving) -> None:
    cluster.release("shop", "api")
    await asked(cluster)
    await asked(cluster)
    first, second = ({one["path"]: one["value"] for one in marks} for marks in cluster.marked)
    differing = {path for path in first if first[path] != second[path]}
    assert differing == {"/metadata/annotations/byteport.io~1action-id"}


async def test_a_deployment_without_annotations_is_asked_of_too(cluster: Proving) -> None:
    del cluster.release("shop", "api")["metadata"]["annotations"]
    assert (await asked(cluster)).outcome is Outcome.OK


async def test_of_a_namespace_that_was_given_whole_every_labelled_one_is_asked_of(cluster: Proving) -> None:
    cluster.release("shop", "api")
    cluster.release("shop", "web", known=False)
    del cluster.release("shop", "other", known=False)["metadata"]["labels"][ROLLBACK_LABEL]
    checks = await ask_for_proofs(cluster, {"shop": EVERY, "till": None})
    assert [(one.outcome, "shop/other" in one.finding) for one in checks] == [
        (Outcome.FAILED, False),
        (Outcome.OK, False),
    ]


def unlabelled(deployment: JSON) -> None:
    del deployment["metadata"]["labels"][ROLLBACK_LABEL]


def paused(deployment: JSON) -> None:
    deployment["spec"]["paused"] = True


def owned(deployment: JSON) -> None:
    deployment["metadata"]["ownerReferences"] = [{"kind": "Website", "name": "shop"}]


def under_way(deployment: JSON) -> None:
    """Its newest template has no ReplicaSet yet that serves."""
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "api:2"


@pytest.mark.parametrize("change", [unlabelled, paused, owned, under_way])
async def test_what_would_be_refused_for_itself_is_not_asked_of(
    cluster: Proving, change: Callable[[JSON], None]
) -> None:
    change(cluster.release("shop", "api", known=False))
    check = await asked(cluster)
    assert (check.outcome, cluster.marked) == (Outcome.OK, [])
    assert check.finding.startswith("nothing to ask of")


async def test_neither_one_that_serves_nobody_nor_one_that_is_gone(cluster: Proving) -> None:
    assert (await asked(cluster)).finding.startswith("nothing to ask of")
    cluster.release("shop", "api", available=0)
    assert (await asked(cluster)).finding.startswith("nothing to ask of")
    assert cluster.marked == []


@pytest.mark.parametrize("ceiling", [Ceiling(mode=Mode.AUTO, hpa=("api",)), Ceiling(mode=Mode.OBSERVE), None])
async def test_where_nothing_may_be_rolled_back_nothing_is_asked(cluster: Proving, ceiling: Ceiling | None) -> None:
    cluster.release("shop", "api")
    assert await ask_for_proofs(cluster, {"shop": ceiling}) == []
    assert cluster.marked == []


async def test_another_refusal_is_no_answer_and_no_defect(cluster: Proving) -> None:
    cluster.release("shop", "api")
    cluster.refusals = [NotPermitted(OTHERS)] * len(boundary_proof.PAUSES)
    check = await asked(cluster)
    assert (check.outcome, check.finding) == (Outcome.WARNING, f"could not be asked for of shop/api: {OTHERS}")
    assert check.remedy.startswith("byteport doctor --installation")


@pytest.mark.claim("C-012")
async def test_what_is_let_through_is_a_defect_and_no_answer_that_was_not_heard(cluster: Proving) -> None:
    cluster.release("shop", "api")
    cluster.enforces = False
    check = await asked(cluster)
    assert check.outcome is Outcome.FAILED
    assert check.finding.startswith("the admission policies are not enforced: ")
    assert check.finding.endswith("shop/api")


async def test_an_answer_that_does_not_come_is_asked_for_again(cluster: Proving) -> None:
    cluster.release("shop", "api")
    cluster.refusals = [Unavailable("no answer"), NotPermitted(OTHERS)]
    assert (await asked(cluster)).outcome is Outcome.OK


async def test_a_credential_that_may_not_ask_is_told_what_it_takes(cluster: Proving) -> None:
    cluster.objects = {}
    check = await asked(cluster)
    assert check.outcome is Outcome.WARNING
    assert "may impersonate the agent's account, and userextras" in check.finding
    assert check.remedy.startswith("kubectl auth can-i impersonate serviceaccounts/byteport-agent ")


# -- as a part of the doctor ---------------------------------------------------------------------------------------------


async def doctor(cluster: Proving) -> list[Check]:
    async def never(_: str) -> Proving:
        raise AssertionError("the credential is the agent's own")

    config = BoundaryConfig(runbooks=cluster.choices.runbooks)
    return await examine_boundary(cluster, never, config, PolicyConfig())


@pytest.mark.claim("C-018")
async def test_the_doctor_asks_for_each_deployment_that_a_ceiling_names(cluster: Proving) -> None:
    cluster.release("shop", "api", known=False)
    found = {check.name: check.outcome for check in await doctor(cluster)}
    assert found == {"boundary": Outcome.OK, NAME: Outcome.FAILED}


async def test_the_doctor_acts_as_the_agent_with_a_token_of_a_pod(cluster: Proving) -> None:
    cluster.release("shop", "api")
    admin = Proving()
    admin.groups = ["system:masters"]
    pods = []

    async def as_agent(of_pod: str) -> Proving:
        pods.append(of_pod)
        return cluster

    checks = await examine_boundary(admin, as_agent, BoundaryConfig(), PolicyConfig())
    assert (checks[-1].name, checks[-1].outcome) == (NAME, Outcome.OK)
    assert pods == ["", "byteport-agent-doctor"]


@pytest.mark.parametrize("gone", [("MutatingAdmissionPolicyBinding", PROVE), ("ValidatingAdmissionPolicy", POLICY)])
async def test_where_the_policies_are_not_whole_that_is_the_finding(cluster: Proving, gone: tuple[str, str]) -> None:
    cluster.release("shop", "api", known=False)
    cluster.remove(*gone)
    assert NAME not in [check.name for check in await doctor(cluster)]
    assert cluster.marked == []


async def test_while_halted_every_write_is_refused_so_that_nothing_is_asked(cluster: Proving) -> None:
    cluster.release("shop", "api", known=False)
    cluster.remove("ClusterRoleBinding", MAY_ACT)
    assert NAME not in [check.name for check in await doctor(cluster)]


async def test_with_the_runbook_off_nobody_rolls_back_and_nothing_is_asked() -> None:
    off = Choices(runbooks=EVERY_RUNBOOK - {"FailedDeployAutoRollbackRunbook"})
    cluster = Proving(off, SHOP)
    cluster.release("shop", "api", known=False)
    assert NAME not in [check.name for check in await doctor(cluster)]


async def test_a_server_that_never_proves_is_said_elsewhere() -> None:
    cluster = Proving(Choices(proves_rollbacks=False), SHOP)
    cluster.version = "v1.35.1"
    cluster.release("shop", "api", known=False)
    assert NAME not in [check.name for check in await doctor(cluster)]
