"""When a storm watch is renewed, and for what it waits then. Comes with `workflows/storm.py`.

A server takes back every try to renew a run while a message comes in, and the whole history is read again for the next: so the run
must be short, and in a flood it waits for its end. That comes: after ten thousand messages a server takes no more, and those who tell
try again. So many fit into a history, since a run that is due waits a moment at a time, and begins nothing for each message.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from workflows.phases.storm_acts import StormActs

MOST_MESSAGES = 200
"""So many a run, or as many as it knows troubles: what is carried must not be more than what has come."""
MOST_AT_ALL = 2000
MOST_BYTES = 16 * 1024 * 1024
"""From here on nothing that is under way is waited for: the next run does it again, which counts once."""
MOMENT = timedelta(seconds=0.25)
FEW = 8
"""In a moment: between so many, a run of some hundred messages is renewed within a few tries."""
LEGACY_MESSAGES = 2000
"""The same as the first, of a run from before `PATCH`."""
PATCH = "renews-while-messages-come"
"""Runs from before it wait until no message comes for a moment and nothing is under way: a steady flow of them never grants it, and
with the ledger down such a run came to the end of its history."""


class Renewal:
    """Of one run."""

    def __init__(self, acts: StormActs) -> None:
        self._acts = acts
        self.by_patch = False
        self.messages = 0

    def due(self, known: int) -> bool:
        """Whether the run has had as many messages as it should; `known` troubles are carried."""
        most = max(MOST_MESSAGES, known) if self.by_patch else LEGACY_MESSAGES
        suggested = workflow.info().is_continue_as_new_suggested()
        return self.messages >= most or suggested or (self.by_patch and self._overfull())

    def needs_no_wait(self) -> bool:
        """Whether nothing is under way for which it would wait."""
        return self._acts.idle or (self.by_patch and self._overfull())

    async def may_be(self) -> bool:
        """Whether it may be now: few messages came for a moment. A run from before waits until none came."""
        if not self.needs_no_wait():
            return False
        before = self.messages
        await workflow.sleep(MOMENT, summary="until few messages come for a moment")
        came = self.messages - before
        return (came <= FEW or self._overfull()) if self.by_patch else came == 0

    def _overfull(self) -> bool:
        return self.messages >= MOST_AT_ALL or workflow.info().get_current_history_size() >= MOST_BYTES
