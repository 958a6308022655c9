"""What a scenario is: a namespace that is broken in one way, what the agent should make of it, and what it did."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import ClassVar

from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode
from byteport.sandbox.demo.report import Told
from byteport.sandbox.demo.stage import APP, NEIGHBOUR, Stage, Story


class Scenario(ABC):
    """One of the things that the demo shows."""

    name: ClassVar[str]
    title: ClassVar[str]
    expected: ClassVar[str]
    mode: ClassVar[Mode] = Mode.AUTO
    enabled: ClassVar[bool] = True
    """Whether its namespace is given to the agent, which may not look at it otherwise."""
    ceiling: ClassVar[Ceiling] = Ceiling(mode=Mode.AUTO)
    """How far it is given."""
    writes: ClassVar[int] = 0
    """How many writes of the agent are right here."""
    serves: ClassVar[tuple[str, ...]] = (APP, NEIGHBOUR)
    """Deployments that must be available at the end."""
    any_cluster: ClassVar[bool] = True
    """False where it takes load, disks or nodes that only a cluster of the sandbox's own gives away."""

    @property
    def namespace(self) -> str:
        return f"byteport-demo-{self.name}"

    @property
    def place(self) -> str:
        """What it is about, for the headline."""
        return self.namespace

    @property
    def writes_in(self) -> str:
        """The namespace in which its writes lie."""
        return self.namespace

    async def set_apart(self, stage: Stage) -> None:  # noqa: B027  most of them need nothing
        """What must be done to the cluster before any scenario is prepared."""

    async def prepare(self, stage: Stage) -> None:
        """A healthy application, and a neighbour that nobody may touch."""
        await stage.hands.make_namespace(self.namespace)
        for name in (APP, NEIGHBOUR):
            await stage.hands.deploy(self.namespace, name, version=1)
        if self.enabled:
            await stage.hands.enable(self.namespace, self.ceiling)
        await asyncio.gather(*(stage.available(self.namespace, name) for name in (APP, NEIGHBOUR)))

    @abstractmethod
    async def play(self, stage: Stage) -> Told:
        """Break it, let the agent do what it does, and tell what came of it."""

    async def any_pod(self, stage: Stage) -> str:
        """The name of one of the application's pods."""
        pods = await stage.hands.pods(self.namespace, APP)
        name: str = min(pod["metadata"]["name"] for pod in pods)
        return name

    def told(self, story: Story, workflow_id: str | None, *, ok: bool) -> Told:
        """What the log says of it."""
        return Told(
            name=self.name,
            expected=self.expected,
            decision=story.decision,
            result=story.result,
            class_=story.cause,
            mttr_seconds=story.mttr_seconds,
            workflow_id=workflow_id,
            ok=ok,
        )
