"""A notice as an Adaptive Card 1.5: runs of a rich text block alone, in which Teams reads no Markdown.

Comes after `told.py`, before `teams.py`. A TextBlock and a FactSet read Markdown and functions of a card; neither is used but for
nothing at all. Teams takes 28 kB in all: what does not fit is left out, from the end, and said so.
"""

from __future__ import annotations

import json
from typing import Any

from activities.notify.told import Section, Told

LARGEST = 28 * 1000
"""Bytes of the whole message."""
LEFT_OUT = "The rest does not fit here; byteport show has it all."
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
_COLOURS = {0: "Default", 1: "Warning"}


def message_body(message: Told) -> bytes:
    """What the webhook is sent, at most `LARGEST` bytes."""
    sections = list(message.sections)
    body = _bytes(message, sections, whole=True)
    while len(body) > LARGEST and sections:
        sections.pop()
        body = _bytes(message, sections, whole=False)
    return body


def _bytes(message: Told, sections: list[Section], *, whole: bool) -> bytes:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": _card(message, sections, whole=whole),
    }
    return json.dumps({"type": "message", "attachments": [attachment]}, ensure_ascii=True).encode("ascii")


def _card(message: Told, sections: list[Section], *, whole: bool) -> dict[str, Any]:
    colour = "Good" if message.ending is not None else _COLOURS.get(message.rung, "Attention")
    body = [_lines([_run(message.headline, size="Large", weight="Bolder", color=colour)])]
    for section in sections:
        body.append(_lines([_run(section.title, weight="Bolder")], spacing="Medium"))
        body += [_lines([_run(f"• {line}")], spacing="Small") for line in section.lines]
        body += [_lines([_run(command, fontType="Monospace")], spacing="Small") for command in section.commands]
    if not whole:
        body.append(_lines([_run(LEFT_OUT, isSubtle=True)]))
    body.append(_lines([_run(message.footer, isSubtle=True, size="Small")], spacing="Medium"))
    card: dict[str, Any] = {
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": "1.5",
        "fallbackText": message.summary,
        "msteams": {"width": "Full"},
        "body": body,
    }
    if message.link is not None:  # opens a page in the person's own browser; no answer comes from a chat
        card["actions"] = [{"type": "Action.OpenUrl", "title": message.link.words, "url": message.link.url}]
    return card


def _lines(inlines: list[dict[str, Any]], *, spacing: str = "None") -> dict[str, Any]:
    return {"type": "RichTextBlock", "spacing": spacing, "inlines": inlines}


def _run(text: str, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": text, **style}
