"""A release whose init container never ends, or ends badly: no container of the program itself is ever started."""

from datetime import timedelta
from typing import Any

from byteport.kubernetes.port import PODS
from byteport.sandbox.controlplane import FAULT_ANNOTATION, Fault
from byteport.sandbox.simulated.clocks import stamp
from tests.scenarios.ground import Ground
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Row, Scenario, Step
from tests.scenarios.steps import released, step

SPEC = {"initContainers": [{"name": "setup", "image": "registry.example/setup:2", "args": ["--strict"]}]}
RESTARTS = 6
HUNG_FOR = timedelta(minutes=15)


def setup_status(ground: Ground, *, hangs: bool) -> dict[str, Any]:
    """As the kubelet writes it: the init container runs for long, or backs off between two crashes."""
    at, long_ago = ground.place.clock(), ground.place.clock() - HUNG_FOR
    if hangs:
        state: dict[str, Any] = {"state": {"running": {"startedAt": stamp(long_ago)}}, "restartCount": 0}
    else:
        ended = {"exitCode": 1, "reason": "Error", "startedAt": stamp(at), "finishedAt": stamp(at)}
        words = {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container=setup"}
        state = {"state": {"waiting": words}, "lastState": {"terminated": ended}, "restartCount": RESTARTS}
    waits = {"state": {"waiting": {"reason": "PodInitializing"}}, "restartCount": 0}
    conditions = [
        {"type": kind, "status": "False", "reason": "ContainersNotInitialized", "lastTransitionTime": stamp(long_ago)}
        for kind in ("Initialized", "Ready", "ContainersReady")
    ]
    named = {"image": "registry.example/setup:2", "imageID": "", "ready": False, "started": False}
    return {
        "phase": "Pending",
        "startTime": stamp(long_ago),
        "conditions": conditions,
        "initContainerStatuses": [{"name": "setup", **named, **state}],
        "containerStatuses": [{"name": "web", **named, **waits}],
    }


def plays_the_kubelet(*, hangs: bool) -> Step:
    """Write the status of every pod of the new revision, once each is placed."""

    async def do(ground: Ground) -> None:
        async def look() -> bool:
            pods = [
                pod for pod in await ground.pods() if FAULT_ANNOTATION in (pod["metadata"].get("annotations") or {})
            ]
            placed = [pod for pod in pods if pod["spec"].get("nodeName")]
            for pod in placed:
                await ground.set_status(PODS, pod["metadata"]["name"], setup_status(ground, hangs=hangs))
            return bool(placed)

        await ground.until("the init container to be seen", look)

    return step("its init container hangs" if hangs else "its init container crashes again and again", do)


SCENARIOS = (
    Scenario(
        name="init-container-crashes",
        row=Row.INIT_FAILS,
        says="The new revision's init container exits 1 again and again.",
        broken=(released(2, fault=Fault.HELD, spec=SPEC), plays_the_kubelet(hangs=False)),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
    Scenario(
        name="init-container-hangs",
        row=Row.INIT_FAILS,
        says="The new revision's init container has run for a quarter of an hour, and lets nothing after it start.",
        broken=(released(2, fault=Fault.HELD, spec=SPEC), plays_the_kubelet(hangs=True)),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
)
