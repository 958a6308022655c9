"""The place is at fault, not what runs there."""

from datetime import timedelta

from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.port import PODS
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.simulated import SimulatedCluster
from byteport.sandbox.simulated.clocks import stamp
from tests.scenarios.ground import NEIGHBOUR, Ground
from tests.scenarios.model import SIMULATED_ONLY, Escalated, Row, Scenario, Silent
from tests.scenarios.steps import VICTIM, its_node, one_pod, simulated, step, time_passes


async def reboots(cluster: SimulatedCluster, ground: Ground) -> None:
    await cluster.reboot((await ground.pods())[0]["spec"]["nodeName"])
    for pod in await ground.pods():
        ground.touched.add(("pods", ground.namespace, pod["metadata"]["name"]))
    ground.touched.add(("deployments", ground.namespace, NEIGHBOUR))
    ground.touched.add(("deployments", ground.outside, "web"))


async def stops(cluster: SimulatedCluster, ground: Ground) -> None:
    await cluster.stop_kubelet(ground.names["node"])
    ground.touched.add(("nodes", "", ground.names["node"]))


async def drifts(ground: Ground) -> None:
    """The victim backs off between two crashes that have not happened yet."""
    pod = next(one for one in await ground.pods() if one["metadata"]["name"] == ground.names[VICTIM])
    later = stamp(ground.place.clock() + timedelta(hours=1))
    ended = {"exitCode": 1, "reason": "Error", "startedAt": later, "finishedAt": later}
    crashed = {
        **pod["status"]["containerStatuses"][0],
        "ready": False,
        "started": False,
        "restartCount": 6,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
        "lastState": {"terminated": ended},
    }
    unready = [{"type": kind, "status": "False", "lastTransitionTime": later} for kind in ("Ready", "ContainersReady")]
    status = {"conditions": unready, "containerStatuses": [crashed]}
    await ground.set_status(PODS, pod["metadata"]["name"], status)


SCENARIOS = (
    Scenario(
        name="node-not-ready",
        row=Row.NODE,
        says="The node of a crashing pod does not report any more.",
        broken=(
            its_node("its node is not Ready", conditions={"Ready": "Unknown"}),
            one_pod(Fault.TRANSIENT),
        ),
        right=Escalated(frozenset({Cause.NODE_NOT_READY}), names=("node",), reasons=frozenset({Reason.NODE_NOT_READY})),
    ),
    Scenario(
        name="node-not-ready-says-false",
        row=Row.NODE,
        says="The kubelet says that its runtime is down; a pod on that node is not Ready.",
        broken=(
            its_node("its node is not Ready", conditions={"Ready": "False"}),
            one_pod(Fault.TRANSIENT),
        ),
        right=Escalated(frozenset({Cause.NODE_NOT_READY}), names=("node",), reasons=frozenset({Reason.NODE_NOT_READY})),
    ),
    Scenario(
        name="node-cordoned",
        row=Row.NODE,
        says="Somebody has cordoned the node of a crashing pod, and is about to drain it.",
        broken=(its_node("its node is cordoned", spec={"unschedulable": True}), one_pod(Fault.TRANSIENT)),
        right=Escalated(frozenset({Cause.TRANSIENT}), reasons=frozenset({Reason.NODE_UNSCHEDULABLE})),
    ),
    Scenario(
        name="node-under-memory-pressure",
        row=Row.NODE,
        says="The node of a crashing pod is short of memory.",
        broken=(
            its_node("its node is short of memory", conditions={"MemoryPressure": "True"}),
            one_pod(Fault.TRANSIENT),
        ),
        right=Escalated(frozenset({Cause.NODE_PRESSURE}), names=("node",), reasons=frozenset({Reason.COMMON_CAUSE})),
    ),
    Scenario(
        name="node-rebooted",
        row=Row.NODE,
        says="A node reboots: every container on it starts anew, once, and runs.",
        broken=(simulated("its node reboots", reboots), time_passes(900)),
        right=Silent(),
        shown_on=SIMULATED_ONLY,
        why_not="the real control plane's nodes cannot reboot",
    ),
    Scenario(
        name="kubelet-stopped",
        row=Row.NODE,
        says="A node is heard of no more while one of its pods crashes.",
        broken=(one_pod(Fault.TRANSIENT), simulated("its kubelet stops", stops)),
        right=Escalated(frozenset({Cause.NODE_NOT_READY}), names=("node",), reasons=frozenset({Reason.NODE_NOT_READY})),
        shown_on=SIMULATED_ONLY,
        why_not="there the node's life is kwok's; a node that says nothing is shown by its condition",
    ),
    Scenario(
        name="clock-drift",
        row=Row.NODE,
        says="The clock of a crashing pod's node is an hour fast: what it writes lies in the future.",
        broken=(one_pod(Fault.HELD), step("its kubelet writes of an hour from now", drifts)),
        right=Escalated(frozenset({Cause.TRANSIENT, Cause.CRASHING, Cause.UNKNOWN, Cause.NODE_SUSPECT})),
    ),
    Scenario(
        name="cordon-alone",
        row=Row.NODE,
        says="A node is cordoned, and nothing fails.",
        broken=(its_node("its node is cordoned", spec={"unschedulable": True}),),
        right=Silent(),
    ),
)
