"""How deep JSON is nested, before anything parses it: both verifiers refuse the same lines. Comes before `bundle` and `faults`."""

import re

DEEPEST = 64
"""So many objects and lists may stand one in another; those of a record are five."""
_IN_QUOTES = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)


def depth(raw: bytes) -> int:
    """How deep objects and lists stand one in another, texts left out, whatever else there is."""
    if raw.count(b"[") + raw.count(b"{") <= DEEPEST:
        return 0
    depth = deepest = 0
    for char in _IN_QUOTES.sub(b"", raw):
        if char in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in b"]}":
            depth -= 1
    return deepest
