"""One replica crashes again and again while its siblings, of the same revision and configuration, are well."""

from byteport.domain.reasons import Cause
from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import DELETES_POD, Escalated, Fixed, Row, Scenario
from tests.scenarios.steps import VICTIM, every_pod, one_pod, prints

KUBELETS_BACKOFF = 10
"""Seconds of the first one. A pod that nothing probes is Ready again after each, when the agent must leave it alone: what
lies between its sight and its act has to fit into one, so this is not shortened as that of the others is."""

SCENARIOS = (
    Scenario(
        name="transient-crash-loop",
        row=Row.TRANSIENT,
        says="One pod of three exits 1 whenever it is started; a fresh one does not.",
        broken=(one_pod(Fault.TRANSIENT),),
        right=Fixed(DELETES_POD, on=(VICTIM,)),
    ),
    Scenario(
        name="transient-crash-loop-without-a-readiness-probe",
        row=Row.TRANSIENT,
        says="The same, and the pod is Ready from each start to the next crash, because nothing probes it.",
        broken=(one_pod(Fault.TRANSIENT),),
        right=Fixed(DELETES_POD, on=(VICTIM,)),
        probed=False,
        backoff_seconds=KUBELETS_BACKOFF,
    ),
    Scenario(
        name="crash-loop-of-all-replicas-without-a-readiness-probe",
        row=Row.TRANSIENT,
        says="All three exit 1 again and again, each of them Ready in between: none is another's healthy sibling.",
        broken=(every_pod(Fault.CRASH),),
        right=Escalated(frozenset({Cause.CRASHING})),
        probed=False,
    ),
    Scenario(
        name="segfault-in-one-replica",
        row=Row.TRANSIENT,
        says="One pod of three dies of a bad address again and again, and says so.",
        broken=(
            prints("panic: runtime error: invalid memory address or nil pointer dereference\n"),
            one_pod(Fault.TRANSIENT, exit_code=139),
        ),
        right=Fixed(DELETES_POD, on=(VICTIM,)),
    ),
)
