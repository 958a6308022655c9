"""chat.postMessage and incoming webhooks, by Slack's reference of methods and of Block Kit.

Limits: 50 blocks a message; header 150 characters of plain text; a button's text 75, its URL 3,000, its action_id 255; `text` 40,000.
Rich text has elements of its own, in which nothing is parsed. `mrkdwn` is parsed; whoever uses it for a cluster's words is refused here.
"""

from __future__ import annotations

from typing import Any

from tests.builders.receiving import Refused, Shown, need, only

MOST_BLOCKS, MOST_CHARACTERS = 50, 13_000


def shown(body: dict[str, Any], *, by_token: bool) -> Shown:
    """What a person sees of a message."""
    keys = ["text", "blocks", "mrkdwn", "link_names", "parse", "unfurl_links", "unfurl_media"]
    if by_token:
        keys += ["channel", "thread_ts", "reply_broadcast", "metadata"]
        need(isinstance(body.get("channel"), str) and body["channel"][:1] in "CGD", "channel_not_found")
        metadata = body.get("metadata", {"event_type": "x", "event_payload": {}})
        only(metadata, "event_type", "event_payload")
    only(body, *keys)
    need(body.get("link_names") is False and body.get("parse") == "none", "names would be looked for")
    need(body.get("unfurl_links") is False and body.get("unfurl_media") is False, "addresses would be opened")
    found = Shown()
    fallback = body["text"]
    need(isinstance(fallback, str) and 0 < len(fallback) <= 40_000, "no_text")
    found.literal.append(_unparsed(fallback))
    blocks = body["blocks"]
    need(0 < len(blocks) <= MOST_BLOCKS, "invalid_blocks: too many")
    for block in blocks:
        _block(block, found)
    need(sum(map(len, found.literal)) + sum(map(len, found.commands)) <= MOST_CHARACTERS, "msg_blocks_too_long")
    return found


def _unparsed(text: str) -> str:
    """Slack's own escapes undone; a `<` that is left would begin a command, a link or a mention."""
    need("<" not in text and ">" not in text, "a sign of mrkdwn")
    for sign in text.split("&")[1:]:
        need(sign.startswith(("amp;", "lt;", "gt;")), "an ampersand that is not escaped")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _block(block: dict[str, Any], found: Shown) -> None:
    match block.get("type"):
        case "header":
            only(block, "type", "text")
            found.literal.append(_plain(block["text"], 150))
        case "actions":
            only(block, "type", "elements")
            need(0 < len(block["elements"]) <= 25, "too many elements")
            for button in block["elements"]:
                _button(button, found)
        case "rich_text":
            only(block, "type", "elements")
            need(bool(block["elements"]), "no elements")
            for element in block["elements"]:
                _rich(element, found)
        case other:
            raise Refused(f"invalid_blocks: {other}")


def _button(button: dict[str, Any], found: Shown) -> None:
    only(button, "type", "action_id", "text", "url", "style")
    need(button["type"] == "button" and button.get("style") in (None, "primary", "danger"), "no button")
    need(0 < len(button["action_id"]) <= 255, "action_id")
    need(button["url"].startswith("https://") and len(button["url"]) <= 3000, "url")
    _plain(button["text"], 75)
    found.links.append(button["url"])


def _rich(element: dict[str, Any], found: Shown) -> None:
    kind = element["type"]
    match kind:
        case "rich_text_section" | "rich_text_preformatted":
            only(element, "type", "elements")
            need(bool(element["elements"]), "no elements")
            for text in element["elements"]:
                only(text, "type", "text", "style")
                need(text["type"] == "text" and isinstance(text["text"], str) and bool(text["text"]), "no text")
                need(set(text.get("style", {})) <= {"bold", "italic", "strike", "code"}, "style")
                (found.literal if kind == "rich_text_section" else found.commands).append(text["text"])
        case "rich_text_list":
            only(element, "type", "style", "elements")
            need(element["style"] in ("bullet", "ordered"), "style")
            for item in element["elements"]:
                _rich(item, found)
        case other:
            raise Refused(f"invalid_blocks: {other}")


def _plain(text: dict[str, Any], longest: int) -> str:
    only(text, "type", "text", "emoji")
    need(text["type"] == "plain_text" and text.get("emoji") is False, "signs of emoji would be looked for")
    need(0 < len(text["text"]) <= longest, "length")
    return str(text["text"])
