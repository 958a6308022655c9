"""What a storm watch does beside its story (pause and resume `auto`, page, record), and what of it the next run must do again.

Comes with `workflows/storm.py`. Each has a key by which ledger and channels take it once, so that doing it again does nothing more;
pauses are done one after the other, in the order in which they were begun, by whichever run.
"""

from __future__ import annotations

from collections.abc import Callable

from byteport.contracts.ledger import RECORD, SET_STORM
from byteport.contracts.people import NOTIFY
from byteport.contracts.workflows import StormAct

from workflows.perform import perform
from workflows.phases.beside import Beside

MOST_UNDER_WAY = 100
"""Of more that nobody takes the oldest are given up when the run is renewed: the newest pause says how it stands."""


class StormActs:
    """Of one run."""

    def __init__(self, cluster_uid: str, wake: Callable[[], None]) -> None:
        self._uid = cluster_uid
        self._beside = Beside(wake)
        self._under_way: list[StormAct] = []

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self._beside.idle

    @property
    def under_way(self) -> tuple[StormAct, ...]:
        """For the next run, in order."""
        return tuple(self._under_way[-MOST_UNDER_WAY:])

    def begin(self, act: StormAct) -> None:
        """Do it without waiting for it. A pause waits until those before it are done."""
        self._under_way.append(act)
        if act.pause is not None:
            self._beside.do_in_turn(lambda: self._do(act))
        else:
            self._beside.do(self._do(act))

    async def _do(self, act: StormAct) -> None:
        try:
            if act.pause is not None:
                await perform(SET_STORM, act.pause, cluster_uid=self._uid)
            if act.page is not None:
                summary = f"Tell people (rung {act.page.rung})"
                await perform(NOTIFY, act.page, cluster_uid=self._uid, summary=summary)
            if act.record is not None:
                await perform(RECORD, act.record, cluster_uid=self._uid)
        finally:
            self._under_way.remove(act)
