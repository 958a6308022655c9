"""One replica crashes again and again while its siblings, of the same revision and configuration, are well."""

from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import DELETES_POD, Fixed, Row, Scenario
from tests.scenarios.steps import VICTIM, one_pod, prints

SCENARIOS = (
    Scenario(
        name="transient-crash-loop",
        row=Row.TRANSIENT,
        says="One pod of three exits 1 whenever it is started; a fresh one does not.",
        broken=(one_pod(Fault.TRANSIENT),),
        right=Fixed(DELETES_POD, on=(VICTIM,)),
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
