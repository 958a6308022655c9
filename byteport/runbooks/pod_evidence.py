"""What a notice and a record say of a pod's trouble: numbers, classes and names, each with the object it was read from.

The evidence dies with a deleted pod, so it is written down before the act: reason, exit code, signal, restarts, and the
class of its log.
"""

from __future__ import annotations

from collections.abc import Iterator

from byteport.domain.diagnoses import Fact
from byteport.kubernetes.pods import ContainerReading, PodReading, Waiting
from byteport.kubernetes.situation import Situation
from byteport.runbooks.pod_findings import Finding


def facts_about(found: Finding, situation: Situation) -> tuple[Fact, ...]:
    """The facts that led to `found`, the container's first."""
    pod = found.pod
    about = f"Pod/{pod.namespace}/{pod.name}"
    facts = [*_of_container(pod.blamed, about), *_of_pod(pod, about, situation), *_of_siblings(found, situation)]
    return (*facts, *_of_node(pod, situation), *_of_neighbours(situation))


def _of_container(container: ContainerReading | None, about: str) -> Iterator[Fact]:
    if container is None:
        return
    yield Fact(name="container", value=container.name, about=about)
    yield Fact(name="role", value=container.role.value, about=about)
    yield Fact(name="restarts", value=container.restarts, about=about)
    if container.waiting is not Waiting.NONE:
        yield Fact(name="waiting", value=container.waiting.value, about=about)
    end = container.final
    if end is not None:
        yield Fact(name="ended", value=end.reason.value, about=about)
        if end.exit_code is not None:
            yield Fact(name="exit_code", value=end.exit_code, about=about)
        if end.signal is not None:
            yield Fact(name="signal", value=end.signal, about=about)
    if container.pull is not None:
        yield Fact(name="pull", value=container.pull.value, about=about)
    if container.image:
        yield Fact(name="image", value=container.image, about=about)
    if container.log.lines:
        classes = ",".join(found.value for found in container.log.classes) or "nothing known"
        yield Fact(name="log", value=classes, about=about)


def _of_pod(pod: PodReading, about: str, situation: Situation) -> Iterator[Fact]:
    yield Fact(name="ready", value=pod.ready, about=about)
    if not pod.ready:
        yield Fact(name="unready_seconds", value=int(pod.unready_for(situation.now).total_seconds()), about=about)
    for event in pod.events[:20]:
        yield Fact(name=f"event:{event.kind.value}", value=event.count, about=about)


def _of_siblings(found: Finding, situation: Situation) -> Iterator[Fact]:
    about = f"{situation.target.kind}/{situation.target.namespace}/{situation.target.name}"
    yield Fact(name="healthy_siblings", value=found.siblings.healthy, about=about)
    if found.siblings.unwell:
        yield Fact(name="unwell_siblings", value=found.siblings.unwell, about=about)
    if situation.rollout is not None:
        yield Fact(name="available", value=situation.rollout.available, about=about)
        yield Fact(name="revision", value=situation.rollout.revision, about=about)


def _of_node(pod: PodReading, situation: Situation) -> Iterator[Fact]:
    node = situation.surroundings.node(pod.node)
    if node is not None:
        yield Fact(name="node_ready", value=node.ready.value, about=f"Node/{node.name}")


def _of_neighbours(situation: Situation) -> Iterator[Fact]:
    for suspect in situation.surroundings.suspects[:5]:
        yield Fact(name="failing_targets", value=suspect.targets, about=f"{suspect.kind.value.title()}/{suspect.name}")
    for blocker in situation.surroundings.blockers[:5]:
        yield Fact(name="refuses_pods", value=blocker.kind.value, about=blocker.name)
    for dependency in situation.surroundings.dependencies[:3]:
        if dependency.culprit:
            yield Fact(name="dependency", value=dependency.state.value, about=dependency.culprit)
