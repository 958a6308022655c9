"""Words of a cluster made harmless for whoever shows them: a chat, a mail program, a phone, a spreadsheet.

Comes before `told.py`, so that no channel ever sees the words as they came. A channel that has a form for literal text (Slack's
rich text, an Adaptive Card's runs) uses that form besides; what is done here holds where a reader makes a sign of anything.
"""

from __future__ import annotations

import re
import unicodedata

LONGEST_TEXT = 300
LONGEST_COMMAND = 2000
NOTHING = "\u200b"
"""A space of no width: parts a sign from what follows it."""
_SPACES = re.compile(r"\s+")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control, format (bidirectional controls, zero width, tags), surrogates, private and unassigned, separators of lines."""
_STARTS = re.compile(
    r"""(?<![\w.])@(?=\w)           # a mention; an image's digest has a name before its @
      | <(?=[!@#a-zA-Z/?])          # a tag, or a chat's own command
      | :(?=//)                     # an address
      | \bwww(?=\.)                # an address without one
      | \b(?:mailto|javascript|data|vbscript)(?=:)
      | =(?=\?)                    # an encoded word of a header
      | [\[\]](?=[(\[:])            # a link in Markdown
      | \{(?=\{) | \$(?=\{)         # a card's function, a template's expression
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FORMULA = re.compile(r"^[=+\-@|%]")
"""What a spreadsheet takes for the beginning of a formula."""


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """`text` as one line of visible characters, cut to `longest`, in which nothing is a mention, a link, a tag or a formula."""
    shown = _shown(text, longest)
    parted = _STARTS.sub(lambda found: found[0] + NOTHING, shown)
    return NOTHING + parted if _FORMULA.match(parted) else parted


def exact(command: str) -> str:
    """A command as it is to be copied: one line of visible characters, and none put between them.

    Commands are ours, made of checked names; a channel shows one only as literal text.
    """
    return _shown(command, LONGEST_COMMAND)


def _shown(text: str, longest: int) -> str:
    cut = text if len(text) <= longest else text[:longest] + "…"
    seen = "".join(" " if unicodedata.category(char) in _UNSEEN else char for char in cut)
    return _SPACES.sub(" ", seen).strip()
