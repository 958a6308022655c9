"""The server's process: told what to do by lines on its input, answering each with a line of JSON.

`burst N` tells of N changed pods, `forget` makes every place to go on from gone, `counts` says how many requests of each
verb there were since the last time.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from tests.bench.watch.cluster import Virtual
from tests.listwatch.protocol import Server, serving


async def main(folder: str, pods: int, nodes: int) -> None:
    held = Virtual(pods, nodes)
    async with serving(Path(folder), held) as server:
        print(json.dumps({"kubeconfig": str(server.kubeconfig)}), flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(await _done(server, held, line.split())), flush=True)


async def _done(server: Server, held: Virtual, words: list[str]) -> object:
    match words:
        case ["burst", count]:
            server.changes.clear()
            for at in range(int(count)):
                namespace, item = held.changed(at * 37)
                server.note("MODIFIED", "pods", namespace, item)
                if not at % 200:
                    server.wake()
                    await asyncio.sleep(0)
            server.wake()
            return {"version": held.version}
        case ["forget"]:
            held.version += 1
            server.forget()
            return {"version": held.version}
        case ["counts"]:
            counted = dict(server.counted)
            server.counted.clear()
            return counted
        case _:
            raise ValueError(words)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
