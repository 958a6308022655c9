"""The two troubles of the runbooks that exist, and the call by which each is repaired."""

from __future__ import annotations

from byteport.domain.failures import Failure
from tests.agent.places import APP, Place

CALL = {Failure.CRASHLOOP: ("delete", "pods"), Failure.BAD_ROLLOUT: ("patch", "deployments")}
"""Verb and plural."""


async def trouble(place: Place, failure: Failure) -> str:
    """`web` serves, and then has this trouble. Gives the name of the object at fault."""
    await place.healthy()
    if failure is Failure.CRASHLOOP:
        return await place.one_pod_crashes()
    await place.a_release_fails()
    return APP
