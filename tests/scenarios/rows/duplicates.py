"""One trouble, told many times, is one execution."""

from byteport.domain.signals import SignalType
from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import DELETES_POD, PATCHES_DEPLOYMENT, Fixed, Row, Scenario
from tests.scenarios.steps import VICTIM, one_pod, released, reported

SCENARIOS = (
    Scenario(
        name="duplicate-alerts-of-a-crash-loop",
        row=Row.STORM,
        says="The watch sees a crash loop, and an alert tells of it five times more: one run, one act.",
        broken=(one_pod(Fault.TRANSIENT), reported(SignalType.POD_CRASHLOOP, times=5)),
        right=Fixed(DELETES_POD, on=(VICTIM,)),
    ),
    Scenario(
        name="duplicate-alerts-of-a-bad-release",
        row=Row.STORM,
        says="The same for a release that fails.",
        broken=(released(2, fault=Fault.CRASH), reported(SignalType.FAILED_DEPLOY, times=5)),
        right=Fixed(PATCHES_DEPLOYMENT),
    ),
)
