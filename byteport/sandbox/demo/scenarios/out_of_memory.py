"""A pod that is killed for its memory: deleting it would mend nothing, so a person is told, with the cause.

The crash loop's runbook hands it to the memory runbook, whose run is the one that escalates.
"""

from __future__ import annotations

from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.demo.report import Told
from byteport.sandbox.demo.scenarios.base import Scenario
from byteport.sandbox.demo.stage import Stage


class OutOfMemory(Scenario):
    name = "out-of-memory"
    title = "A pod killed for its memory"
    expected = "nothing done, escalated as oom_killed"

    async def play(self, stage: Stage) -> Told:
        workflow_id = stage.workflow_id(self.namespace, Failure.MEMORY)
        pod = await self.any_pod(stage)
        await stage.hands.sicken(self.namespace, pod, Fault.OOM)
        stage.say(f"{pod} takes more memory than it may")
        waits = "the run to escalate"
        state = await stage.until_state(waits, workflow_id, lambda state: state.phase is Phase.ESCALATED)
        stage.say(f"escalated as {state.cause.value if state.cause else None}; nothing was done")
        await stage.hand_back(self.namespace, pod, workflow_id)
        story = stage.story(
            workflow_id
        )  # the record of an escalation follows its phase; a closed run has all of its own
        ok = (story.decision, story.cause) == ("escalated", Cause.OOM_KILLED.value)
        return self.told(story, workflow_id, ok=ok)
