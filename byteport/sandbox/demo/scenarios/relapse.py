"""The same kind of crash loop, but the replacement crashes too: escalated, and not tried again."""

from __future__ import annotations

from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.demo.report import Told
from byteport.sandbox.demo.scenarios.base import Scenario
from byteport.sandbox.demo.stage import APP, Stage


class Relapse(Scenario):
    name = "relapse"
    title = "The same again, and the fix does not hold"
    expected = "deleted once, not verified, escalated, not repeated"
    writes = 1

    async def play(self, stage: Stage) -> Told:
        workflow_id = stage.workflow_id(self.namespace, Failure.CRASHLOOP)
        before = {pod["metadata"]["name"] for pod in await stage.hands.pods(self.namespace, APP)}
        pod = min(before)
        await stage.hands.sicken(self.namespace, pod, Fault.TRANSIENT)
        stage.say(f"{pod} begins to crash")

        async def replacement() -> str | None:
            now = {found["metadata"]["name"] for found in await stage.hands.pods(self.namespace, APP)}
            return min(now - before, default=None)

        fresh = await stage.until("the pod to be replaced", replacement)
        await stage.hands.sicken(self.namespace, fresh, Fault.TRANSIENT)
        stage.say(f"its replacement {fresh} crashes as well")
        await stage.until_state("the run to escalate", workflow_id, lambda state: state.phase is Phase.ESCALATED)
        await stage.restarted(self.namespace, fresh, 2)
        stage.say("not verified: escalated, and the pod crashes on without a second delete")
        survived = fresh in {found["metadata"]["name"] for found in await stage.hands.pods(self.namespace, APP)}
        await stage.hand_back(self.namespace, fresh, workflow_id)
        story = stage.story(workflow_id)  # its last record follows the phase; a closed run has all of its own
        ok = survived and (story.decision, story.result) == ("escalated", "failure")
        return self.told(story, workflow_id, ok=ok and story.acts == 1)
