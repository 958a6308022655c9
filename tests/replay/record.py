"""Records the histories anew, of real runs on a real Temporal server and the simulated cluster:

    python -m tests.replay.record [STORY…]

`make record-histories` calls it before a release, and whenever a workflow is changed on purpose. Each story is told in
`stories.py` by an agent that has everything of production but a real cluster; time is real, so that nothing of the
tests' skipped time is in a history. Payloads are encrypted with the published key. Takes about four minutes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from byteport.sandbox.dev_server import DevServer, DevServerOptions
from tests.replay import store
from tests.replay.stories import ACTS, Act
from tests.replay.telling import told_by

MANY_EVENTS = {"limit.historyCount.suggestContinueAsNew": "16"}
"""So that an endless run continues as new within a story."""


async def record(wanted: Sequence[str]) -> None:
    """Tell every act of which a story is wanted; all of them when none is named."""
    chosen = [act for act in ACTS if not wanted or set(act.stories) & set(wanted)]
    with tempfile.TemporaryDirectory(prefix="byteport-histories-") as folder:
        for act in chosen:
            say(f"{act.tell.__name__}: {', '.join(act.stories)}")
            await _record(act, Path(folder) / act.tell.__name__)
    if not wanted:
        _forget_others({story for act in ACTS for story in act.stories})


async def _record(act: Act, folder: Path) -> None:
    options = DevServerOptions(folder=folder / "temporal", ui=False, dynamic_config=MANY_EVENTS if act.short else {})
    server = await DevServer.start(options)
    try:
        async with told_by(server, folder / "home", act.policy, act.settings) as telling:
            await act.tell(telling)
    finally:
        await server.stop()
    assert set(telling.kept) == set(act.stories), f"told {sorted(telling.kept)}"


def _forget_others(stories: set[str]) -> None:
    """What is not told any more is not kept either."""
    for story in set(store.stories()) - stories:
        for path in (store.HISTORIES / story).iterdir():
            path.unlink()
        (store.HISTORIES / story).rmdir()
        (store.GOLDEN / f"{story}.json").unlink(missing_ok=True)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    asyncio.run(record(sys.argv[1:]))
    sys.stdout.flush()
    os._exit(0)  # Temporal's native threads do not survive an orderly end of the interpreter


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        sys.stderr.write(f"{error}\n")
        os._exit(1)
