"""Who objects to the log, and what people have been told of it: the part of the signing run that outlives each look.

An objection stands until the very one who made it signs, or is asked no more; that it is not repeated, since its maker is down,
ends nothing. What is told is told again each day. Comes with `workflows/checkpoint.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from byteport.contracts.checkpoints import FollowLog, Objection, Refusal, Standing, Told

SIGNER = "byteport signer"
AGAIN_AFTER = timedelta(days=1)
"""A page that nobody has acted on is forgotten by then."""


def witness_named(name: str) -> str:
    """How a witness is named among those who object; no name makes it the signer."""
    return f"witness {name}"


class Objections:
    """What stands against the log."""

    def __init__(self, start: FollowLog) -> None:
        self._standing = {one.by: one for one in start.standing}
        self.alarmed = start.alarmed
        """Whether the alarm was raised since the log was last signed without an objection."""

    @property
    def standing(self) -> tuple[Standing, ...]:
        return tuple(self._standing.values())

    def objects(self, by: str, refusal: Refusal | Objection) -> Standing:
        """From now on it stands, in the place of what the same one said before."""
        self._standing[by] = Standing(by=by, because=refusal.because, says=refusal.says)
        return self._standing[by]

    def signs(self, by: str) -> None:
        self._standing.pop(by, None)

    def only_of(self, witnesses: Sequence[str]) -> None:
        """Whoever is asked no more objects no more."""
        names = {SIGNER, *map(witness_named, witnesses)}
        self._standing = {by: one for by, one in self._standing.items() if by in names}


class TellAgain:
    """What was told, and when."""

    def __init__(self, told: Sequence[Told]) -> None:
        self._at = {one.key: one.at for one in told}

    def due(self, key: str, now: datetime) -> bool:
        """Whether it is to be told now: then it counts as told."""
        last = self._at.get(key)
        if last is not None and now - last < AGAIN_AFTER:
            return False
        self._at[key] = now
        return True

    def forget(self, key: str) -> bool:
        """As if it had not been told; whether it was."""
        return self._at.pop(key, None) is not None

    def forget_of(self, by: str) -> None:
        """All that this one has said."""
        self._at = {key: at for key, at in self._at.items() if not key.startswith(f"{by}:")}

    def carried(self) -> tuple[Told, ...]:
        return tuple(Told(key=key, at=at) for key, at in self._at.items())
