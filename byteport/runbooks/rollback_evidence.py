"""What a notice and a record say of a rollout in trouble: numbers, names and classes, each with where it was read.

A person who is asked for a yes at three in the morning reads these and nothing else: how many pods serve, what the new
revision fails by and how often, the images of both revisions, and which revision would be restored.
"""

from __future__ import annotations

from collections.abc import Iterator

from byteport.domain.diagnoses import Fact
from byteport.kubernetes.release import Trial
from byteport.kubernetes.revisions import KnownGood
from byteport.kubernetes.rollouts import RevisionReading, RolloutReading
from byteport.kubernetes.situation import Situation
from byteport.runbooks.rollback_findings import Assessment


def facts_about(situation: Situation, rollout: RolloutReading, found: Assessment | None) -> tuple[Fact, ...]:
    """The facts of a diagnosis, the most telling first."""
    namespace = situation.target.namespace
    facts = [*_of_trial(found.trial, rollout, namespace)] if found is not None and found.trial is not None else []
    facts += _of_deployment(rollout, f"Deployment/{namespace}/{situation.target.name}")
    if rollout.newest is not None:
        facts += _of_revision("newest", rollout.newest, namespace)
    if found is not None and found.good is not None:
        facts += _of_good(found.good, namespace)
    return tuple(facts)


def _of_trial(trial: Trial, rollout: RolloutReading, namespace: str) -> Iterator[Fact]:
    about = f"ReplicaSet/{namespace}/{rollout.newest.name if rollout.newest else ''}"
    yield Fact(name="finding", value=trial.finding.value, about=about)
    if trial.failing:
        yield Fact(name="failing_pods", value=trial.failing, about=about)
        yield Fact(name="pods_read", value=trial.seen, about=about)
        yield Fact(name="attempts", value=trial.attempts, about=about)
        yield Fact(name="over_seconds", value=trial.span_seconds, about=about)
        yield Fact(name="nodes", value=trial.nodes, about=about)
    if trial.container:
        yield Fact(name="container", value=trial.container, about=about)
    if trial.exit_code is not None:
        yield Fact(name="exit_code", value=trial.exit_code, about=about)


def _of_deployment(rollout: RolloutReading, about: str) -> Iterator[Fact]:
    yield Fact(name="progress", value=rollout.progress.value, about=about)
    yield Fact(name="replicas", value=rollout.replicas, about=about)
    yield Fact(name="available", value=rollout.available, about=about)
    yield Fact(name="unavailable", value=rollout.unavailable, about=about)
    yield Fact(name="revision", value=rollout.revision, about=about)
    if not rollout.older and rollout.created_at is not None:
        yield Fact(name="created_at", value=rollout.created_at.isoformat(), about=about)
    if rollout.ownership.template_manager:
        yield Fact(name="template_set_by", value=rollout.ownership.template_manager, about=about)
    if rollout.ownership.template_set_at is not None:
        yield Fact(name="template_set_at", value=rollout.ownership.template_set_at.isoformat(), about=about)


def _of_revision(which: str, revision: RevisionReading, namespace: str) -> Iterator[Fact]:
    about = f"ReplicaSet/{namespace}/{revision.name}"
    yield Fact(name=f"{which}_ready", value=revision.ready, about=about)
    yield Fact(name=f"{which}_available", value=revision.available, about=about)
    for image in revision.images[:3]:
        if image:
            yield Fact(name=f"{which}_image", value=image, about=about)


def _of_good(good: KnownGood, namespace: str) -> Iterator[Fact]:
    about = f"ReplicaSet/{namespace}/{good.revision.name}"
    yield Fact(name="known_good_revision", value=good.revision.number, about=about)
    yield from _of_revision("known_good", good.revision, namespace)
    changed = sorted({part.value for item in good.revision.changes.containers for part in item.parts})
    pod = [part.value for part in good.revision.changes.pod]
    if changed or pod:
        yield Fact(name="changed", value=",".join([*changed, *pod]), about=about)
    if good.skipped:
        yield Fact(name="failed_in_between", value=",".join(map(str, good.skipped)), about=about)
