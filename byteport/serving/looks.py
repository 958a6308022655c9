"""Whether a face can answer, for its probes: one look for however many ask.

Comes before each face's probes, which say by name what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Looks:
    """What is missing, found out in a thread that nothing else uses: probes wait for nobody's request, and however many
    ask at once, one look is made for all of them."""

    def __init__(self, lacks: Callable[[], list[str]]) -> None:
        self._lacks = lacks
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="byteport-looks")
        self._running: asyncio.Future[list[str]] | None = None

    async def missing(self) -> list[str]:
        """Parts without which nothing can be answered."""
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().run_in_executor(self._thread, self._lacks)
        return await asyncio.shield(self._running)
