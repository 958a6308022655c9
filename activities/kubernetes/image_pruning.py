"""Removing a node's unused images: one fixed command in the node helper's pod, and nothing that could make it another.

A command leaves no stamp that could be found again. So whoever comes after an attempt that may have run it cannot tell,
and does not run it a second time: to prune twice does no harm by itself, but a second command that nobody has recorded
is an act without a record. An attempt that is known not to have sent it (`mutations.py` remembers) may be repeated.

What the command prints stays in this method. An exit code other than 0 is no success: *not found* and *not executable*
mean that nothing was done, every other that some images may be gone.
"""

from __future__ import annotations

from activities.kubernetes.effects import Prepared, Trace
from activities.kubernetes.grounds import Ground, deny, stale
from byteport.contracts.kubernetes import PRUNE_IMAGES
from byteport.domain.plans import HELPER_CONTAINER, PruneImagesPlan, Runtime
from byteport.domain.warrants import Warrant
from byteport.errors import PermanentError, TargetGone, UnknownOutcome
from byteport.kubernetes import fields, port
from byteport.kubernetes.node_commands import is_helper
from byteport.kubernetes.port import JSON, Attribution, ClusterPort

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""Exit codes by which a shell's rules say that the command did not begin."""
PRUNE_SECONDS = PRUNE_IMAGES.client_timeout.total_seconds()
_SCHEMES = {Runtime.CONTAINERD: "containerd://", Runtime.CRI_O: "cri-o://", Runtime.DOCKER: "docker://"}


class ImagePruning:
    """On one cluster."""

    def __init__(self, cluster: ClusterPort, cluster_uid: str) -> None:
        self._cluster = cluster
        self._cluster_uid = cluster_uid

    async def trace(self, warrant: Warrant) -> Trace:
        """It is never found: see the module."""
        _plan(warrant)
        return Trace.CANNOT_TELL

    async def prepare(self, warrant: Warrant) -> Prepared:
        plan = _plan(warrant)
        node = await self._cluster.get(port.NODES, "", plan.target.name)
        uid = fields.uid(fields.metadata(node).get("uid"))
        if uid != plan.target.uid:
            raise TargetGone(f"{Ground.TARGET.value}: another node has this name now")
        if fields.metadata(node).get("deletionTimestamp") is not None:
            raise stale(Ground.BEING_DELETED, "the node is being deleted")
        says = fields.at(node, "status", "nodeInfo", "containerRuntimeVersion")
        if not isinstance(says, str) or not says.startswith(_SCHEMES[plan.runtime]):
            raise stale(Ground.CHANGED, "the node's runtime is not the one that the plan names")
        helper = await self._helper(plan)
        namespace, name = plan.helper.namespace, plan.helper.name
        argv = plan.argv

        async def send(by: Attribution) -> str:
            result = await self._cluster.exec(namespace, name, HELPER_CONTAINER, argv, by=by, seconds=PRUNE_SECONDS)
            if result.exit_code in (NOT_EXECUTABLE, NOT_FOUND):
                raise PermanentError(f"the node helper does not have the command (exit code {result.exit_code})")
            if result.exit_code != 0:
                raise UnknownOutcome(f"the command ended with exit code {result.exit_code}: some images may be gone")
            return ""

        arguments = {
            "act": "prune_images",
            "cluster_uid": self._cluster_uid,
            "node": {"name": fields.name(fields.metadata(node).get("name")), "uid": uid},
            "helper": {"namespace": namespace, "name": name, "uid": fields.uid(fields.metadata(helper).get("uid"))},
            "argv": list(argv),
        }
        return Prepared(arguments, send)

    async def _helper(self, plan: PruneImagesPlan) -> JSON:
        """The helper's pod: that very one, Ready, on that very node, with the label and the one container."""
        pod = await self._cluster.get(port.PODS, plan.helper.namespace, plan.helper.name)
        if fields.metadata(pod).get("uid") != plan.helper.uid:
            raise TargetGone(f"{Ground.TARGET.value}: another pod has the helper's name now")
        if fields.metadata(pod).get("deletionTimestamp") is not None:
            raise stale(Ground.BEING_DELETED, "the node helper's pod is being deleted")
        if fields.at(pod, "spec", "nodeName") != plan.target.name:
            raise stale(Ground.CHANGED, "the node helper's pod is on another node")
        if fields.condition(pod, "Ready").get("status") != "True":
            raise stale(Ground.CHANGED, "the node helper's pod is not Ready")
        if not is_helper(pod, plan.helper.namespace):
            raise stale(Ground.CHANGED, "the pod is no node helper: it lacks the label")
        containers = [entry.get("name") for entry in fields.entries(fields.at(pod, "spec", "containers"))]
        if HELPER_CONTAINER not in containers:
            raise stale(Ground.CHANGED, "the pod is no node helper: it lacks the container")
        return pod


def _plan(warrant: Warrant) -> PruneImagesPlan:
    if not isinstance(warrant.plan, PruneImagesPlan):
        raise deny(Ground.ACT, "the warrant is not for pruning images")
    return warrant.plan
