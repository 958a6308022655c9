"""Ten thousand symptoms of five hundred targets: how many runs, pages and bytes they become, and how long it takes.

Run it with `make bench`, or `python -m tests.bench.folding [targets [signals [namespaces]]]`. Teller, worker, simulated cluster and ledger are one process beside the real Temporal server; the memory
is that of this process.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from byteport.sandbox.dev_server import DevServer, DevServerOptions
from tests.faults.folding import folded

TARGETS, SIGNALS, NAMESPACES = 500, 10_000, 25


async def main(targets: int = TARGETS, signals: int = SIGNALS, namespaces: int = NAMESPACES) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = await DevServer.start(DevServerOptions(folder=Path(folder), ui=False))
        try:
            became = await folded(
                server,
                Path(folder) / "home",
                targets=targets,
                signals=signals,
                of_a_namespace=-(-targets // namespaces),
                say=print,
            )
        finally:
            await server.stop()
    print(
        f"{became.reported:,} symptoms of {targets} targets in {namespaces} namespace(s): {became.runs} runs, {became.reported / became.runs:.0f} folded into each"
    )
    print(
        f"auto is {'paused' if became.storm else 'NOT PAUSED'}; {len(became.pages)} page(s): {[page.title for page in became.pages]}"
    )
    grown = became.mebibytes_most - became.mebibytes_before
    print(
        f"{grown} MiB more than before it, {1024 * grown / became.runs:.0f} KiB a run; {became.mebibytes_most} MiB at the most"
    )
    print(f"told within {became.seconds_to_tell:.0f} s, all on record after {became.seconds_to_settle:.0f} s")


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
