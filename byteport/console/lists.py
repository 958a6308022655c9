"""What waits, what is to be taken over, and the runs: the first of each on the page that people begin at, all of each page by page.

What has waited longest comes first, for it runs out first; runs come newest first. Comes after `face`; each row leads to `plans` or `runs`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from temporalio.client import Client

from byteport.console.face import Face, for_people
from byteport.console.pages import page
from byteport.console.sessions import Session
from byteport.contracts.workflows import Phase
from byteport.domain.approvals import ApprovalRequest
from byteport.errors import BytePortError, MalformedInput
from byteport.temporal import views
from byteport.temporal.views import MOST_COUNTED, Run

AT_FIRST = 10
"""Of each list where people begin, so that what waits is all near the top of a telephone."""
A_PAGE = 25
AT_ONCE = 8
ASKED_SECONDS = 8.0
Row = TypeVar("Row")
Asked = tuple[str, ApprovalRequest | None]
"""A plan's digest and what it asks; None where nobody tells now."""


class Part(NamedTuple, Generic[Row]):
    """One page of a list."""

    rows: Sequence[Row]
    number: int
    """From 1."""
    pages: int
    total: int
    whole: bool
    """Whether `total` is all that there is; more than `MOST_COUNTED` are not counted."""


def part(rows: Sequence[Row], number: int, size: int = A_PAGE) -> Part[Row]:
    """Page `number` of `rows`, of which one more than `MOST_COUNTED` means that there are more. A page beyond the last is that."""
    known = rows[:MOST_COUNTED]
    pages = max(1, -(-len(known) // size))
    number = min(number, pages)
    begin = (number - 1) * size
    return Part(known[begin : begin + size], number, pages, len(known), len(rows) <= MOST_COUNTED)


@for_people
async def home(_: Request, face: Face, session: Session) -> Response:
    """What waits first, then what a person should take over, then the newest runs."""
    return page(
        "home.html",
        session,
        face.now(),
        waiting=await waiting_part(face, 1, AT_FIRST),
        escalated=await escalated_part(face, 1, AT_FIRST),
        newest=part(await _newest(face, AT_FIRST + 1), 1, AT_FIRST),
    )


async def waiting_part(face: Face, number: int, size: int = A_PAGE) -> Part[Asked]:
    """Plans that wait, the one that has waited longest first."""
    listed = await views.waiting(face.client, limit=MOST_COUNTED + 1)
    shown = part([one.plan_digest for one in sorted(listed, key=lambda one: one.since)], number, size)
    return Part(await what_waits(face.client, shown.rows, within=ASKED_SECONDS), *shown[1:])


async def escalated_part(face: Face, number: int, size: int = A_PAGE) -> Part[Run]:
    """Runs that wait for somebody to take them over, the oldest first."""
    limit = MOST_COUNTED + 1
    found = await views.list_runs(face.client, open_only=True, limit=limit, phase=Phase.ESCALATED)
    return part(sorted(found, key=lambda run: run.started_at), number, size)


async def runs_part(face: Face, number: int) -> Part[Run]:
    """Runs, the newest first."""
    return part(await _newest(face, MOST_COUNTED + 1), number)


async def _newest(face: Face, limit: int) -> list[Run]:
    found = await views.list_runs(face.client, open_only=False, limit=limit)
    return sorted(found, key=lambda run: run.started_at, reverse=True)


def _listed(
    title: str, kind: str, of: Callable[[Face, int], Awaitable[Part[Any]]]
) -> Callable[..., Awaitable[Response]]:
    @for_people
    async def endpoint(request: Request, face: Face, session: Session) -> Response:
        shown = await of(face, number_of(request.query_params.get("page", "1")))
        return page("list.html", session, face.now(), title=title, kind=kind, part=shown, most=MOST_COUNTED)

    return endpoint


waiting = _listed("Plans that wait for an answer", "waiting", waiting_part)
escalated = _listed("Escalations to take over", "escalated", escalated_part)
runs = _listed("Runs", "runs", runs_part)


def number_of(text: str) -> int:
    """Of a page. Raises `MalformedInput`."""
    if not (text.isascii() and text.isdigit() and 1 <= len(text) <= 4 and int(text)):
        raise MalformedInput("page", "is a number from 1 on")
    return int(text)


async def what_waits(client: Client, digests: Sequence[str], *, within: float) -> list[Asked]:
    """Each plan with what it asks; None where nobody tells now, because no worker runs, or not within that many seconds for
    all of them together. It is still listed: it waits."""
    turns, end = asyncio.Semaphore(AT_ONCE), asyncio.get_running_loop().time() + within

    async def asked(digest: str) -> Asked:
        try:
            async with asyncio.timeout_at(end), turns:
                return digest, (await views.approval_state(client, digest)).request
        except (BytePortError, TimeoutError):
            return digest, None

    return await asyncio.gather(*(asked(digest) for digest in digests))
