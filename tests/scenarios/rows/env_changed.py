"""A release that differs in one environment variable."""

from typing import Any

from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import SignalType, Source
from byteport.kubernetes.port import REPLICA_SETS
from byteport.sandbox.controlplane import Fault
from tests.scenarios.ground import STEP_SECONDS, Ground
from tests.scenarios.model import PATCHES_DEPLOYMENT, Escalated, Fixed, Once, Row, Scenario, Silent, Step
from tests.scenarios.steps import released, reported, serves, step, time_passes

MIN_READY_SECONDS = 75
BROKEN_BACKEND = {"containers": [{"name": "web", "env": [{"name": "BACKEND", "value": "none"}]}]}


def both_serve() -> Step:
    """Wait until a pod of the new revision counts as available, while some of the old one still are."""

    async def do(ground: Ground) -> None:
        async def look() -> bool:
            available = [((one.get("status") or {}).get("availableReplicas") or 0) for one in await own_sets(ground)]
            return len([count for count in available if count > 0]) > 1

        await ground.until("both revisions to serve", look, within=MIN_READY_SECONDS + STEP_SECONDS)

    return step("both revisions serve", do)


async def own_sets(ground: Ground) -> list[dict[str, Any]]:
    sets = await ground.every(REPLICA_SETS)
    return [one for one in sets if one["metadata"]["labels"].get("app") == "web"]


SCENARIOS = (
    Scenario(
        name="env-changed-pods-crash",
        row=Row.ENV_CRASHES,
        says="The new revision sets a variable that its program cannot read, and every new pod exits 1.",
        broken=(
            released(
                1, fault=Fault.CRASH, spec={"containers": [{"name": "web", "env": [{"name": "PORT", "value": "http"}]}]}
            ),
        ),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
    Scenario(
        name="errors-reported-while-the-old-revision-serves",
        row=Row.ENV_ERRORS,
        says="The new revision is Ready and answers with errors, as an alert says; some of the old one still serves.",
        broken=(
            released(2, spec=BROKEN_BACKEND, deployment={"spec": {"minReadySeconds": MIN_READY_SECONDS}}),
            both_serve(),
            reported(SignalType.ERROR_RATE, value=0.2, by=Source.ALERTMANAGER),
        ),
        right=Fixed(PATCHES_DEPLOYMENT, by=Once.APPROVED),
        deadline_seconds=600,
        seconds=240,
    ),
    Scenario(
        name="errors-reported-when-nothing-old-is-left",
        row=Row.ENV_ERRORS,
        says="The same once the new revision has taken over: no pod of the old one is left to prove that it is better.",
        broken=(
            released(2, spec=BROKEN_BACKEND),
            serves(),
            time_passes(120),
            reported(SignalType.ERROR_RATE, value=0.2, by=Source.ALERTMANAGER),
        ),
        right=Escalated(
            frozenset({Cause.UNKNOWN, Cause.BAD_ROLLOUT}),
            reasons=frozenset({Reason.REVISION_HAS_SERVED, Reason.NO_KNOWN_GOOD_REVISION}),
        ),
    ),
    Scenario(
        name="env-changed-nobody-complains",
        row=Row.ENV_ERRORS,
        says="The same release, of which no signal says that it answers with errors: there is nothing to see.",
        broken=(
            released(1, spec={"containers": [{"name": "web", "env": [{"name": "BACKEND", "value": "none"}]}]}),
            serves(),
            time_passes(120),
        ),
        right=Silent(),
    ),
)
