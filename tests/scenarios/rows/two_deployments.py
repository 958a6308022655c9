"""Two Deployments of one namespace are broken at the same time, each by a release of its own."""

from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Row, Scenario
from tests.scenarios.steps import released, serves

SCENARIOS = (
    Scenario(
        name="two-deployments-at-once",
        row=Row.TWO_DEPLOYMENTS,
        says="web and api are released together, and neither new revision starts: two runs, one act each.",
        before=(released(1, app="api"), serves("api")),
        broken=(released(2, fault=Fault.CRASH), released(2, app="api", fault=Fault.CRASH)),
        right=Fixed(PATCHES_DEPLOYMENT, on=("web", "api"), repairs=("web", "api")),
    ),
)
