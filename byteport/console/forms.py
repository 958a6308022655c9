"""A form that was sent: by our own page, in this browser, by whoever is signed in, or it is refused.

Three things must agree, any one of which would do: where the browser says it comes from (`Origin`), what it says of that
place (`Sec-Fetch-Site`), and the token that only our page for this session knew. Comes before each route that changes
anything.
"""

from __future__ import annotations

import secrets
from urllib.parse import parse_qsl

from starlette.requests import Request

from byteport.console.sessions import Session
from byteport.contracts.console import ConsoleLimits
from byteport.errors import MalformedInput, NotPermitted
from byteport.serving.body import kind_of, read_body

KIND = "application/x-www-form-urlencoded"
TOKEN = "form_token"  # noqa: S105  a field's name
MOST_FIELDS = 10


async def form_of(request: Request, session: Session, origin: str, limits: ConsoleLimits) -> dict[str, str]:
    """The fields of the form. Raises `NotPermitted`, `MalformedInput`, or `Problem` for a body that is none."""
    if request.headers.get("origin") != origin or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        raise NotPermitted("the form was sent from another site; open the page here and send it again")
    if kind_of(request) != KIND:
        raise MalformedInput("form", f"must be sent as {KIND}")
    body = await read_body(request, limits, gzip=False)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise MalformedInput("form", "cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise MalformedInput("form", "has a field twice")
    if not secrets.compare_digest(fields.pop(TOKEN, "").encode(), session.form_token.encode()):
        raise NotPermitted("the form was made for another session; open the page again")
    return fields
