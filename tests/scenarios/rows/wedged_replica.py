"""One replica of five has fallen out of its Service and does not come back."""

from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import DELETES_POD, SIMULATED_ONLY, Fixed, Row, Scenario
from tests.scenarios.steps import VICTIM, enrolled_only_now, not_enrolled, one_pod, time_passes

SCENARIOS = (
    Scenario(
        name="one-wedged-replica-of-five",
        row=Row.WEDGED,
        says="One of five has not been Ready for minutes, runs on, and was never restarted.",
        replicas=5,
        broken=(not_enrolled(), one_pod(Fault.PROBE), time_passes(400), enrolled_only_now()),
        right=Fixed(DELETES_POD, on=(VICTIM,)),
        shown_on=SIMULATED_ONLY,
        why_not="a replica is called wedged after five minutes, and there time is real",
    ),
)
