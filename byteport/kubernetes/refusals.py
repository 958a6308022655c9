"""What our own admission policy says of a rollback, where what follows depends on which of its rules refused.

The policies (`byteport/boundary`) say these words and the adapter (`activities/kubernetes/answers.py`) finds them again in
an answer; the two do not import each other. Of every other refusal only the policy's name goes on.
"""

from __future__ import annotations

from enum import StrEnum

SAID_BY = "byteport: "
"""What every message of our policies begins with."""


class RollbackRule(StrEnum):
    """A rule of the policy over Deployments, by its words. Of several that refuse the API server tells the first alone,
    so that their order in the policy is part of what an answer means: proof first."""

    NOT_PROVED = "the template is not that of a serving ReplicaSet of this Deployment"
    """The API server did not stamp the Deployment: it does not know the ReplicaSet as one that serves it."""
    NO_ROLLBACK = "a rollback carries a fresh action id and the name of the ReplicaSet that it goes back to"
    """It did, or asks for no proof; but the template is as before, or the action's marks are missing."""


def rule_in(message: str) -> RollbackRule | None:
    """The rule whose words end a refusal's message, if it is one of these."""
    return next((rule for rule in RollbackRule if message.endswith(SAID_BY + rule.value)), None)
