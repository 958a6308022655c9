"""A release that names a program which the image does not have."""

from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Row, Scenario
from tests.scenarios.steps import prints, released

SCENARIOS = (
    Scenario(
        name="bad-command",
        row=Row.BAD_RELEASE,
        says="The new revision's command has a typing error; its shell exits 127.",
        broken=(
            prints("sh: 1: servr: not found\n"),
            released(
                2,
                fault=Fault.CRASH,
                exit_code=127,
                spec={"containers": [{"name": "web", "command": ["sh", "-c", "servr --port 8080"]}]},
            ),
        ),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
)
