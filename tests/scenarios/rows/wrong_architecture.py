"""A release whose program cannot be run where it lands."""

from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import PATCHES_DEPLOYMENT, Fixed, Row, Scenario
from tests.scenarios.steps import prints, released

SCENARIOS = (
    Scenario(
        name="program-for-another-architecture",
        row=Row.BAD_RELEASE,
        says="The image is pulled, and the kernel refuses its program: exec format error, exit code 255.",
        broken=(
            prints("exec /app/server: exec format error\n"),
            released(2, fault=Fault.CRASH, exit_code=255),
        ),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
)
