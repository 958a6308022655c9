"""A release that differs in one environment variable."""

from byteport.domain.reasons import Reason
from byteport.domain.signals import SignalType
from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Once, Row, Scenario, Silent
from tests.scenarios.steps import released, reported, serves, time_passes

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
        name="env-changed-errors-reported",
        row=Row.ENV_ERRORS,
        says="The new revision serves, and answers with errors: an alert on the error rate since the release says so.",
        broken=(
            released(1, spec={"containers": [{"name": "web", "env": [{"name": "BACKEND", "value": "none"}]}]}),
            serves(),
            time_passes(120),
            reported(SignalType.FAILED_DEPLOY, value=0.2),
        ),
        right=Fixed(PATCHES_DEPLOYMENT, by=Once.APPROVED, notes=frozenset({Reason.REVISION_HAS_SERVED})),
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
