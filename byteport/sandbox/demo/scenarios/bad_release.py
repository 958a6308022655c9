"""A release whose image does not exist: planned in dry run, approved by a person, rolled back, verified."""

from __future__ import annotations

from byteport.contracts.workflows import Phase
from byteport.domain.approvals import Taken
from byteport.domain.ceilings import Ceiling
from byteport.domain.failures import Failure
from byteport.domain.policy import Mode
from byteport.errors import Unavailable
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.demo.report import Told
from byteport.sandbox.demo.scenarios.base import Scenario
from byteport.sandbox.demo.stage import APP, Stage


class BadRelease(Scenario):
    name = "bad-release"
    title = "A bad release, in dry run"
    expected = "planned in dry run, rolled back after a signed approval, verified"
    mode = Mode.DRY_RUN
    ceiling = Ceiling(mode=Mode.DRY_RUN, rollback=(APP,))
    writes = 1

    async def play(self, stage: Stage) -> Told:
        workflow_id = stage.workflow_id(self.namespace, Failure.BAD_ROLLOUT)
        await stage.hands.deploy(self.namespace, APP, version=2, fault=Fault.IMAGE)
        stage.say("released version 2, whose image does not exist; version 1 still serves")
        waiting = await stage.until_state(
            "the plan to wait for an approval", workflow_id, lambda state: state.phase is Phase.AWAITING_APPROVAL
        )
        assert waiting.plan_digest is not None
        stage.say(f"planned, not done: {waiting.command}")
        request = await stage.waiting(waiting.plan_digest)
        reply = await stage.approve(request, "the image tag has a typo")
        if not isinstance(reply.verdict, Taken):
            raise Unavailable(f"the approval was refused: {reply.verdict.because.value}")
        stage.say(f"approved by {reply.verdict.principal}, signed with {reply.verdict.key_fingerprint}")
        await stage.until_closed(workflow_id)
        await stage.available(self.namespace, APP)
        story = stage.story(workflow_id)
        stage.say(f"rolled back and verified, {story.mttr_seconds} s after the first symptom")
        planned_first = story.events[:2] == ["planned", "approved"] or "planned" in story.events
        ok = planned_first and (story.decision, story.result) == ("acted", "success")
        return self.told(story, workflow_id, ok=ok)
