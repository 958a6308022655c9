"""The stories of postmortems: one waits for a place to be filed in, and is filed."""

from __future__ import annotations

from typing import Any

from byteport.domain.failures import Failure
from byteport.domain.ids import postmortem_id
from tests.agent.trouble import trouble
from tests.replay.telling import Telling

TO_A_FOLDER: dict[str, Any] = {"postmortem": {"target": "file"}, "reobserve_after_seconds": [3600, 86400]}


async def a_repair_is_told(telling: Telling) -> None:
    """A file is where the folder should be, until somebody takes it away."""
    agent = telling.agent
    folder = agent.settings.postmortem.folder
    assert folder is not None
    folder.write_text("in the way")
    async with telling.working():
        await trouble(telling.place, Failure.CRASHLOOP)
        remediation = await agent.report(Failure.CRASHLOOP)
        closed = await telling.until_closed(remediation)
        await telling.keep("remediation-closed-acted-and-told", remediation)
        await telling.keep("postmortem-open", postmortem_id(closed.incident_id))
        folder.unlink()
        await agent.settled(postmortem_id(closed.incident_id))
        await telling.keep("postmortem-closed-filed", postmortem_id(closed.incident_id))
