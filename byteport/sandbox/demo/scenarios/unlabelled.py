"""The same failure in a namespace without the label `byteport.io/enabled`: not treated, not reported, not inspected."""

from __future__ import annotations

import asyncio

from byteport.domain.failures import Failure
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.demo.report import Told
from byteport.sandbox.demo.scenarios.base import Scenario
from byteport.sandbox.demo.stage import NEIGHBOUR, Stage, Story

OBSERVED_SECONDS = 5.5
"""Longer than the watch takes to notice a label, and than a labelled namespace took to escalate just now."""
CRASHES = 2


class Unlabelled(Scenario):
    name = "unlabelled"
    title = "The same failure, in a namespace that is not enabled"
    expected = "left alone: no run, no record, no write"
    enabled = False
    serves = (NEIGHBOUR,)

    async def play(self, stage: Stage) -> Told:
        pod = await self.any_pod(stage)
        await stage.hands.sicken(self.namespace, pod, Fault.OOM)
        stage.say(f"{pod} takes more memory than it may; the namespace has no label")
        await stage.restarted(self.namespace, pod, CRASHES)
        await asyncio.sleep(OBSERVED_SECONDS)
        found = [await stage.state(stage.workflow_id(self.namespace, failure)) for failure in Failure]
        stage.say("left alone: no run, no record" if not any(found) else "a run was started")
        return self.told(Story(()), None, ok=not any(found))
