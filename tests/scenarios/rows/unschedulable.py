"""A release whose pods no node takes: by what it asks for, or because there is no room for anybody."""

from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.port import NODES
from tests.scenarios.ground import Ground
from tests.scenarios.model import CONTROL_PLANE_ONLY, PATCHES_DEPLOYMENT, Escalated, Fixed, Once, Row, Scenario
from tests.scenarios.steps import released, step

NO_SCHEDULER = "the simulated scheduler counts no resources and knows no affinity and no claims"
APART = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": "web"}}, "topologyKey": "kubernetes.io/os"}
        ]
    }
}
GREEDY = {"containers": [{"name": "web", "resources": {"requests": {"cpu": "900"}}}]}
CLAIM = {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "no-such-claim"}}]}


async def all_cordoned(ground: Ground) -> None:
    """Every node that its pods may run on."""
    for node in await ground.every(NODES, namespace=""):
        if ground.selector.items() <= (node["metadata"].get("labels") or {}).items():
            await ground.merge(NODES, node["metadata"]["name"], {"spec": {"unschedulable": True}}, namespace="")


SCENARIOS = (
    Scenario(
        name="node-selector-that-no-node-has",
        row=Row.UNSCHEDULABLE,
        says="The new revision asks for a label that no node has.",
        broken=(released(2, spec={"nodeSelector": {"disktype": "nvme"}}),),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
    Scenario(
        name="requests-that-no-node-has",
        row=Row.UNSCHEDULABLE,
        says="The new revision asks for more CPU than any node has.",
        broken=(released(2, spec=GREEDY),),
        right=Fixed(PATCHES_DEPLOYMENT),
        shown_on=CONTROL_PLANE_ONLY,
        why_not=NO_SCHEDULER,
    ),
    Scenario(
        name="anti-affinity-that-cannot-be-met",
        row=Row.UNSCHEDULABLE,
        says="The new revision wants to be alone among all nodes of its system, where its own siblings are.",
        broken=(released(2, spec={"affinity": APART}),),
        right=Fixed(PATCHES_DEPLOYMENT),
        shown_on=CONTROL_PLANE_ONLY,
        why_not=NO_SCHEDULER,
    ),
    Scenario(
        name="claim-that-is-not-there",
        row=Row.UNSCHEDULABLE,
        says="The new revision mounts a claim that nobody has made; whose data it would be, a person must say.",
        broken=(released(2, spec=CLAIM),),
        right=Fixed(PATCHES_DEPLOYMENT, by=Once.APPROVED),
        shown_on=CONTROL_PLANE_ONLY,
        why_not=NO_SCHEDULER,
    ),
    Scenario(
        name="no-node-takes-anybody",
        row=Row.UNSCHEDULABLE,
        says="All nodes are cordoned while a good release is rolled out: it is not the release's doing.",
        broken=(step("all nodes are cordoned", all_cordoned), released(2)),
        right=Escalated(
            frozenset({Cause.UNSCHEDULABLE, Cause.QUOTA}),
            reasons=frozenset({Reason.QUOTA_BLOCKS, Reason.NO_FAILURE_EVIDENCE, Reason.CAUSE_NEEDS_A_PERSON}),
        ),
    ),
)
