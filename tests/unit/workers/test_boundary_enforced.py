"""Whether the API server does what the policies say, over one in a dictionary that can be told to let everything through."""

from __future__ import annotations

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.names import MAY_ACT
from byteport.boundary.policies import autoscalers, commands, deployments, everything, pods
from byteport.boundary.selfcheck import Enforcement
from byteport.boundary.whole import Kind
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.domain.policy import PolicyConfig
from byteport.errors import BytePortError, NotPermitted, Throttled, Unavailable
from byteport.kubernetes.port import JSON, InVain, Listed, Resource
from byteport.settings.model import BoundaryConfig
from tests.builders.guarded import Guarded
from workers import boundary_enforced
from workers.boundary_check import Report, look_at_boundary
from workers.boundary_enforced import OURS
from workers.preflight import Outcome, check_boundary

AUTO = Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("*",))
RUNBOOKS = Choices().runbooks


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boundary_enforced, "PAUSES", (0.0,) * len(boundary_enforced.PAUSES))


async def look(cluster: Guarded) -> Report:
    chosen = cluster.choices
    config = BoundaryConfig(runbooks=chosen.runbooks, sight=chosen.sight, helper=chosen.helper)
    return await look_at_boundary(cluster, config, PolicyConfig())


@pytest.mark.claim("C-012")
async def test_policies_that_stand_as_rendered_and_are_not_enforced_refuse_everywhere() -> None:
    cluster = Guarded(given={"shop": AUTO, "till": Ceiling(mode=Mode.OBSERVE)})
    assert (await look(cluster)).enforcement is Enforcement.REFUSED
    cluster.enforces = False
    report = await look(cluster)
    assert [(one.kind, one.namespace) for one in report.findings] == [(Kind.NOT_ENFORCED, "")]
    assert all(report.refuses_auto(name) for name in ("shop", "till", ""))
    checks = check_boundary(report, refusing=Outcome.FAILED, weaker_accepted=False)
    assert [(check.name, check.outcome) for check in checks] == [("boundary", Outcome.FAILED)]
    assert "the admission policies are not enforced" in checks[0].finding


@pytest.mark.parametrize(
    ("runbooks", "helper", "asked"),
    [
        (RUNBOOKS, True, "in vain eviction"),
        (RUNBOOKS - {"PodCrashloopRunbook"}, True, "in vain exec"),
        (RUNBOOKS - {"PodCrashloopRunbook"}, False, "patch deployments"),
        (frozenset({"CpuSpikeRunbook"}), False, "patch horizontalpodautoscalers"),
    ],
)
@pytest.mark.parametrize("enforces", [True, False])
async def test_it_is_asked_by_whatever_right_to_write_there_is(
    runbooks: frozenset[str], helper: bool, asked: str, enforces: bool
) -> None:
    named = Ceiling(mode=Mode.AUTO, rollback=("api",), hpa=("web",))
    cluster = Guarded(Choices(runbooks=runbooks, helper=helper), {"shop": named})
    cluster.enforces = enforces
    report = await look(cluster)
    assert [one.kind for one in report.findings] == ([] if enforces else [Kind.NOT_ENFORCED])
    assert cluster.asked[asked] == (1 if enforces else len(boundary_enforced.PAUSES))


async def test_of_all_autoscalers_one_that_is_there_is_asked_about() -> None:
    class Scaled(Guarded):
        async def list(
            self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", limit: int = 500
        ) -> Listed:
            if resource.plural != "horizontalpodautoscalers":
                return await super().list(resource, namespace, labels=labels, fields=fields, limit=limit)
            web: JSON = {"metadata": {"name": "web", "namespace": namespace}}
            return Listed([web], "1")

    cluster = Scaled(Choices(runbooks=frozenset({"CpuSpikeRunbook"})), {"shop": AUTO})
    assert (await look(cluster)).enforcement is Enforcement.REFUSED
    cluster.enforces = False
    assert [one.kind for one in (await look(cluster)).findings] == [Kind.NOT_ENFORCED]


@pytest.mark.parametrize("given", [{}, {"shop": Ceiling(mode=Mode.OBSERVE)}])
async def test_without_a_right_to_write_there_is_nothing_to_ask(given: dict[str, Ceiling]) -> None:
    cluster = Guarded(given=given)
    cluster.enforces = False
    report = await look(cluster)
    assert (report.findings, report.enforcement) == ((), Enforcement.NOT_ASKED)
    (check,) = check_boundary(report, refusing=Outcome.FAILED, weaker_accepted=False)
    assert "cannot be asked while nothing may be written" in check.finding


async def test_what_is_in_force_a_moment_later_is_enforced() -> None:
    class Late(Guarded):
        async def ask_in_vain(self, namespace: str, what: InVain) -> None:
            self.enforces = self.asked["in vain eviction"] > 0
            await super().ask_in_vain(namespace, what)

    assert (await look(Late(given={"shop": AUTO}))).findings == ()


@pytest.mark.parametrize(
    "others",
    [
        NotPermitted("eviction of no pod in shop: forbidden"),
        NotPermitted("eviction: the admission policy no-evictions refuses", policy="no-evictions"),
    ],
)
async def test_a_refusal_that_is_not_ours_proves_nothing_and_refuses_everywhere(others: NotPermitted) -> None:
    cluster = Guarded(given={"shop": AUTO})
    cluster.others = others
    report = await look(cluster)
    assert [one.kind for one in report.findings] == [Kind.NOT_HEARD]
    assert others.message in report.findings[0].what
    assert report.refuses_auto("till")


@pytest.mark.parametrize("others", [Unavailable("the API server answered 500"), Throttled("throttling")])
async def test_a_failure_that_passes_is_no_look_and_no_finding(others: BytePortError) -> None:
    cluster = Guarded(given={"shop": AUTO})
    cluster.others = others
    with pytest.raises(Unavailable, match="cannot be asked now"):
        await look(cluster)


async def test_one_namespace_that_does_not_answer_leaves_the_next() -> None:
    class Going(Guarded):
        async def ask_in_vain(self, namespace: str, what: InVain) -> None:
            if namespace == "going":
                raise NotPermitted("eviction of no pod in going: forbidden")
            await super().ask_in_vain(namespace, what)

    assert (await look(Going(given={"going": AUTO, "shop": AUTO}))).findings == ()


async def test_of_policies_that_are_not_whole_it_is_said_once() -> None:
    cluster = Guarded(given={"shop": AUTO})
    cluster.remove("ValidatingAdmissionPolicy", pods.EVICTION)
    assert [one.kind for one in (await look(cluster)).findings] == [Kind.POLICY_ABSENT]


async def test_a_halt_is_no_finding_here() -> None:
    cluster = Guarded(given={"shop": AUTO})
    cluster.remove("ClusterRoleBinding", MAY_ACT)
    assert (await look(cluster)).findings == ()


def test_every_validating_policy_is_known_as_ours() -> None:
    assert {everything.NAME, pods.DELETE, pods.EVICTION, deployments.NAME, autoscalers.NAME, commands.NAME} == OURS
