"""The webhook of a workflow of Teams, by Microsoft's pages on Adaptive Cards in incoming webhooks and by the card's schema.

One attachment with an Adaptive Card, at most 28 kB in all. A TextBlock and a FactSet read Markdown, a TextRun does not: whoever uses
the former for a cluster's words is refused here.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.builders.receiving import Refused, Shown, need, only

LARGEST = 28 * 1024
_STYLES: dict[str, set[object]] = {
    "size": {"Default", "Small", "Medium", "Large", "ExtraLarge"},
    "weight": {"Default", "Lighter", "Bolder"},
    "color": {"Default", "Dark", "Light", "Accent", "Good", "Warning", "Attention"},
    "fontType": {"Default", "Monospace"},
    "isSubtle": {True, False},
}
_FUNCTION = re.compile(r"\{\{|\$\{")


def shown(raw: bytes) -> Shown:
    """What a person sees of a card."""
    need(len(raw) <= LARGEST, "larger than Teams takes")
    body = json.loads(raw)
    only(body, "type", "attachments")
    need(body["type"] == "message" and len(body["attachments"]) == 1, "no message with one card")
    (attachment,) = body["attachments"]
    only(attachment, "contentType", "contentUrl", "content")
    need(attachment["contentType"] == "application/vnd.microsoft.card.adaptive", "content type")
    card: dict[str, Any] = attachment["content"]
    only(card, "$schema", "type", "version", "fallbackText", "msteams", "body", "actions")
    need((card["type"], card["version"]) == ("AdaptiveCard", "1.5"), "version")
    found = Shown(literal=[card["fallbackText"]])
    need(bool(card["body"]), "empty")
    for element in card["body"]:
        _block(element, found)
    for action in card.get("actions", ()):
        only(action, "type", "title", "url")
        need(action["type"] == "Action.OpenUrl" and action["url"].startswith("https://"), "action")
        found.links.append(action["url"])
    for text in found.literal:
        need(_FUNCTION.search(text) is None, "a function of a card")
    return found


def _block(element: dict[str, Any], found: Shown) -> None:
    if element.get("type") != "RichTextBlock":
        raise Refused(f"{element.get('type')} reads Markdown, or is none")
    only(element, "type", "spacing", "inlines")
    need(element.get("spacing") in ("None", "Small", "Medium"), "spacing")
    for run in element["inlines"]:
        only(run, "type", "text", *_STYLES)
        need(run["type"] == "TextRun" and isinstance(run["text"], str) and bool(run["text"]), "no run")
        for name, allowed in _STYLES.items():
            need(name not in run or run[name] in allowed, name)
        (found.commands if run.get("fontType") == "Monospace" else found.literal).append(run["text"])
