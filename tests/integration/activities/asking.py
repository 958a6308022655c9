"""What the tests of mutations ask of a bench again and again."""

from typing import get_args

import pytest
from temporalio.exceptions import ApplicationError

from activities.kubernetes.mutations import Mutations
from byteport.contracts.kubernetes import Outcome, ResolveOutcome
from byteport.contracts.workflows import REMEDIATION
from byteport.domain.plans import AnyPlan, DeletePodPlan, RaiseFloorPlan, RestoreFloorPlan
from byteport.domain.targets import PodRef
from byteport.domain.warrants import Warrant
from byteport.sandbox.simulated.interruptions import Verb
from tests.integration.activities.bench import Bench, environment_of

VERB: dict[str, Verb] = {"deletion": "delete", "rollback": "patch", "raise": "patch", "restore": "patch"}
"""How each act that leaves a trace reaches the API server."""

assert len(get_args(AnyPlan)) == len(VERB) + 1, "a new act joins these tests, or says why not, as pruning images does"


def pod_of(warrant: Warrant) -> PodRef:
    """The pod that the warrant's plan would delete."""
    assert isinstance(warrant.plan, DeletePodPlan)
    return warrant.plan.pod


async def failure(
    bench: Bench,
    warrant: Warrant,
    *,
    attempt: int = 1,
    workflow_type: str | None = REMEDIATION,
    on: Mutations | None = None,
) -> ApplicationError:
    with pytest.raises(ApplicationError) as caught:
        await bench.act(warrant, attempt=attempt, workflow_type=workflow_type, on=on)
    return caught.value


async def refusal(bench: Bench, warrant: Warrant, *, workflow_type: str | None = REMEDIATION) -> tuple[str, str]:
    """The code of the error and the ground that it names, once it is sure that nothing more was written."""
    before = bench.written()
    error = await failure(bench, warrant, workflow_type=workflow_type)
    assert error.non_retryable
    assert bench.written() == before
    return str(error.type), error.message.partition(":")[0]


async def outcome(bench: Bench, warrant: Warrant) -> Outcome:
    return await environment_of().run(bench.outcomes.resolve_outcome, ResolveOutcome(warrant=warrant))


def name_of(warrant: Warrant) -> str:
    """Name of the object that the call is sent to."""
    match warrant.plan:
        case DeletePodPlan() as plan:
            return plan.pod.name
        case RaiseFloorPlan() | RestoreFloorPlan() as plan:
            return plan.autoscaler
        case plan:
            return plan.target.name
