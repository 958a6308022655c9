"""The simulated cluster's time: controllers act until nothing changes, then the clock goes on to what is due next.

Comes after every controller, before `port.py`. However far the clock has gone since the last look, everything in
between happens in its order and at its own time: three days are caught up in one call.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from byteport.kubernetes.port import NAMESPACES, PODS, REPLICA_SETS
from byteport.sandbox.simulated import admission, budgets, events, scheduler
from byteport.sandbox.simulated.autoscalers import Autoscalers
from byteport.sandbox.simulated.deployments import Deployments
from byteport.sandbox.simulated.kinds import KINDS
from byteport.sandbox.simulated.kubelet import Kubelet
from byteport.sandbox.simulated.loads import Loads
from byteport.sandbox.simulated.metrics import Metrics
from byteport.sandbox.simulated.nodes import Nodes
from byteport.sandbox.simulated.replicasets import ReplicaSets
from byteport.sandbox.simulated.store import Store, controller_uid

JSON = dict[str, Any]

SWEEP = timedelta(minutes=10)
"""How often old events are looked for while much time is caught up."""

ROUNDS = 200
"""Controllers that still write to each other after so many rounds never come to rest: an error of the simulation."""


class Simulation:
    """The store and its controllers. `now` is how far the cluster's time has come."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.now = clock()
        self.store = Store(lambda: self.now)
        self._rests_at = (-1, -1, -1)
        self._collected_at = 0
        self._sweeps_at = self._expires_at = self.now
        self.loads = Loads()
        self.metrics = Metrics(self.store, self.loads)
        self.autoscalers = Autoscalers(self.store, self.loads, self.metrics)
        self.nodes = Nodes(self.store, self.loads)
        self._kubelet = Kubelet(self.store)
        self._replica_sets = ReplicaSets(self.store)
        self._deployments = Deployments(self.store)

    def catch_up(self) -> None:
        """Let everything happen that is due by the clock's time, each at its own."""
        until = self._clock()
        if (self.store.changes, self.loads.version, self.nodes.version) != self._rests_at:
            self._settle()
        while (due := self._due()) is not None and due <= until:
            self.now = due
            self._settle()
        self.now = max(self.now, until)
        self._expire()

    def _due(self) -> datetime | None:
        looks = self.autoscalers.due_after(self.now)
        times = (self._kubelet.due, self._replica_sets.due, self._deployments.due, self.nodes.due, looks)
        return min((due for due in times if due and due > self.now), default=None)

    def _settle(self) -> None:
        if self.now >= self._sweeps_at:
            self._expire()
            self._sweeps_at = self.now + SWEEP
        for _ in range(ROUNDS):
            before = self.store.changes
            if self.store.removals != self._collected_at:
                self._collect()
            self.autoscalers.sync(self.now)
            self._deployments.sync(self.now)
            self._replica_sets.sync(self.now)
            scheduler.sync(self.store, self.now)
            self._kubelet.sync(self.now)
            self.nodes.sync(self.now)
            budgets.sync(self.store, self.now)
            admission.sync_quotas(self.store)
            if self.store.changes == before:
                self._rests_at = (before, self.loads.version, self.nodes.version)
                return
        raise RuntimeError("the simulated controllers do not come to rest")

    def _expire(self) -> None:
        if self.now >= self._expires_at:
            self._expires_at = events.expire(self.store, self.now)

    def _collect(self) -> None:
        """Remove what a removed owner controlled, and what lay in a removed namespace."""
        self._collected_at = self.store.removals
        uids = {item["metadata"]["uid"] for kind in KINDS for item in self.store.all(kind.resource)}
        namespaces = {item["metadata"]["name"] for item in self.store.all(NAMESPACES)}
        for kind in KINDS:
            for item in self.store.all(kind.resource):
                owner, home = controller_uid(item), item["metadata"].get("namespace")
                orphaned = owner is not None and owner not in uids and kind.resource in (PODS, REPLICA_SETS)
                if orphaned or (home and home not in namespaces):
                    self.store.remove(kind.resource, home or "", item["metadata"]["name"])
