"""What an agent at work on the real control plane did, as people and the API server tell it. Used by the tests beside it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from byteport.contracts.people import Notice
from tests.agent.agent import Agent
from tests.agent.places import eventually

JSON = dict[str, Any]

WATCHING = {"watch": {"enabled": True}}

logger = logging.getLogger("tests.times")


def notices(agent: Agent) -> list[Notice]:
    """What people were told, oldest first."""
    path = agent.settings.escalation.file
    assert path is not None
    lines = path.read_text().splitlines() if path.exists() else []
    plain = [json.loads(line) for line in lines]
    return [Notice.model_validate({key: one[key] for key in Notice.model_fields if key in one}) for one in plain]


async def told(agent: Agent, about: Callable[[Notice], bool], *, within: float = 60.0) -> Notice:
    """The first notice of that kind, once people have it."""

    async def look() -> Notice | None:
        return next((one for one in notices(agent) if about(one)), None)

    return await eventually("people to be told", look, within=within)


def lasted(what: str, begin: datetime, end: datetime) -> None:
    """Note how long something took, where a run with `--log-cli-level=INFO` shows it."""
    logger.info("%s: %.1f s", what, (end - begin).total_seconds())
