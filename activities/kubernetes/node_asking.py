"""Asks a node's own disk: the helper's `df -h`, `free -m` and `du -sh`, in its pod on that node, and nothing else.

Comes after `gather_node.py` found the helper; what is printed goes into `World.node_output` and dies with it. The words
are checked here once more (`byteport/kubernetes/node_commands.py`), whoever made them up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from byteport.domain.plans import HELPER_CONTAINER, Runtime
from byteport.domain.targets import PodRef
from byteport.errors import BytePortError, NotPermitted
from byteport.kubernetes.disk_output import lines_of, read_disk_output
from byteport.kubernetes.node_commands import DF, FREE, JOURNAL_DIR, KUBELET_DIR, LOG_DIR, RUNTIME_DIRS, du, is_read
from byteport.kubernetes.node_pods import directories_of, host_paths_of
from byteport.kubernetes.port import JSON, ClusterPort

AT_ONCE = 4
"""Commands in one helper at a time: each `du` is as much work as its directory is large."""
ASKING_SECONDS = 15.0
"""For all of them; what was not heard by then is not known. An act reads everything again before it has its turn."""
MOST_DIRECTORIES = 24
LOOK_CLOSER_PERCENT = 80.0
"""From so much on it is asked which pod's directory it is."""


class Asking:
    """The helper's pod of one node."""

    def __init__(self, cluster: ClusterPort, helper: PodRef) -> None:
        self._cluster = cluster
        self._helper = helper
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._heard: list[str] = []
        self._host_paths: frozenset[str] = frozenset()
        self.refused = False
        """No command may be run in it."""

    async def ask(self, runtime: Runtime, pods: Sequence[JSON], *, closer: bool) -> str:
        """All that was printed in time. `closer`: measure the directories of `pods` too, if the disk is filling up."""
        self._host_paths = frozenset(path for pod in pods for path in host_paths_of(pod))
        try:
            async with asyncio.timeout(ASKING_SECONDS):
                await self._all([DF, FREE, *(du(path) for path in (RUNTIME_DIRS[runtime], LOG_DIR, KUBELET_DIR))])
                if closer and self._filling_up():
                    paths = dict.fromkeys(path for pod in pods for path in directories_of(pod))
                    await self._all([du(path) for path in (JOURNAL_DIR, *sorted(paths)[:MOST_DIRECTORIES])])
        except TimeoutError:
            pass  # a directory too large to be measured in time stays unmeasured
        return "\n".join(self._heard)

    def _filling_up(self) -> bool:
        seen = read_disk_output(line for text in self._heard for line in lines_of(text))
        return any(found.percent >= LOOK_CLOSER_PERCENT for found in seen.mounts)

    async def _all(self, commands: Sequence[tuple[str, ...]]) -> None:
        await asyncio.gather(*(self._run(argv) for argv in commands))

    async def _run(self, argv: tuple[str, ...]) -> None:
        """A command that fails or is not heard tells nothing; `du` exits with 1 over a file that has just gone."""
        if not is_read(argv, self._host_paths):
            raise NotPermitted("only looking is done while a node is read")
        where = (self._helper.namespace, self._helper.name, HELPER_CONTAINER)
        try:
            async with self._slots:
                result = await self._cluster.exec(*where, argv)
        except NotPermitted:
            self.refused = True
        except BytePortError:
            return
        else:
            self._heard.append(result.stdout)
