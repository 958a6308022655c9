"""A letter, by RFC 5322 and MIME, and what a mail program would make of its HTML: elements, attributes and text."""

from __future__ import annotations

import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from html.parser import HTMLParser

from tests.builders.receiving import Shown, need

HEADERS = {
    *("from", "to", "subject", "date", "message-id", "in-reply-to", "references", "auto-submitted", "importance"),
    *("x-auto-response-suppress", "mime-version", "content-type"),
}
ELEMENTS = {"html", "head", "meta", "body", "h2", "h3", "ul", "li", "pre", "p", "a", "strong", "small"}
_IDS = (b"message-id:", b"in-reply-to:", b"references:")
_TEXT_OF = {"h2", "h3", "li", "small", "strong"}


def parsed(raw: bytes) -> EmailMessage:
    """The letter, without a defect, a header that is not ours, or a line longer than SMTP takes."""
    need(all(len(line) <= 998 for line in raw.split(b"\r\n")), "a line is too long")
    head, _, body = raw.partition(b"\r\n\r\n")
    words = [len(word) for word in re.findall(rb"=\?[^?]+\?[bq]\?[^?]*\?=", head, re.IGNORECASE)]
    need(max(words, default=0) <= 75, "an encoded word is longer than RFC 2047 lets it be")
    need(all(len(line) <= 78 for line in body.split(b"\r\n")), "a line of base64 is longer than RFC 2045 lets it be")
    ids = [line for line in head.replace(b"\r\n ", b" ").split(b"\r\n") if line.lower().startswith(_IDS)]
    need(len(ids) == 3 and not any(b"=?" in line for line in ids), "an id that is encoded leads to no thread")
    need(b"\n" not in raw.replace(b"\r\n", b"") and b"\r" not in raw.replace(b"\r\n", b""), "a bare CR or LF")
    letter = BytesParser(policy=policy.default).parsebytes(raw)
    assert isinstance(letter, EmailMessage)
    need(not letter.defects, f"defects {letter.defects}")
    names = [name.lower() for name in letter.keys()]  # noqa: SIM118  a letter may have a name twice
    need(len(names) == len(set(names)) and set(names) <= HEADERS, f"headers {names}")
    return letter


def shown(letter: EmailMessage) -> Shown:
    """What a person sees of both forms."""
    text, page = letter.get_body(("plain",)), letter.get_body(("html",))
    assert isinstance(text, EmailMessage)
    assert isinstance(page, EmailMessage)
    need(letter.get_content_type() == "multipart/alternative", "no alternative")
    reader = _Page()
    reader.feed(page.get_content())
    reader.close()
    found = reader.found
    found.literal.append(str(letter["subject"]))
    plain = text.get_content()
    for line in plain.splitlines():
        stripped = line.strip().removeprefix("* ")
        if stripped and stripped not in found.commands and stripped not in found.links:
            found.literal.append(stripped)
    for command in found.commands:
        need(command in plain, "a command is missing in the text")
    return found


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found = Shown()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        need(tag in ELEMENTS, f"an element {tag}")
        allowed = {"a": {"href"}, "meta": {"charset", "name", "content"}, "body": {"style"}}
        need({name for name, _ in attrs} <= allowed.get(tag, set()), f"attributes of {tag}")
        if tag == "a":
            self.found.links.append(str(dict(attrs)["href"]))
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        need(bool(self._open) and self._open.pop() == tag, f"{tag} ends what it did not begin")

    def handle_data(self, data: str) -> None:
        if not data.strip():
            return
        within = self._open[-1]
        need(within in _TEXT_OF or within == "pre", f"text in {within}")
        (self.found.commands if within == "pre" else self.found.literal).append(data)

    def handle_comment(self, data: str) -> None:
        need(False, f"a comment {data[:10]}")

    def handle_pi(self, data: str) -> None:
        need(False, f"an instruction {data[:10]}")
