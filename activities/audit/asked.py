"""The words by which a person names records, for a hold or an erasure: one that no record can have is refused, not kept.

An empty word comes of a variable that nobody set, and a word that is misspelt finds nothing: the first must not mean what
the agent records of itself, and the second must not stand as if it meant something. Asked by `holds` and `erasures`.
"""

from __future__ import annotations

import re

from activities.audit.about_agent import AGENT_WIDE
from byteport.errors import MalformedInput
from byteport.runbooks.catalogue import RUNBOOKS

LONGEST_WORD = 512
"""More than a namespace, a kind and a name are together."""
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = rf"(?=[a-z0-9.-]{{1,253}}$){_LABEL}([.]{_LABEL})*"
_REF = re.compile(rf"(({_LABEL})/[A-Z][A-Za-z]*|Node)/{_NAME}")


def incident(word: str) -> str:
    """An incident's id. Raises `MalformedInput` for one that is empty, or that is the agent's word for none."""
    _plain("--incident", word)
    if word == AGENT_WIDE:
        raise MalformedInput(
            "--incident", f"{word!r} is what records about the agent itself have; name these one by one"
        )
    return word


def target(word: str) -> str:
    """A target as records name it, `shop/Deployment/web` or `Node/one`. Raises `MalformedInput` for what is none."""
    _plain("--target", word)
    if not _REF.fullmatch(word):
        raise MalformedInput("--target", "is no target as records name one: shop/Deployment/web, or Node/one")
    return word


def runbook(word: str) -> str:
    """A runbook's name, letter for letter. Raises `MalformedInput` for one that there is not."""
    _plain("--runbook", word)
    known = sorted({one.name for one in RUNBOOKS})
    if word not in known:
        raise MalformedInput("--runbook", f"there is none of that name; there are {', '.join(known)}")
    return word


def _plain(option: str, word: str) -> None:
    if not word.strip():
        raise MalformedInput(option, "is empty; was a variable meant that is not set?")
    if word != word.strip() or not word.isprintable() or len(word) > LONGEST_WORD:
        raise MalformedInput(option, "has spaces around it, or characters that no record has")
