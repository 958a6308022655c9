"""Two Deployments of one namespace are broken at the same time, each by a release of its own.

Both surge by two pods on two nodes: were there but one of each, and both on one node, that node would be as likely the
cause as the releases, and rightly a person's.
"""

from typing import Any

from byteport.sandbox.controlplane import Fault
from tests.agent.places import APP
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Row, Scenario, Step
from tests.scenarios.steps import released, serves

API = "api"
SURGE: dict[str, Any] = {"spec": {"strategy": {"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}}}}


def wide(version: int, app: str, fault: Fault | None = None) -> Step:
    """A release that begins with two pods, which a scheduler puts on two nodes."""
    return released(version, app=app, fault=fault, deployment=SURGE)


SCENARIOS = (
    Scenario(
        name="two-deployments-at-once",
        row=Row.TWO_DEPLOYMENTS,
        says="web and api are released together, and neither new revision starts: two runs, one act each.",
        before=(wide(1, APP), serves(), wide(1, API), serves(API)),
        broken=(wide(2, APP, Fault.CRASH), wide(2, API, Fault.CRASH)),
        right=Fixed(PATCHES_DEPLOYMENT, on=(APP, API), repairs=(APP, API)),
    ),
)
