"""Containers that are killed for memory, or are about to be."""

from typing import Any

from byteport.domain.reasons import Cause, Reason
from byteport.sandbox.controlplane import Fault
from byteport.sandbox.simulated import SimulatedCluster
from tests.scenarios.ground import Ground
from tests.scenarios.model import SIMULATED_ONLY, Escalated, Row, Scenario
from tests.scenarios.steps import every_pod, one_pod, released, serves, simulated, time_passes

MEBIBYTE = 1024 * 1024
HURRY = 0.2
"""The watch measures once a minute, and a share has to be high for a minute and a half."""
NUMBERS = ("killed_container", "trend", "restarts")


def limited(mebibytes: int) -> dict[str, Any]:
    sizes = {"limits": {"memory": f"{mebibytes}Mi"}, "requests": {"memory": "64Mi"}}
    return {"containers": [{"name": "web", "resources": sizes}]}


async def leaks(cluster: SimulatedCluster, ground: Ground) -> None:
    await cluster.set_load(ground.namespace, "web", memory_each=10 * MEBIBYTE, leak_per_minute=12 * MEBIBYTE)


SCENARIOS = (
    Scenario(
        name="limit-too-small",
        row=Row.MEMORY,
        says="Every pod is killed for memory seconds after its start.",
        before=(released(1, spec=limited(256)),),
        broken=(every_pod(Fault.OOM),),
        right=Escalated(frozenset({Cause.OOM_KILLED, Cause.MEMORY_CEILING}), names=NUMBERS),
    ),
    Scenario(
        name="one-pod-is-killed-for-memory",
        row=Row.MEMORY,
        says="One pod of three is killed for memory again and again; a fresh one would only take longer.",
        before=(released(1, spec=limited(256)),),
        broken=(one_pod(Fault.OOM),),
        right=Escalated(frozenset({Cause.OOM_KILLED}), names=NUMBERS),
    ),
    Scenario(
        name="memory-leak",
        row=Row.MEMORY,
        says="Every pod grows by twelve MiB a minute, whatever the load, and comes near to its limit.",
        before=(released(1, spec=limited(2048)), simulated("web leaks", leaks)),
        broken=(time_passes(2100),),
        right=Escalated(
            frozenset({Cause.MEMORY_LEAK}),
            names=("memory_limit_bytes", "working_set_bytes", "trend"),
            reasons=frozenset({Reason.LEAKS}),
        ),
        shown_on=SIMULATED_ONLY,
        why_not="a leak takes an hour, and there time is real",
        seconds=300,
        hurry_seconds=HURRY,
    ),
    Scenario(
        name="limit-squeezed-again-and-again",
        row=Row.MEMORY,
        says="Something lowers the limit every few minutes, and the pods are killed for it.",
        before=(released(1, spec=limited(512)),),
        broken=(
            time_passes(300),
            released(1, spec=limited(480), manager="right-sizer"),
            serves(),
            time_passes(300),
            released(1, spec=limited(440), manager="right-sizer"),
            serves(),
            time_passes(300),
            released(1, spec=limited(400), manager="right-sizer"),
            serves(),
            time_passes(300),
            every_pod(Fault.OOM),
        ),
        right=Escalated(
            frozenset({Cause.MEMORY_RESQUEEZED}), names=("right-sizer",), reasons=frozenset({Reason.RESQUEEZED})
        ),
        shown_on=SIMULATED_ONLY,
        why_not="the changes lie minutes apart, and there time is real",
    ),
)
