"""What a time box knows so far: the raises of one autoscaler's floor, oldest first, and until when the last one stands.

`workflows/timebox.py` owns it and answers queries from it; `phases/put_back.py` gets it and adds what it learned.
Nothing here calls anything.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple

from byteport.contracts.kubernetes import Floor
from byteport.contracts.ledger import Decision, Event, RecordDraft, Result
from byteport.contracts.people import Notice
from byteport.contracts.workflows import Box, Timebox, TimeboxState
from byteport.domain import ids
from byteport.domain.plans import restore_of
from byteport.domain.reasons import Reason
from temporalio import workflow

LONGEST_BOX = 86400
"""Seconds, as the cluster worker bounds it: whoever says more in a message raises nothing by it, and must not keep a floor up."""


class Found(StrEnum):
    """What a look at the autoscaler shows, against what was left."""

    RAISED = "raised"
    """Exactly as a raise of ours left it."""
    ALREADY_RESTORED = "already_restored"
    NOT_RAISED = "not_raised"
    CHANGED = "changed"
    GONE = "gone"
    NOT_ENABLED = "not_enabled"


class Looked(NamedTuple):
    found: Found
    box: Box
    """The raise that stands; of anything else, the newest."""


class Boxed:
    """Mutable, and only ever touched by its own workflow."""

    def __init__(self, start: Timebox) -> None:
        info = workflow.info()
        self.start = start
        self.workflow_id = info.workflow_id
        self.first_run_id = info.first_execution_run_id
        self.boxes = list(start.boxes)
        self._ends: dict[str, datetime] = {}
        """When each raise of this run is to be taken back; those carried over end at `start.until`."""
        self._newest_came = workflow.now() if start.boxes else None
        self.judged = 0
        """How many of the raises the last look was about: whatever came later is not what it judged."""
        self.next_action = start.next_action
        self.held_since = start.held_since
        self.told_at = start.told_at
        self.refused_since = start.refused_since
        self.open_action: str | None = None
        self.open_outcome: Literal["done", "unknown"] = "unknown"
        self.lost = False
        """The answer to a restore was lost: if the floor is down now, it was most likely ours."""
        self.outcome = "waits"

    def extend(self, box: Box) -> None:
        """One more raise. The same one again is the same one."""
        if any(known.action_id == box.action_id for known in self.boxes):
            return
        self.boxes.append(box)
        self._newest_came = workflow.now()
        self._ends[box.action_id] = workflow.now() + timedelta(seconds=min(max(0, box.plan.box_seconds), LONGEST_BOX))
        self.held_since = self.told_at = self.refused_since = None

    @property
    def cluster_uid(self) -> str:
        return self.start.installation.cluster_uid

    @property
    def newest(self) -> Box:
        return self.boxes[-1]

    def may_yet_rise(self, within: timedelta) -> timedelta:
        """How long the newest raise may still come, when each comes `within` that time of its message; 0 when it cannot."""
        if self._newest_came is None:
            return timedelta(0)
        return max(timedelta(0), self._newest_came + within - workflow.now())

    @property
    def until(self) -> datetime | None:
        """When the last of the boxes ends; None before the first message."""
        ends = [*self._ends.values(), *([self.start.until] if self.start.until else [])]
        return max(ends, default=None)

    def judge(self, floor: Floor) -> Looked:
        """What `floor` says. A floor of ours counts by the mark that its raise left, whichever raise that was."""
        self.judged = len(self.boxes)
        newest = self.newest
        if not floor.enabled:
            return Looked(Found.NOT_ENABLED, newest)
        if not floor.found or floor.uid != newest.plan.autoscaler_uid:
            return Looked(Found.GONE, newest)
        for box in reversed(self.boxes):
            if box.action_id == floor.action_id:
                as_left = _as_left(box, floor) and not self._is_ours(box)
                return Looked(Found.RAISED if as_left else Found.CHANGED, box)
        ours = {box.plan.floor_to for box in self.boxes} - {box.plan.floor_before for box in self.boxes}
        if floor.floor_before is not None or floor.floor in ours:
            return Looked(Found.CHANGED, newest)
        return Looked(Found.ALREADY_RESTORED if floor.action_id else Found.NOT_RAISED, newest)

    def _is_ours(self, box: Box) -> bool:
        """Whether what `box` would put back is a floor that an earlier raise had set: never its owner's."""
        return any(
            earlier.plan.floor_to == box.plan.floor_before and earlier.plan.floor_before != box.plan.floor_before
            for earlier in self.boxes[: self.boxes.index(box)]
        )

    def take_action_id(self, plan_digest: str) -> str:
        """A fresh action id; the index is carried through continue-as-new and never used twice."""
        action = ids.action_id(self.workflow_id, self.first_run_id, 0, self.next_action, plan_digest)
        self.next_action += 1
        return action

    def rest(self) -> Timebox:
        """The input of the run that goes on with everything."""
        return self.start.model_copy(
            update={
                "boxes": tuple(self.boxes),
                "until": self.until,
                "next_action": self.next_action,
                "held_since": self.held_since,
                "told_at": self.told_at,
                "refused_since": self.refused_since,
            }
        )

    def late(self) -> Timebox | None:
        """The input of the run for raises that came after the last look; None when there are none."""
        came = self.boxes[self.judged :]
        if not came:
            return None
        until = max(self._ends[box.action_id] for box in came)
        fresh = {"boxes": tuple(came), "until": until, "held_since": None, "told_at": None, "refused_since": None}
        return self.start.model_copy(update={**fresh, "next_action": self.next_action})

    # -- what is said of it -----------------------------------------------------------------------------------------

    def draft(
        self,
        box: Box,
        event: Event,
        decision: Decision,
        result: Result | None,
        *,
        key: str,
        reasons: tuple[Reason, ...] = (),
        action_id: str | None = None,
        note: str | None = None,
    ) -> RecordDraft:
        """A record of the incident that raised the floor, by this run."""
        here = self.start.installation
        return RecordDraft(
            key=key,
            cluster=here.cluster_name,
            cluster_uid=here.cluster_uid,
            tenant=here.tenant,
            event=event,
            decision=decision,
            result=result,
            incident_id=box.incident_id,
            workflow_id=self.workflow_id,
            runbook=box.runbook,
            signal_type=box.signal.type.value,
            signal_value=box.signal.value,
            target=box.plan.target.ref,
            command=restore_of(box.plan).command,
            reasons=reasons,
            plan_digest=box.plan_digest,
            action_id=action_id,
            note=note,
        )

    def notice(self, box: Box, title: str, reasons: tuple[Reason, ...], *, rung: int, word: str, note: str) -> Notice:
        """What people are told; `word` tells one notice of a box from its others."""
        plan = box.plan
        evidence = [f"floor raised by us: {plan.floor_before} to {plan.floor_to}", note]
        if self.until is not None:
            evidence.insert(1, f"to be put back by: {self.until:%Y-%m-%d %H:%M:%SZ}")
        return Notice(
            key=f"{box.action_id}:box:{word}",
            incident_id=box.incident_id,
            workflow_id=self.workflow_id,
            cluster=self.start.installation.cluster_name,
            rung=rung,
            title=title,
            runbook=box.runbook,
            target=plan.target.ref,
            cause="raised_floor",
            reasons=reasons,
            evidence=tuple(line for line in evidence if line),
            command=restore_of(plan).command,
            inverse_command=None,
            how_to_answer=None,
            at=workflow.now(),
        )

    def state(self) -> TimeboxState:
        first, last = (self.boxes[0].plan, self.newest.plan) if self.boxes else (None, None)
        return TimeboxState(
            autoscaler=f"{last.target.namespace}/{last.autoscaler}" if last else "",
            first_floor=first.floor_before if first else None,
            raised_to=last.floor_to if last else None,
            until=self.until,
            raises=len(self.boxes),
            outcome=self.outcome,
        )

    def say(self, outcome: str) -> None:
        """What it is at now."""
        self.outcome = outcome
        self.show()

    def show(self) -> None:
        """The details that Temporal UI shows, in Markdown."""
        if not self.boxes:
            return
        state, plan = self.state(), self.newest.plan
        lines = [
            f"### Floor of {state.autoscaler}: {self.outcome.replace('_', ' ')}",
            "",
            f"- **Scales**: {plan.target.ref}",
            f"- **Floor**: {state.first_floor} before, {state.raised_to} now, {state.raises} raise(s)",
            f"- **Until**: {self.until:%Y-%m-%d %H:%M:%SZ}" if self.until else "",
            f"- **Puts back**: `{restore_of(plan).command}`",
        ]
        workflow.set_current_details("\n".join(lines))


def _as_left(box: Box, floor: Floor) -> bool:
    plan = box.plan
    left = (plan.autoscaler_uid, plan.rest_digest, plan.floor_to, plan.floor_before)
    return left == (floor.uid, floor.rest_digest, floor.floor, floor.floor_before)
