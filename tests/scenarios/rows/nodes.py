"""The place is at fault, not what runs there."""

from byteport.domain.reasons import Cause, Reason
from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import Escalated, Row, Scenario, Silent
from tests.scenarios.steps import its_node, one_pod

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
        name="cordon-alone",
        row=Row.NODE,
        says="A node is cordoned, and nothing fails.",
        broken=(its_node("its node is cordoned", spec={"unschedulable": True}),),
        right=Silent(),
    ),
)
