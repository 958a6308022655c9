"""A notice as Slack's blocks: rich text alone, in which Slack looks for no sign, no mention and no link.

Comes after `fitting.py`, before `slack.py`. Nothing here is `mrkdwn`: a header and a button have plain text, all else is made of
rich text's own elements. The limits are those of Slack's reference of Block Kit; what does not fit is left out by
`fitting.py`, and said so.
"""

from __future__ import annotations

from typing import Any

from activities.notify.fitting import LEFT_OUT, Fitted, fitted, size
from activities.notify.told import Section, Told

LONGEST_HEADER = 150
LONGEST_TEXT = 3000
LONGEST_BUTTON_TEXT = 75
LONGEST_URL = 3000
MOST_CHARACTERS = 10_000
"""Of all blocks of one message; Slack takes some 13,000."""


def blocks(message: Told) -> list[dict[str, Any]]:
    """Header, sections, the one button, and where it comes from."""
    shown: list[dict[str, Any]] = [{"type": "header", "text": _plain_text(_cut(message.headline, LONGEST_HEADER))}]
    most = MOST_CHARACTERS - len(message.footer) - LONGEST_HEADER

    def fits(found: Fitted) -> bool:
        return sum(map(size, found.sections)) <= most

    found = fitted(message.sections, fits)
    shown += [_rich(_elements(section)) for section in found.sections]
    if not found.whole:
        shown.append(_rich([_section([_text(LEFT_OUT)])]))
    if message.link is not None and len(message.link.url) <= LONGEST_URL:
        shown.append({"type": "actions", "elements": [_button(message.link.words, message.link.url)]})
    shown.append(_rich([_section([_text(message.footer)])]))
    return shown


def fallback(message: Told) -> str:
    """What a notification shows. Slack reads it as its own markup, in which three characters are signs."""
    return message.summary.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _elements(section: Section) -> list[dict[str, Any]]:
    found = [_section([_text(section.title, bold=True)])]
    if section.lines:
        items = [_section([_text(_cut(line, LONGEST_TEXT))]) for line in section.lines]
        found.append({"type": "rich_text_list", "style": "bullet", "elements": items})
    return found + [{"type": "rich_text_preformatted", "elements": [_text(command)]} for command in section.commands]


def _button(words: str, url: str) -> dict[str, Any]:
    """Opens a page in the person's own browser, and says nothing to anybody: no answer comes from a chat."""
    text = _plain_text(words[:LONGEST_BUTTON_TEXT])
    return {"type": "button", "action_id": "byteport_open_page", "text": text, "url": url, "style": "primary"}


def _rich(elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": elements}


def _section(elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "rich_text_section", "elements": elements}


def _text(text: str, *, bold: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": text} | ({"style": {"bold": True}} if bold else {})


def _plain_text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
