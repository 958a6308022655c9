"""A Deployment `web` under load with an autoscaler that may add only one pod in ten minutes, on the real control plane.

A real load is never twice the same: the surge wobbles, so that the autoscaler's status is written anew with each of its
looks. Used by `test_floors_real.py`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from byteport.sandbox.controlplane import ControlPlane
from byteport.sandbox.strains import PlaneStrainer, autoscaler, deployment
from tests.agent.places import APP, eventually
from tests.agent.real import RealPlace

JSON = dict[str, Any]

OWNERS_FLOOR = 2
CEILING = 10
CALM = "150m"
"""Of the 200 millicores that the autoscaler wants its two pods to use between them."""
SURGE = ("770m", "785m")
"""For eight pods at its target: what its arithmetic asks for."""
ASKED = 8
SLOWLY = {
    "scaleUp": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 600}]},
    "scaleDown": {"stabilizationWindowSeconds": 0},
}
GROWN = ("1600m", "1615m")
"""More than all that the autoscaler may have can carry."""
WOBBLE_SECONDS = 2.0


class Surge:
    """More load than there was."""

    def __init__(self) -> None:
        self.wobbles_between = SURGE

    def grow(self) -> None:
        """It becomes twice as much."""
        self.wobbles_between = GROWN


@dataclass(frozen=True)
class Busy:
    """The Deployment and its autoscaler in a test's own namespace."""

    place: RealPlace

    async def begin(self, *, annotated: bool = True) -> None:
        """An enabled namespace; the pods serve, the load is calm, and the autoscaler sees it.

        What `kubectl apply` makes carries an annotation of its own; other tools leave none.
        """
        namespace, hands = self.place.namespace, PlaneStrainer(self._plane)
        scaler = autoscaler(namespace, APP, ceiling=CEILING)
        scaler["spec"]["behavior"] = SLOWLY
        await self.place.enable()
        await hands.apply(deployment(namespace, APP))
        await self.load(CALM)
        await self.place.serves()
        await (hands.apply(scaler) if annotated else self._call("POST", self._path.rpartition("/")[0], scaler))
        assert bool((await self.scaler())["metadata"].get("annotations")) == annotated

        async def sees() -> bool:
            return await self.condition("ScalingActive") == "ValidMetricFound"

        await eventually("the autoscaler to see the load", sees, within=90.0)
        assert await self.replicas() == OWNERS_FLOOR

    async def load(self, cores: str) -> None:
        await asyncio.to_thread(self._plane.set_load, self.place.namespace, APP, cpu_total=cores)

    @asynccontextmanager
    async def surge(self) -> AsyncIterator[Surge]:
        """Five times the load while inside."""
        surge = Surge()
        await self.load(SURGE[0])
        wobbling = asyncio.create_task(self._wobble(surge))
        try:
            yield surge
        finally:
            wobbling.cancel()
            await asyncio.gather(wobbling, return_exceptions=True)
            await self.load(CALM)

    async def _wobble(self, surge: Surge) -> None:
        for turn in itertools.cycle((0, 1)):
            await self.load(surge.wobbles_between[turn])
            await asyncio.sleep(WOBBLE_SECONDS)

    async def raised(self) -> JSON:
        """The autoscaler, once its floor is not its owner's any more."""

        async def look() -> JSON | None:
            item = await self.scaler()
            return item if item["spec"]["minReplicas"] != OWNERS_FLOOR else None

        return await eventually("a raised floor", look, within=150.0)

    async def until_observed(self) -> None:
        """Wait until the autoscaler's controller has acted upon what the autoscaler now says."""

        async def look() -> bool:
            item = await self.scaler()
            return bool((item.get("status") or {}).get("observedGeneration") == item["metadata"]["generation"])

        await eventually("the autoscaler to be looked at", look)

    async def until_replicas(self, count: int) -> None:
        """Wait until the autoscaler has set so many."""

        async def look() -> bool:
            return await self.replicas() == count

        await eventually(f"{count} replicas", look, within=90.0)

    async def until_said(self, words: str) -> None:
        """Wait until the autoscaler's controller says this of what it did last: it acts first, and says it then."""

        async def look() -> bool:
            said = await self._rescaled()
            return bool(said) and said[-1].startswith(words)

        await eventually(f"the autoscaler to say {words!r}", look)

    async def _rescaled(self) -> list[str]:
        """What it says that it did, oldest first, in its own words."""
        path = f"/api/v1/namespaces/{self.place.namespace}/events?fieldSelector=reason%3DSuccessfulRescale"
        found = (await self._call("GET", path))["items"]
        own = [event for event in found if event["source"]["component"] == "horizontal-pod-autoscaler"]
        return [str(event["message"]) for event in sorted(own, key=lambda event: str(event["lastTimestamp"]))]

    async def edit(self, *, manager: str, **spec: Any) -> None:
        """As a person does it: a field that is None is taken away."""
        path = f"{self._path}?fieldManager={manager}"
        await self._call("PATCH", path, {"spec": spec}, content_type="application/merge-patch+json")

    async def scaler(self) -> JSON:
        return await self._call("GET", self._path)

    async def floor(self) -> int:
        return int((await self.scaler())["spec"]["minReplicas"])

    async def replicas(self) -> int:
        return int((await self.place.deployment())["spec"]["replicas"])

    async def condition(self, type_: str) -> str:
        """Reason of one of the autoscaler's conditions; empty while there is none."""
        conditions = ((await self.scaler()).get("status") or {}).get("conditions") or []
        return next((str(one["reason"]) for one in conditions if one["type"] == type_), "")

    @property
    def _plane(self) -> ControlPlane:
        return self.place.plane

    @property
    def _path(self) -> str:
        return f"/apis/autoscaling/v2/namespaces/{self.place.namespace}/horizontalpodautoscalers/{APP}"

    async def _call(
        self, method: str, path: str, body: JSON | None = None, content_type: str = "application/json"
    ) -> JSON:
        return await asyncio.to_thread(self._plane.api.call, method, path, body, content_type=content_type)
