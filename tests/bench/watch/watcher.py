"""The watching process: the agent's own activity over the real port, and what it costs, on request.

`say` on its input is answered with its memory now and at most since the last time (MiB), its processor time (seconds), its
requests so far, and its bookmarks. It imports what a cluster worker's watch needs, and nothing of the server.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from aiohttp import ClientResponse

from activities.kubernetes.answers import Asked
from activities.kubernetes.wire import Request, Wire
from byteport.domain.ceilings import Sight
from tests.listwatch.watched import Inbox, Watch, watch_of


async def main(kubeconfig: str, sight: str) -> None:
    inbox = Inbox()
    asked = counted()
    async with watch_of(Path(kubeconfig), inbox, sight=Sight(sight)) as watch:
        loop = asyncio.get_running_loop()
        while await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(_said(watch, inbox) | asked), flush=True)


def counted() -> dict[str, int]:
    """Requests from here on, and those among them that change anything."""
    found, before = {"asked": 0, "writes": 0}, Wire.open

    def opens(
        self: Wire, request: Request, asked: Asked, seconds: float
    ) -> AbstractAsyncContextManager[ClientResponse]:
        found["asked"] += 1
        found["writes"] += asked.mutates
        return before(self, request, asked, seconds)

    Wire.open = opens  # type: ignore[method-assign, assignment]  # counted, and otherwise itself
    return found


def _said(watch: Watch, inbox: Inbox) -> dict[str, object]:
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    mib = {name: int(lines[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")}
    Path("/proc/self/clear_refs").write_text("5")  # from here on the highest is counted anew
    return {
        "now": mib["VmRSS"],
        "most": mib["VmHWM"],
        "cpu": time.process_time(),
        "bookmarks": watch.heartbeats[-1] if watch.heartbeats else {},
        "reported": len(inbox.signals),
        "failures": watch.failures,
    }


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
