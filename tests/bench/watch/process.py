"""A process of the benchmark that is asked by lines, and what the watching one says of itself."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

LIST_SECONDS = 900


class Process:
    """A process that answers each line with a line of JSON."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, line: str = "") -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if line:
            self._process.stdin.write(line.encode() + b"\n")
        return json.loads(await self._process.stdout.readline())


@asynccontextmanager
async def started(*words: str) -> AsyncIterator[Process]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", *words, stdin=pipe, stdout=pipe, limit=1 << 22)
    try:
        yield Process(process)
    finally:
        process.terminate()
        await process.wait()


async def until_listed(watcher: Process, version: int = 0) -> Any:
    """What the watcher says once every kind has a place to go on from that is not before `version`."""
    async with asyncio.timeout(LIST_SECONDS):
        most = 0.0
        while True:
            await asyncio.sleep(1)
            said = await watcher.ask("say")
            most = max(most, said["most"])
            pods = [int(mark) for key, mark in said["bookmarks"].items() if key.startswith("pods")]
            if pods and min(pods) >= version and "nodes" in said["bookmarks"]:
                return said | {"most": most}


async def until_idle(watcher: Process) -> Any:
    """What it says once its processor time stands still."""
    before = await watcher.ask("say")
    while True:
        await asyncio.sleep(1.5)
        said = await watcher.ask("say")
        if said["cpu"] - before["cpu"] < 0.05:
            return said
        before = said


async def settled(watcher: Process, listed: Any) -> tuple[Any, Any]:
    """With what it held at most until it had nothing more to do, and how it is then."""
    idle = await until_idle(watcher)
    return listed | {"most": max(listed["most"], idle["most"])}, idle
