"""Four times the load, and an autoscaler that may add one pod a minute: its floor is raised for a time, within its bounds.

The load begins with the demo and grows old while others play: an autoscaler whose rate has only just been met is left to
help itself for a minute. The time box that takes the floor back is shown, not waited for.
"""

from __future__ import annotations

import time

from byteport.contracts.workflows import TimeboxState
from byteport.domain.ceilings import Ceiling
from byteport.domain.failures import Failure
from byteport.domain.ids import timebox_id
from byteport.domain.policy import Mode
from byteport.domain.reasons import Cause
from byteport.errors import TargetGone, Unavailable
from byteport.sandbox.demo.report import Told
from byteport.sandbox.demo.scenarios.base import Scenario
from byteport.sandbox.demo.stage import APP, NEIGHBOUR, Stage
from byteport.sandbox.strains import REPLICAS, autoscaler, deployment
from byteport.temporal import views

CEILING = 10
LOAD, MEMORY_MIB = "800m", 64


class Surge(Scenario):
    name = "surge"
    title = "A surge of load that the autoscaler may follow only slowly"
    expected = "the floor raised for a time, the replicas verified"
    writes = 1
    any_cluster = False
    ceiling = Ceiling(mode=Mode.AUTO, hpa=(APP,))

    def __init__(self) -> None:
        self._since = 0.0

    async def prepare(self, stage: Stage) -> None:
        """An application with an autoscaler, a neighbour, and the load."""
        await stage.hands.make_namespace(self.namespace)
        await stage.hands.deploy(self.namespace, NEIGHBOUR, version=1)
        hands = stage.strains()
        await hands.apply(deployment(self.namespace, APP), autoscaler(self.namespace, APP, ceiling=CEILING))
        await stage.hands.enable(self.namespace, self.ceiling)
        self._since = time.monotonic()
        await hands.load(self.namespace, APP, cpu_total=LOAD, memory_each_mib=MEMORY_MIB, leak=False)
        stage.say(f"{self.namespace}/{APP} gets four times its load: that must last for a minute, and is told below")
        await stage.available(self.namespace, NEIGHBOUR)

    async def play(self, stage: Stage) -> Told:
        workflow_id = stage.workflow_id(self.namespace, Failure.CPU)
        lasts = time.monotonic() - self._since
        stage.say(f"{APP} has had four times its load for {lasts:.0f} s; its autoscaler may add one pod a minute")
        state = await stage.until_acted(workflow_id)
        stage.say(f"raised its floor: {state.command}")
        await stage.until_closed(workflow_id)
        story = stage.story(workflow_id)
        found = await stage.hands.deployment(self.namespace, APP)
        replicas: int = found.get("status", {}).get("availableReplicas", 0)
        stage.say(
            f"{replicas} replicas are there and carry it, verified {story.mttr_seconds} s after the first symptom"
        )
        box_id = timebox_id(stage.sandbox.cluster.uid, self.namespace, APP)
        box = await stage.until("the time box to answer", lambda: _box(stage, box_id))
        stage.say(f"its time box: {box_id}")
        stage.say(f"the floor stands until {box.until:%H:%M:%S} UTC; the box then puts {box.first_floor} back")
        acted = (story.decision, story.result, story.cause) == ("acted", "success", Cause.AUTOSCALER_LIMITED.value)
        boxed = box.first_floor == REPLICAS < (box.raised_to or 0) <= replicas
        return self.told(story, workflow_id, ok=acted and boxed)


async def _box(stage: Stage, box_id: str) -> TimeboxState | None:
    try:
        found = await views.timebox_state(stage.sandbox.client, box_id)
    except (TargetGone, Unavailable):
        return None
    return found if found.until is not None else None
