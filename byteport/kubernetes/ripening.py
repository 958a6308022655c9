"""Whether time alone will make a symptom of an object: a deadline that passes, a replica that stays wedged. It does not judge.

Nothing is written to such an object any more, so no event of it comes. `activities/kubernetes/sightings.py` asks of each
object that is not calm, and remembers the names of those to be looked at again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from byteport.kubernetes.symptoms import Symptom, symptom_of
from byteport.kubernetes.world import JSON

LATER = (timedelta(hours=1), timedelta(days=3650))
"""Every patience of the symptoms is shorter than the first, but a rollout's own deadline, which may be any."""


def ripens(kind: str, item: JSON, symptom: Symptom | None, *, now: datetime) -> bool:
    """Whether `symptom`, what is wrong with it at `now`, is another later, as long as nothing is written to it."""
    told = symptom.evidence_digest if symptom is not None else ""
    for later in LATER:
        then = symptom_of(kind, item, now=now + later)
        if then is not None and then.evidence_digest != told:
            return True
    return False
