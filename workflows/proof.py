"""What a run sends the ledger with a record that names people: their answers, by which the ledger can tell who they are.

For the approval and for what follows it in the remediation. A run that began before there was this sends none, so that it
goes on as it is recorded; the ledger then keeps its people's names as claimed (`activities/audit/said.py`).
"""

from __future__ import annotations

from byteport.domain.approvals import SignedAnswer
from temporalio import workflow

PATCH = "answers-prove-names"


def with_a_record(answers: tuple[SignedAnswer, ...]) -> tuple[SignedAnswer, ...]:
    """The answers, where this run sends any."""
    return answers if answers and workflow.patched(PATCH) else ()
