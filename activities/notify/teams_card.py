"""A notice as an Adaptive Card 1.5: runs of a rich text block alone, in which Teams reads no Markdown.

Comes after `fitting.py`, before `teams.py`. A TextBlock and a FactSet read Markdown and functions of a card; neither is used but for
nothing at all. Teams takes 28 kB in all: what does not fit is left out by `fitting.py`, and said so.
"""

from __future__ import annotations

import json
from typing import Any

from activities.notify.fitting import LEFT_OUT, Fitted, fitted
from activities.notify.told import Told

LARGEST = 28 * 1000
"""Bytes of the whole message."""
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
_COLOURS = {0: "Default", 1: "Warning"}


def message_body(message: Told) -> bytes:
    """What the webhook is sent, at most `LARGEST` bytes."""

    def fits(found: Fitted) -> bool:
        return len(_bytes(message, found)) <= LARGEST

    return _bytes(message, fitted(message.sections, fits))


def _bytes(message: Told, found: Fitted) -> bytes:
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": _card(message, found),
    }
    return json.dumps({"type": "message", "attachments": [attachment]}, ensure_ascii=True).encode("ascii")


def _card(message: Told, found: Fitted) -> dict[str, Any]:
    colour = "Good" if message.ending is not None else _COLOURS.get(message.rung, "Attention")
    body = [_lines([_run(message.headline, size="Large", weight="Bolder", color=colour)])]
    for section in found.sections:
        body.append(_lines([_run(section.title, weight="Bolder")], spacing="Medium"))
        body += [_lines([_run(f"• {line}")], spacing="Small") for line in section.lines]
        body += [_lines([_run(command, fontType="Monospace")], spacing="Small") for command in section.commands]
    if not found.whole:
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
