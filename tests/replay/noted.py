"""The story of a repair whose moments are told as Kubernetes Events: beside it, and to its end."""

from __future__ import annotations

from typing import Any

from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from tests.agent.trouble import trouble
from tests.replay.telling import Telling

WITH_EVENTS: dict[str, Any] = {
    "boundary": {"enforced": False, "sight": "cluster", "events": True},
    "reobserve_after_seconds": [3600, 86400],
}


async def a_repair_is_noted(telling: Telling) -> None:
    """Kept while it looks whether the act helped, and closed."""
    agent = telling.agent
    async with telling.working():
        await trouble(telling.place, Failure.CRASHLOOP)
        remediation = await agent.report(Failure.CRASHLOOP)
        await telling.until(remediation, Phase.VERIFYING)
        await telling.keep("remediation-open-at-verify-with-events", remediation)
        await telling.until_closed(remediation)
        await telling.keep("remediation-closed-acted-with-events", remediation)
