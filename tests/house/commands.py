"""Whether what a text says to type exists: commands of `byteport` with their options, and targets of `make`.

For `test_readme.py` (every document) and for whatever the program itself tells people to run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from typing import Any

import typer

from byteport.cli.commands import add_commands
from byteport.cli.main import app
from tests.house.tree import ROOT

BLOCK = re.compile(r"^ *```[a-z]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
TYPED = re.compile(r"^(?:\$ )?(?:.*? -- |kubectl |\.venv/bin/)?byteport +([^|;&#…]+)")
MADE = re.compile(r"^make ([a-z][a-z-]*)")


def typed(document: str) -> Iterator[str]:
    """Each line that a document says to type, in a block or between backticks."""
    for block in BLOCK.findall(document):
        yield from (line.strip() for line in block.splitlines())
    yield from (" ".join(span.split()) for span in SPAN.findall(BLOCK.sub("", document)))


def unknown(line: str) -> str:
    """What of that line is no command, option or target; empty where all is, and where it is another program's."""
    if made := MADE.match(line):
        return "" if made[1] in _targets() else made[1]
    found = TYPED.match(line)
    return _unknown_word(_words(found[1])) if found else ""


def _unknown_word(words: list[str]) -> str:
    command, rest = _program(), iter(words)
    for word in rest:
        within = getattr(command, "commands", None)
        if word.startswith("-") and word != "-":
            options = [one for one in command.params if word.partition("=")[0] in (*one.opts, *one.secondary_opts)]
            if not options:
                return word
            if options[0].is_eager:  # `--version` and `--help` end there
                return ""
            if not options[0].is_flag and "=" not in word:
                next(rest, None)
        elif within is not None:
            if word not in within:
                return word
            command = within[word]
    return ""


def _words(text: str) -> list[str]:
    """As a shell takes them apart; `[--open]` is an option that may be left out, `a\\|b` two words of which one is taken."""
    plain = text.replace("[", " ").replace("]", " ").replace("\\", "")
    try:
        return shlex.split(plain)
    except ValueError:
        return plain.split()


@cache
def _targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@cache
def _program() -> Any:
    add_commands(app)
    return typer.main.get_command(app)
