"""Words of a cluster made harmless for whoever shows Markdown: a notice in a file, a postmortem in an issue.

Comes before `activities/notify/markdown.py` and `postmortem_text.py`. What Markdown, HTML, a chat or an issue tracker would take for
a sign (mentions, links, references to other issues) is parted by a space of no width, or escaped.
"""

from __future__ import annotations

import re

LONGEST_TEXT = 300
_NOTHING = "\u200b"
"""A space of no width: parts a sign from what follows it."""
_SIGNS = frozenset("\\`*_{}[]()#+!|<>~@&")
_STARTS = re.compile(r"[@<:#]|www(?=\.)|GH(?=-[0-9])", re.IGNORECASE)
"""A mention, a tag, a link, a reference to an issue: each begins so for some reader of Markdown or other, escaped or not."""


def inert(text: str) -> str:
    """`text` on one line, with no sign that anything would act on, cut to `LONGEST_TEXT`."""
    cut = text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT] + "…"
    printable = "".join(char if char.isprintable() else " " for char in cut)
    escaped = "".join("\\" + char if char in _SIGNS else char for char in printable)
    return _STARTS.sub(lambda found: found[0] + _NOTHING, escaped)


def code(text: str) -> str:
    """Inline code; a backtick in it would end it, so there is none."""
    plain = "".join(char if char.isprintable() else " " for char in text).replace("`", "'")
    return f"`{plain}`"


def section(title: str, items: list[str]) -> str:
    """A heading with a list below; empty where there is nothing to list."""
    return "\n".join([f"### {title}", "", *(f"- {item}" for item in items)]) if items else ""
