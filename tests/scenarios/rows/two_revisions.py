"""Two bad revisions in a row: the one before the newest is no better."""

from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Row, Scenario
from tests.scenarios.steps import released

SCENARIOS = (
    Scenario(
        name="two-bad-revisions",
        row=Row.TWO_REVISIONS,
        says="A release fails, and the hasty next one fails as well; going back one step would be another bad one.",
        broken=(released(2, fault=Fault.CRASH), released(3, fault=Fault.CRASH)),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
    Scenario(
        name="two-bad-images",
        row=Row.TWO_REVISIONS,
        says="The same by tags that the registry does not have.",
        broken=(released(2, fault=Fault.IMAGE), released(3, fault=Fault.IMAGE)),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
)
