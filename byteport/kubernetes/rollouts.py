"""A Deployment with its revisions, as typed facts."""

from __future__ import annotations

from byteport.domain.base import Frozen


class RolloutReading(Frozen):
    """One Deployment and the ReplicaSets that it controls."""

    revision: int
