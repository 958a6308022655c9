"""Somebody breaks it on purpose: an experiment is not repaired, and the person is told that it is one."""

from byteport.domain.reasons import Cause, Reason
from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import Escalated, Row, Scenario
from tests.scenarios.steps import changed, one_pod, released

EXPERIMENT = frozenset({Reason.CHAOS_EXPERIMENT})
LITMUS = {"annotations": {"litmuschaos.io/chaos": "true"}}
MESH = {"annotations": {"chaos-mesh.org/inject": "enabled"}}

SCENARIOS = (
    Scenario(
        name="chaos-litmus-kills-a-pod",
        row=Row.CHAOS,
        says="A Litmus experiment runs on web, and one of its pods crashes.",
        broken=(changed(why="web is marked for Litmus", metadata=LITMUS), one_pod(Fault.TRANSIENT)),
        right=Escalated(frozenset({Cause.TRANSIENT}), reasons=EXPERIMENT, planned=True),
    ),
    Scenario(
        name="chaos-mesh-during-a-release",
        row=Row.CHAOS,
        says="Chaos Mesh works on web while a new revision fails.",
        before=(released(1, deployment={"metadata": MESH}),),
        broken=(released(2, fault=Fault.CRASH, deployment={"metadata": MESH}),),
        right=Escalated(frozenset({Cause.RELEASE_CRASHES}), reasons=EXPERIMENT, planned=True),
    ),
)
