"""What ends a wait for people's answer before the time comes to read the target again. `gate.py` waits.

An answer and a person who takes over end it for good; the word of an alert, or of the cluster itself where only others had told
of the trouble, makes the run read the target at once.
"""

from __future__ import annotations

from byteport.contracts.workflows import ApprovalClosed
from byteport.runbooks.error_rate import measured_by_others
from temporalio import workflow

from workflows.incident import Incident

SEEN_AFRESH = "sees-afresh-while-it-waits"
"""Runs from before it read the target by the clock alone when the cluster shows what others had told of."""


class Waits:
    """What ends a wait for an answer before the time to read the target again."""

    def __init__(self, incident: Incident, approval: workflow.ChildWorkflowHandle[object, ApprovalClosed]) -> None:
        self._incident, self._approval = incident, approval
        self._by_others = incident.by_others and workflow.patched(SEEN_AFRESH)

    def over(self) -> bool:
        incident = self._incident
        return self._approval.done() or incident.acknowledged is not None or incident.told_over or self._shown()

    def looks(self) -> None:
        """The target is read now."""
        self._incident.told_over = False
        self._by_others = self._by_others and not self._shown()

    def _shown(self) -> bool:
        """The cluster itself shows trouble, where only others had told of it: the plan may be for a release that is gone."""
        return self._by_others and not measured_by_others(self._incident.the_signal)
