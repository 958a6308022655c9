"""One replica crash-loops for a reason that a fresh pod does not have: repaired in `auto`, nobody is asked."""

from __future__ import annotations

from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.demo.report import Told
from byteport.sandbox.demo.scenarios.base import Scenario
from byteport.sandbox.demo.stage import APP, Stage


class CrashLoop(Scenario):
    name = "crash-loop"
    title = "A transient crash loop, in auto"
    expected = "the one pod deleted, its replacement verified"
    writes = 1

    async def play(self, stage: Stage) -> Told:
        workflow_id = stage.workflow_id(self.namespace, Failure.CRASHLOOP)
        pod = await self.any_pod(stage)
        await stage.hands.sicken(self.namespace, pod, Fault.TRANSIENT)
        stage.say(f"{pod} begins to crash; its sibling is well")
        await stage.until_state("the run to be decided", workflow_id, lambda state: state.decision is not None)
        await stage.until_closed(workflow_id)
        await stage.available(self.namespace, APP)
        story = stage.story(workflow_id)
        stage.say(f"deleted, replaced and verified, {story.mttr_seconds} s after the first symptom")
        ok = (story.decision, story.result, story.cause) == ("acted", "success", Cause.TRANSIENT.value)
        return self.told(story, workflow_id, ok=ok)
