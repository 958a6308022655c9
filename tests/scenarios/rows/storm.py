"""Many targets in trouble at once, each told of many times: that is one trouble, and one page."""

from byteport.domain.signals import SignalType
from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import PATCHES_DEPLOYMENT, SIMULATED_ONLY, Row, Scenario, Stormed
from tests.scenarios.steps import released, reported, serves

TARGETS = tuple(f"shop-{number}" for number in range(24))
ALERTS = 10

SCENARIOS = (
    Scenario(
        name="storm-of-bad-releases",
        row=Row.STORM,
        says="Two dozen Deployments are released at once, and none of them starts; alerts tell of each ten times more.",
        before=tuple(step for app in TARGETS for step in (released(1, app=app, replicas=1), serves(app))),
        broken=(
            *(released(2, app=app, replicas=1, fault=Fault.CRASH) for app in TARGETS),
            *(reported(SignalType.FAILED_DEPLOY, app=app, times=ALERTS) for app in TARGETS),
        ),
        right=Stormed(PATCHES_DEPLOYMENT, on=TARGETS, acts_at_most=4, pages_at_most=8),
        shown_on=SIMULATED_ONLY,
        why_not="there all scenarios share one agent, whose pause would stop the others",
        alone=True,
        skips_time=False,
        seconds=240,
    ),
)
