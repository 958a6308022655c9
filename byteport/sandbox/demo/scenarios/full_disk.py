"""A node's disk full of images that nothing uses: pruned once, through the opt-in helper on that node, and verified.

It comes first: an image that could not be pulled, anywhere, forbids a prune for half an hour, and the bad release is one.
"""

from __future__ import annotations

import time
from typing import Any

from byteport.contracts.workflows import Phase
from byteport.domain.approvals import Taken
from byteport.domain.failures import Failure
from byteport.domain.reasons import Cause
from byteport.errors import Unavailable
from byteport.sandbox.controlplane.node_disks import HELPER_NAMESPACE
from byteport.sandbox.demo.report import Told
from byteport.sandbox.demo.scenarios.base import Scenario
from byteport.sandbox.demo.stage import NEIGHBOUR, Stage
from byteport.sandbox.simulated import Filling
from byteport.sandbox.strains import deployment

JSON = dict[str, Any]

NODE = "node-3"
PERCENT = 90
_DECIDED = (Phase.AWAITING_APPROVAL, Phase.VERIFYING, Phase.ESCALATED, Phase.CLOSED)


class FullDisk(Scenario):
    name = "full-disk"
    title = "A node's disk, full of images that nothing uses"
    expected = "unused images pruned once, the disk verified"
    writes = 1
    serves = (NEIGHBOUR,)
    any_cluster = False

    def __init__(self) -> None:
        self._where, self._since = "", 0.0

    @property
    def place(self) -> str:
        return NODE

    @property
    def writes_in(self) -> str:
        return HELPER_NAMESPACE

    async def set_apart(self, stage: Stage) -> None:
        """A neighbour on the node, whose image is in use; everything that comes later is placed elsewhere."""
        await stage.hands.make_namespace(self.namespace)
        await stage.hands.enable(self.namespace, self.ceiling)
        neighbour = deployment(self.namespace, NEIGHBOUR)
        neighbour["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": NODE}
        await stage.strains().apply(neighbour)
        await stage.available(self.namespace, NEIGHBOUR)
        await stage.hands.taint(NODE, "dedicated", "builds")

    async def prepare(self, stage: Stage) -> None:
        """Fill the disk. The kubelet tries to collect images by itself, says that it failed, and reports pressure."""
        self._where = await stage.strains().fill(NODE, Filling.IMAGES, PERCENT)
        self._since = time.monotonic()
        stage.say(f"the disk of {NODE} is {PERCENT} % full, and told below")

    async def play(self, stage: Stage) -> Told:
        workflow_id = stage.node_workflow_id(NODE, Failure.DISK)
        lasts = time.monotonic() - self._since
        stage.say(f"{PERCENT} % full for {lasts:.0f} s, of images in {self._where}; its kubelet could not free enough")
        await self._agree(stage, workflow_id)
        state = await stage.until_acted(workflow_id)
        stage.say(f"pruned through the node helper: {state.command}")
        await stage.until_closed(workflow_id)
        story = stage.story(workflow_id)
        node = await stage.hands.node(NODE)
        (image,) = {pod["spec"]["containers"][0]["image"] for pod in await stage.hands.pods(self.namespace, NEIGHBOUR)}
        kept = image in {name for item in node["status"].get("images") or [] for name in item["names"]}
        stage.say(f"verified by df and by the kubelet's condition, {story.mttr_seconds} s after the first symptom")
        acted = (story.decision, story.result, story.cause) == ("acted", "success", Cause.DISK_IMAGES.value)
        ok = acted and kept and not _is_pressed(node) and story.events.count("started") == 1
        return self.told(story, workflow_id, ok=ok)

    async def _agree(self, stage: Stage, workflow_id: str) -> None:
        """Where it may see only the namespaces that it was given, a person says that nobody else uses the images."""
        decides = "the prune, or a plan for it"
        state = await stage.until_state(decides, workflow_id, lambda state: state.phase in _DECIDED)
        if state.phase is not Phase.AWAITING_APPROVAL or state.plan_digest is None:
            return
        stage.say("a pod that it may not see could use these images: planned, and left to a person")
        reply = await stage.approve(await stage.waiting(state.plan_digest), "nobody else's pods use them")
        if not isinstance(reply.verdict, Taken):
            raise Unavailable(f"the approval was refused: {reply.verdict.because.value}")
        stage.say(f"approved by {reply.verdict.principal}, signed with {reply.verdict.key_fingerprint}")


def _is_pressed(node: JSON) -> bool:
    return any(one["type"] == "DiskPressure" and one["status"] == "True" for one in node["status"]["conditions"])
