"""What Temporal is asked for a list: narrowed there, so that no number of other runs hides the one that matters."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import cast

import pytest
from temporalio.client import Client

from byteport.contracts.workflows import Phase
from byteport.temporal.views import list_runs


@pytest.mark.parametrize(
    ("phase", "asks"),
    [
        (None, "WorkflowType = 'RemediationWorkflow' AND ExecutionStatus = 'Running'"),
        (
            Phase.ESCALATED,
            "WorkflowType = 'RemediationWorkflow' AND ExecutionStatus = 'Running' AND BytePortPhase = 'escalated'",
        ),
    ],
)
async def test_runs_of_one_phase_are_asked_for_and_not_picked_from_the_newest(phase: Phase | None, asks: str) -> None:
    asked: list[str] = []

    def listing(query: str, **_: object) -> AsyncIterator[object]:
        asked.append(query)

        async def nothing() -> AsyncIterator[object]:
            empty: tuple[object, ...] = ()
            for one in empty:
                yield one

        return nothing()

    client = cast("Client", SimpleNamespace(list_workflows=listing))
    assert await list_runs(client, open_only=True, limit=50, phase=phase) == []
    assert asked == [asks]
