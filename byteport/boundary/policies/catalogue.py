"""All policies of an installation. The sandbox applies them before any binding of rights; Helm, by kind, after them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from byteport.boundary.choices import Choices
from byteport.boundary.policies import autoscalers, commands, deployments, events, everything, pods
from byteport.kubernetes.port import JSON

POLICIES: tuple[Callable[[Choices], list[JSON]], ...] = (
    everything.writes,
    pods.deletions,
    pods.evictions,
    deployments.rollbacks,
    deployments.proof,
    autoscalers.floors,
    commands.connections,
    events.tellings,
)
"""Every policy is there whichever runbook is on: what nobody may do needs no permission to be refused. The one of Events
is there where they were chosen; where they were not, the one over everything refuses them by their kind."""


def policies(choices: Choices) -> list[JSON]:
    """Every policy and its binding."""
    return [item for make in POLICIES for item in make(choices)]


def names_of(items: Sequence[JSON], kind: str) -> list[str]:
    """Names of the objects of one kind, in order."""
    return [item["metadata"]["name"] for item in items if item["kind"] == kind]
