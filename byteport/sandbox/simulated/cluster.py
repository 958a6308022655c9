"""`SimulatedCluster`: a Kubernetes cluster in this process, for the demo and for tests. It runs nothing.

It is the cluster port of `port.py`, and beside it what an administrator does with kubectl (`apply`, `deploy`,
`annotate_pod` …) and what only a test may do: turn the clock, interrupt calls, read who wrote. What it does not model
it refuses by `NotModelled`. It makes no security claim: there is no admission policy in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from byteport.errors import BytePortError
from byteport.kubernetes.port import NAMESPACES
from byteport.sandbox.simulated.clocks import ManualClock, machine_clock
from byteport.sandbox.simulated.interruptions import Interruption, Verb
from byteport.sandbox.simulated.node_hands import NodeHands
from byteport.sandbox.simulated.port import Command, Mutation
from byteport.sandbox.simulated.shapes import namespace, node

TICK_SECONDS = 0.1
NAMESPACES_AT_FIRST = ("default", "kube-system", "kube-public", "kube-node-lease")


class SimulatedCluster(NodeHands):
    """One cluster with `nodes` nodes, three by default, as `node-1` and so on."""

    simulated = True

    def __init__(self, clock: Callable[[], datetime] = machine_clock, *, nodes: int = 3) -> None:
        super().__init__(clock)
        for name in NAMESPACES_AT_FIRST:
            self._put(namespace(name))
        for number in range(1, nodes + 1):
            self._put(node(f"node-{number}", zone=f"zone-{'abc'[(number - 1) % 3]}", at=self._simulation.now))
        self.tick()

    @property
    def uid(self) -> str:
        """The uid of kube-system, which names the cluster."""
        item = self._store.find(NAMESPACES, "", "kube-system")
        assert item is not None
        uid: str = item["metadata"]["uid"]
        return uid

    @property
    def now(self) -> datetime:
        """The cluster's time."""
        return self._simulation.now

    async def run(self) -> None:
        """Let the cluster live in real time until cancelled."""
        while True:
            self.tick()
            await asyncio.sleep(TICK_SECONDS)

    def advance(self, seconds: float) -> None:
        """Turn a `ManualClock` and let happen what falls into that time. Raises `TypeError` with another clock."""
        if not isinstance(self._clock, ManualClock):
            raise TypeError("only a cluster with a ManualClock can be advanced")
        self._clock.advance(seconds)
        self.tick()

    def fail_next(
        self,
        verb: Verb,
        error: BytePortError,
        *,
        applied: bool = False,
        after_seconds: float = 0.0,
        times: int = 1,
    ) -> None:
        """The next calls of a verb raise `error`, after they have taken effect if `applied`."""
        self.interruptions.add(verb, Interruption(error, applied, after_seconds), times)

    def mutations(self) -> list[Mutation]:
        """Every write through the port that took effect, oldest first; the administrator's are not among them."""
        return [mutation for mutation in self._mutations if not mutation.dry_run]

    def dry_runs(self) -> list[Mutation]:
        """Every patch that was tried as a dry run and would have taken effect."""
        return [mutation for mutation in self._mutations if mutation.dry_run]

    def commands(self) -> list[Command]:
        """Every command that was run through the port in a container, oldest first; most of them only ask."""
        return list(self._commands)

    def compact(self) -> None:
        """Forget the history: a watch from before now gets 410."""
        self._store.compact()
