"""Pods as typed facts: every container, init and native sidecar included, never `[0]`."""

from __future__ import annotations

from byteport.domain.base import Frozen


class PodReading(Frozen):
    """One pod."""

    namespace: str
    name: str
    uid: str
    resource_version: str
