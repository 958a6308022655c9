"""The query of a request, read as the API server reads it: what it did is by its own reading, not by another's.

Go's `net/url` ends the path at the first `?`, knows no fragment in a request's URI, splits at `&` alone, and drops every
pair that holds a `;` or a broken escape. Whoever reads otherwise can be shown another command than the one that was run.
Comes before `apiserver`, which keeps the pairs of each event.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

_BROKEN = re.compile(r"%(?![0-9A-Fa-f]{2})")


def pairs_of(uri: str) -> tuple[tuple[str, str], ...]:
    """Every key and value after the first `?`, in their order."""
    _, _, query = uri.partition("?")
    found = []
    for part in query.split("&"):
        if not part or ";" in part or _BROKEN.search(part):
            continue
        key, _, value = part.partition("=")
        found.append((unquote_plus(key), unquote_plus(value)))
    return tuple(found)
