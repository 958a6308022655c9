"""A release names an image that is not there, or not for these machines."""

from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Row, Scenario
from tests.scenarios.steps import released

SCENARIOS = (
    Scenario(
        name="bad-image-tag",
        row=Row.BAD_RELEASE,
        says="The new revision names a tag that the registry does not have; the old one serves.",
        broken=(released(2, fault=Fault.IMAGE),),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
    Scenario(
        name="image-for-another-architecture",
        row=Row.BAD_RELEASE,
        says="The registry has the tag, but no image of it for the nodes' architecture.",
        broken=(
            released(
                2,
                fault=Fault.IMAGE,
                message="no match for platform in manifest: not found",
            ),
        ),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
)
