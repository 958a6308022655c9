"""What an administrator says of load: how much pods and nodes use, and how the metrics API answers.

Comes after `administration.py`, before `cluster.py`. Amounts are quantities as Kubernetes writes them (`250m`, `64Mi`)
or plain numbers of cores and bytes. What is set here is seen when the next window of the metrics ends.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

from byteport.errors import MalformedInput
from byteport.kubernetes.quantities import quantity
from byteport.sandbox.simulated.administration import Administration
from byteport.sandbox.simulated.loads import IDLE, Load, Usage
from byteport.sandbox.simulated.metrics import MetricsApi

Amount = str | int | float


class Measuring(Administration):
    """An administrator's hands on load and metrics."""

    async def set_usage(
        self, home: str, pod: str, container: str, *, cpu: Amount = IDLE.cpu, memory: Amount = IDLE.memory
    ) -> None:
        """What a container uses from now on; `pod` may be a prefix before a dash. Raises `MalformedInput`."""
        self._before_a_change()
        self._simulation.loads.set_pod(home, pod, container, Usage(_number(cpu), int(_number(memory))))
        self.tick()

    async def unmeasure(self, home: str, pod: str, container: str) -> None:
        """The metrics API has nothing of these pods, though they run."""
        self._before_a_change()
        self._simulation.loads.set_pod(home, pod, container, None)
        self.tick()

    async def set_load(
        self,
        home: str,
        deployment: str,
        *,
        cpu_cores_total: Amount = 0.0,
        memory_total: Amount = 0,
        cpu_each: Amount = IDLE.cpu,
        memory_each: Amount = IDLE.memory,
        leak_per_minute: Amount = 0,
        container: str = "",
    ) -> None:
        """A load that the Ready pods of a Deployment share, so that more replicas use less each.

        `cpu_each` and `memory_each` are what every pod uses besides; `leak_per_minute` is what each grows by, which no
        replica helps against. `container` carries it, the first when empty. Raises `MalformedInput`.
        """
        self._before_a_change()
        load = Load(
            cpu_total=_number(cpu_cores_total),
            memory_total=int(_number(memory_total)),
            cpu_each=_number(cpu_each),
            memory_each=int(_number(memory_each)),
            leak_per_minute=int(_number(leak_per_minute)),
            container=container,
        )
        self._simulation.loads.set_deployment(home, deployment, load)
        self.tick()

    async def set_node_usage(self, node: str, *, cpu: Amount, memory: Amount) -> None:
        """What a node as a whole uses, in place of the sum of its pods. Raises `MalformedInput`."""
        self._before_a_change()
        self._simulation.loads.set_node(node, Usage(_number(cpu), int(_number(memory))))
        self.tick()

    async def set_metric(self, home: str, name: str, value: Amount | None) -> None:
        """What a metrics adapter gives the autoscalers of a namespace (`Pods`, `Object`, `External`); None: nothing."""
        self._simulation.loads.set_metric(home, name, None if value is None else Fraction(_number(value)))
        self.tick()

    async def set_autoscaler_period(self, seconds: float) -> None:
        """How often autoscalers are looked at; 15 s at first, as the controller does."""
        self.tick()
        self._simulation.autoscalers.pace.look_every(timedelta(seconds=seconds), self._simulation.now)
        self.tick()

    async def metrics_available(self, available: bool, *, broken: bool = False) -> None:  # noqa: FBT001
        """Whether the metrics API answers; otherwise it is absent (404) or, `broken`, its server is (503)."""
        taken_away = MetricsApi.BROKEN if broken else MetricsApi.ABSENT
        self._simulation.metrics.api = MetricsApi.SERVING if available else taken_away
        self._simulation.loads.version += 1
        self.tick()

    async def set_metrics_window(self, seconds: float) -> None:
        """How often is measured; 15 s at first, as metrics-server does."""
        self._simulation.metrics.window = timedelta(seconds=seconds)
        self._simulation.loads.version += 1
        self.tick()

    async def stall_metrics(self, *, stalled: bool = True) -> None:
        """The measurements there are grow old, and no new ones come."""
        self._before_a_change()
        self._simulation.metrics.stalled = stalled
        self._simulation.loads.version += 1
        self.tick()

    def _before_a_change(self) -> None:
        """The window that ended before now is measured as things were."""
        self.tick()
        self._simulation.metrics.measure(self._simulation.now)


def _number(amount: Amount) -> float:
    number = quantity(amount)
    if number is None or number < 0:
        raise MalformedInput("usage", f"{amount!r} is no amount")
    return float(number)
