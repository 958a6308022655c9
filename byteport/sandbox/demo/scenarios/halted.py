"""The kill switch: with `byteport halt` in force, a crash loop that would be repaired is not."""

from __future__ import annotations

import secrets

from activities.audit.halts import Halts
from activities.clock import utc_now
from byteport.contracts.workflows import Phase
from byteport.domain.failures import Failure
from byteport.domain.reasons import Reason
from byteport.ledger.opening import open_store
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.demo.report import Told
from byteport.sandbox.demo.scenarios.base import Scenario
from byteport.sandbox.demo.stage import Stage
from byteport.sandbox.home import OPERATOR
from byteport.settings import installation


class Halted(Scenario):
    name = "halted"
    title = "The kill switch"
    expected = "the act refused while halted, escalated"

    async def play(self, stage: Stage) -> Told:
        workflow_id = stage.workflow_id(self.namespace, Failure.CRASHLOOP)
        settings = stage.sandbox.settings
        store = open_store(settings.ledger, settings.tenant, clock=utc_now, randomness=secrets.token_bytes)
        halts = Halts(store, installation(settings, stage.sandbox.cluster.uid))
        halts.halt(by=OPERATOR, reason="demo")
        stage.say("halted")
        pod = await self.any_pod(stage)
        await stage.hands.sicken(self.namespace, pod, Fault.TRANSIENT)
        stage.say(f"{pod} begins to crash, as the one that was repaired a moment ago")
        waits = "the run to escalate"
        state = await stage.until_state(waits, workflow_id, lambda state: state.phase is Phase.ESCALATED)
        refused = Reason.HALTED in state.reasons
        stage.say("refused, because everything is halted" if refused else "escalated, but not because of the halt")
        await stage.hand_back(self.namespace, pod, workflow_id)
        halts.resume(by=OPERATOR, reason="demo")
        stage.say("resumed")
        story = stage.story(workflow_id)  # its last record follows the phase; a closed run has all of its own
        refused = refused and story.says(Reason.HALTED)
        return self.told(story, workflow_id, ok=refused and story.decision == "escalated")
