"""All objects of a list at first sight, one after the other, for who does not mind that the list changes under it.

Comes after `paced.py`. `streams.py` goes through its pages by itself: what it watches from must be one moment's list.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

from activities.kubernetes.paced import Pace, patiently
from byteport.errors import TooLarge
from byteport.kubernetes.glimpses import Glimpse
from byteport.kubernetes.port import ClusterPort, Expired, Page, Resource

PAGE_LIMIT = 500


async def paged(
    cluster: ClusterPort, resource: Resource, namespace: str, pace: Pace | None = None
) -> AsyncGenerator[Glimpse, None]:
    """Page by page, each at the pace if one is given. A list that outlives its token is gone on with as it is by then.

    Raises what the port raises, after patience with a server that puts us off.
    """
    token, limit = "", PAGE_LIMIT

    async def ask() -> Page | Expired:
        if pace is not None:
            await pace.wait()
        return await cluster.page(resource, namespace, limit=limit, token=token)

    while True:
        try:
            page = await patiently(ask)
        except TooLarge:
            if limit == 1:
                raise
            limit = fewer(limit)
            continue
        if isinstance(page, Page):
            for glimpse in page.glimpses:
                yield glimpse
        token = page.token
        if not token:
            return


def fewer(limit: int) -> int:
    """How many to ask for when so many are too large together."""
    return max(1, limit // 4)
