"""READ_SITUATION: typed facts about one target. It does not decide; a runbook does, from what this returns.

Log lines, event messages and pod specs are read here, reduced by `byteport/kubernetes/reading.py`, and dropped with the
`World` that held them when the method returns. What leaves is in `Situation`: numbers, classes, names, digests.
"""

from __future__ import annotations

from activities.kubernetes.situations import SituationReader
from activities.performs import performs
from byteport.contracts.kubernetes import READ_SITUATION, ReadSituation, Seen


class Evidence:
    """The eyes of every runbook."""

    def __init__(self, reader: SituationReader) -> None:
        self._reader = reader

    @performs(READ_SITUATION)
    async def read_situation(self, call: ReadSituation) -> Seen:
        return await self._reader.look(call)
