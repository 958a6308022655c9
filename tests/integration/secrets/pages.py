"""What the quickstart pages tell people to type, taken out of them for the tests that do it."""

from __future__ import annotations

import re

from tests.house.tree import ROOT

PAGES = ROOT / "docs" / "quickstart"
_BLOCK = re.compile(r"^```(?P<kind>[a-z]+)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)


def block(page: str, kind: str, heading: str) -> str:
    """The first block of that kind below that heading."""
    text = (PAGES / page).read_text()
    _, _, below = text.partition(f"\n## {heading}\n")
    found = next((one for one in _BLOCK.finditer(below.partition("\n## ")[0]) if one["kind"] == kind), None)
    assert found is not None, (page, kind, heading)
    return found["text"]
