"""Signs that a release changes what is stored: then old code may not be able to read it, and going back is no cure.

A migration cannot be seen, only its marks: a word in a name, an image, a command or an annotation, a hook Job beside
the release. Each mark alone is enough to ask a person. `rollout_reading.py` collects them; `release.py` weighs whether
what is marked can have run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from byteport.kubernetes import fields
from byteport.kubernetes.owners import controller
from byteport.kubernetes.templates import annotations_of
from byteport.kubernetes.world import JSON, World

HOOK_LEAD = timedelta(hours=1)
"""How long before a rollout its hook Jobs may have begun."""

_MIGRATES = re.compile(
    r"(?:^|[^a-z])(?:db|schema|sql|data)?[-_]?migrat(?:e|es|ed|ing|ion|ions|or)(?![a-z])"
    r"|(?<![a-z])(?:flyway|liquibase|alembic|dbmate|sqitch|goose|prisma|knex|typeorm|sequelize|atlas-schema|skeema|gh-ost|pt-online)(?![a-z])"
    r"|(?<![a-z])(?:db|database|schema)[-_: ]{1,3}(?:upgrade|update|change|init|setup|sync|version|prepare|push)(?![a-z])"
    r"|syncdb|upgradedb|initdb",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\b(?:no|not|without|zero|0|skip|skips)\b.{0,24}migrat|migrat\w* ?(?:not|none|unneeded)", re.IGNORECASE
)
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}\Z")
_OFF = frozenset({"", "false", "no", "none", "never", "off", "0", "n/a"})
_UNREAD = frozenset({"kubectl.kubernetes.io/last-applied-configuration"})
_INSTANCE = ("app.kubernetes.io/instance", "release", "app.kubernetes.io/name", "app")
_HOOK = "helm.sh/hook"
_HOOKS = re.compile(r"(?:pre|post)-(?:install|upgrade|rollback)|PreSync|PostSync|Sync\b")


def migrating_containers(template: object) -> tuple[str, ...]:
    """Containers of any kind whose name, image or command line speaks of a migration."""
    spec = fields.mapping(fields.at(template, "spec"))
    both = (*fields.entries(spec.get("initContainers")), *fields.entries(spec.get("containers")))
    return tuple(fields.name(item.get("name")) or "unnamed" for item in both if _speaks(_words(item)))


def annotated(item: JSON) -> str:
    """The label or annotation that speaks of a migration, or nothing; one that denies it does not count."""
    for holder in (annotations_of(item), fields.labels(item)):
        for key, value in holder.items():
            text = fields.text(value, 512)
            if key in _UNREAD or _DENIED.search(text):
                continue
            about_it = _MIGRATES.search(str(key)) and text.strip().lower() not in _OFF
            if about_it or _MIGRATES.search(text):
                return key if isinstance(key, str) and _KEY.match(key) else "annotation"
    return ""


def migration_jobs(world: World, deployment: JSON, began_at: datetime | None) -> tuple[str, ...]:
    """Jobs of the namespace that may have changed what is stored since shortly before the rollout began.

    A running Job of the same instance is one; so is a Job that speaks of a migration, or a release hook of the same
    instance, unless it had ended before.
    """
    namespace = fields.name(fields.metadata(deployment).get("namespace"))
    return tuple(
        sorted(
            fields.name(fields.metadata(job).get("name")) or "unnamed"
            for job in world.of("Job", namespace)
            if _is_recent(job, began_at) and _changes_data(job, deployment)
        )
    )


def _changes_data(job: JSON, deployment: JSON) -> bool:
    template = fields.at(job, "spec", "template")
    spec = fields.mapping(fields.at(template, "spec"))
    both = (*fields.entries(spec.get("initContainers")), *fields.entries(spec.get("containers")))
    if _speaks([str(fields.metadata(job).get("name") or "")]) or any(_speaks(_words(item)) for item in both):
        return True
    if annotated(job):
        return True
    related = _related(job, deployment)
    hook = annotations_of(job).get(_HOOK) or annotations_of(job).get("argocd.argoproj.io/hook")
    if related and isinstance(hook, str) and _HOOKS.search(hook):
        return True
    periodic = (controller(job) or {}).get("kind") == "CronJob"
    return related and not periodic and fields.count(fields.at(job, "status", "active")) > 0


def _related(job: JSON, deployment: JSON) -> bool:
    """The same release or application, by label, or by the Deployment's name as the start of the Job's."""
    ours = {**fields.labels(fields.at(deployment, "spec", "template")), **fields.labels(deployment)}
    theirs = {**fields.labels(fields.at(job, "spec", "template")), **fields.labels(job)}
    if any(ours.get(key) is not None and ours.get(key) == theirs.get(key) for key in _INSTANCE):
        return True
    name = fields.name(fields.metadata(deployment).get("name"))
    return bool(name) and fields.name(fields.metadata(job).get("name")).startswith(f"{name}-")


def _is_recent(job: JSON, began_at: datetime | None) -> bool:
    """Still running, or ended (or begun, where no end is known) since shortly before the rollout."""
    if fields.count(fields.at(job, "status", "active")) > 0 or began_at is None:
        return True
    ends = [fields.instant(fields.at(job, "status", "completionTime"))]
    ends += [
        fields.instant(entry.get("lastTransitionTime"))
        for entry in fields.entries(fields.at(job, "status", "conditions"))
    ]
    begun = fields.instant(fields.at(job, "status", "startTime")) or fields.instant(
        fields.metadata(job).get("creationTimestamp")
    )
    times = [at for at in (*ends, begun) if at is not None]
    return not times or max(times) >= began_at - HOOK_LEAD


def _words(container: Mapping[str, Any]) -> Iterator[str]:
    for key in ("name", "image"):
        yield fields.text(container.get(key), 512)
    for key in ("command", "args"):
        for word in fields.strings(container.get(key)):
            yield fields.text(word, 2048)


def _speaks(words: Iterator[str] | list[str]) -> bool:
    return any(_MIGRATES.search(word) for word in words)
