"""There is nothing to go back to."""

from byteport.domain.reasons import Cause, Reason
from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import Escalated, Row, Scenario
from tests.scenarios.steps import deleted_and_applied_again, every_pod, released, serves

NONE = frozenset({Reason.NO_HISTORY, Reason.NO_KNOWN_GOOD_REVISION})
CRASHES = frozenset({Cause.RELEASE_CRASHES, Cause.BAD_ROLLOUT, Cause.CRASHING})

SCENARIOS = (
    Scenario(
        name="first-revision-never-worked",
        row=Row.NO_HISTORY,
        says="The very first release crashes; nothing else has ever been there.",
        deployed=False,
        broken=(released(1, fault=Fault.CRASH),),
        right=Escalated(CRASHES, reasons=NONE),
    ),
    Scenario(
        name="deleted-and-applied-again",
        row=Row.NO_HISTORY,
        says="The Deployment was deleted and applied anew with a version that crashes: its history went with it.",
        broken=(deleted_and_applied_again(2, Fault.CRASH),),
        right=Escalated(CRASHES, reasons=NONE),
    ),
    Scenario(
        name="history-limit-zero",
        row=Row.NO_HISTORY,
        says="No revision is kept; the present one has served, and all its pods crash now.",
        before=(
            released(1, deployment={"spec": {"revisionHistoryLimit": 0}}),
            released(2, deployment={"spec": {"revisionHistoryLimit": 0}}),
            serves(),
        ),
        broken=(every_pod(Fault.CRASH),),
        right=Escalated(CRASHES, reasons=NONE | {Reason.NO_HEALTHY_SIBLING, Reason.REVISION_HAS_SERVED}),
    ),
)
