"""A list from the API server, page by page: whole, for who reads a few objects, or at first sight, for the watch.

Comes after `wire.py`, before `client.py`. A page is bounded in bytes as it is read, since one object may be a thousand
times as large as most; `streams.py` asks for fewer at a time when one is too large.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from activities.kubernetes.answers import JSON, Asked, decoded, error_of
from activities.kubernetes.paths import collection_path, what
from activities.kubernetes.wire import Answer, Request, Wire
from byteport.errors import Unavailable
from byteport.kubernetes import fields
from byteport.kubernetes.glimpses import looks_at
from byteport.kubernetes.port import Expired, Listed, Page, Resource

PAGE_SECONDS = 30.0
LIST_ATTEMPTS = 3
LARGEST_PAGE = 16 << 20
"""Of a page at first sight, in bytes: 500 usual pods are 4 MiB, and a few lists are read at once."""

Query = Sequence[tuple[str, str]]


async def whole(wire: Wire, resource: Resource, namespace: str, selectors: Query, *, limit: int) -> Listed:
    """All objects of all pages. Raises `Unavailable` when the list expires between its pages again and again."""
    asked = Asked(f"list {what(resource, namespace)}")
    query = [("limit", str(limit)), *selectors]
    for _ in range(LIST_ATTEMPTS):
        listed = await _pages(wire, collection_path(resource, namespace), query, asked)
        if listed is not None:
            return listed
    raise Unavailable(f"{asked.what}: the list expired between its pages, {LIST_ATTEMPTS} times")


async def page(wire: Wire, resource: Resource, namespace: str, *, limit: int, token: str) -> Page | Expired:
    """One page at first sight. Raises `TooLarge` when so many objects are more than is read at once."""
    asked = Asked(f"list {what(resource, namespace)}")
    query = (("limit", str(limit)), *((("continue", token),) if token else ()))
    request = Request("GET", collection_path(resource, namespace), query, largest=LARGEST_PAGE)
    answer = await _answer(wire, request, asked)
    if answer.status == HTTPStatus.GONE:
        return Expired(_token_of(answer))
    try:
        return Page(*looks_at(resource.group, resource.plural).page(answer.body))
    except ValueError:
        raise asked.lost("the answer is no list") from None


async def _pages(wire: Wire, path: str, query: Query, asked: Asked) -> Listed | None:
    """All pages of one list; None when the list expired between two of them."""
    items: list[JSON] = []
    token = ""
    while True:
        more = [("continue", token)] if token else []
        answer = await _answer(wire, Request("GET", path, (*query, *more)), asked)
        if answer.status == HTTPStatus.GONE:
            return None
        try:
            found = decoded(answer.body)
        except ValueError:
            raise asked.lost("the answer is no JSON object") from None
        items += found.get("items") or []
        metadata: JSON = found.get("metadata") or {}
        token = metadata.get("continue") or ""
        if not token:
            return Listed(items, str(metadata.get("resourceVersion", "")))


async def _answer(wire: Wire, request: Request, asked: Asked) -> Answer:
    """The answer, if it is a page, or 410: what the token goes on with is not kept any more."""
    answer = await wire.ask(request, asked, PAGE_SECONDS)
    if answer.status >= HTTPStatus.BAD_REQUEST and answer.status != HTTPStatus.GONE:
        raise error_of(asked, answer.status, answer.headers, answer.body)
    return answer


def _token_of(answer: Answer) -> str:
    try:
        token = fields.at(decoded(answer.body), "metadata", "continue")
    except ValueError:
        return ""
    return token if isinstance(token, str) else ""
