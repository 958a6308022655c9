"""Serves one of the faces until it is asked to stop: the alerts' door, the approvals page, the codec server and the log's API.

Each command assembles its own server and holds what that needs; how it begins, says where it listens and ends is the same.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from byteport.cli.output import note

if TYPE_CHECKING:
    from byteport.serving.serve import Server


async def served(server: Server, what: str) -> None:
    """Serve until SIGTERM or SIGINT, or until the server ends by itself; raises what it died of. `what` is said once."""
    from workers.run import stop_on_signals

    stop = asyncio.Event()
    with stop_on_signals(stop):
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(stop.wait())
        note(what)
        if server.health_port is not None:
            note(f"health at http on port {server.health_port}, for this machine")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopping.cancel()
        await serving
