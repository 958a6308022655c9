"""What the webhook of notices posts, field by field: its JSON schema is docs/reference/notice.json.

Written by `activities/notify/webhook.py`, read by whoever runs a receiver. Fields are added, never renamed or removed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from byteport.contracts.people import Ending
from byteport.domain.base import Frozen, Instant


class NoticeType(StrEnum):
    """What a receiver may route by."""

    NOTICE = "byteport.notice"
    """Nobody has to get up: something was done, or a plan waits for a yes."""
    PAGE = "byteport.page"
    """A person is needed."""
    ENDED = "byteport.ended"
    """Of an incident that was told before: somebody has it, or it is over."""


class NoticeSection(Frozen):
    """A heading and what stands under it."""

    title: str
    lines: tuple[str, ...]
    """Sentences, names and numbers; harmless text, in which a space of no width may part a sign from a name."""
    commands: tuple[str, ...]
    """Exact command lines."""


class NoticeBody(Frozen):
    """One notice. Text from a cluster is one line of visible characters each."""

    type: NoticeType
    timestamp: Instant
    """When it happened; the attempt's own time is in the header."""
    key: str
    """The same for the same notice, however often it is sent."""
    incident_id: str
    workflow_id: str
    rung: Annotated[int, Field(ge=0)]
    """0 is a plain notice, 1 the first page."""
    ending: Ending | None
    headline: str
    cluster: str
    target: str
    """`namespace/Kind/name`."""
    sections: tuple[NoticeSection, ...]
    link: str | None
    """The page on which a person reads and answers; null where there is none."""


def schema() -> dict[str, object]:
    """JSON Schema of the body."""
    return NoticeBody.model_json_schema(mode="serialization") | {
        "$schema": "https://json-schema.org/draft/2020-12/schema"
    }
