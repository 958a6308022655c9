"""`byteport worker` as a process of its own: started from the settings file, and killed with -9.

Comes after `running.py`, which writes that file.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from byteport.sandbox.children import Child
from tests.agent.agent import Agent
from tests.agent.places import eventually
from workers.processes import Process

PROGRAM = (str(Path(sysconfig.get_path("scripts")) / "byteport"),)
OLDER = (sys.executable, str(Path(__file__).with_name("older.py")))
"""The same program as it was before any of its workflows' gates."""
SERVING = "serving "


@asynccontextmanager
async def worker_process(
    agent: Agent, process: Process, name: str, program: Sequence[str] = PROGRAM
) -> AsyncIterator[Child]:
    """One worker process, from when it serves its queues; ended at the end, unless the test has killed it."""
    log = agent.home.logs / f"{name}.log"
    child = await start_worker(agent, process, log, program)
    try:
        await eventually(f"{name} to serve", lambda: _serves(child), within=60.0)
        yield child
    finally:
        await child.kill()


async def start_worker(agent: Agent, process: Process, log: Path, program: Sequence[str] = PROGRAM) -> Child:
    argv = [*program, "--config", str(agent.home.config_file), "worker", "--process", process.value]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BYTEPORT_")}
    return await Child.start(f"byteport worker ({process.value})", argv, log=log, env=environment)


async def _serves(child: Child) -> bool:
    child.must_run()
    return SERVING in child.log.read_text()
