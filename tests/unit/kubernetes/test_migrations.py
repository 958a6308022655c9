"""The marks of a migration: words where they mean one, and not where they deny it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from byteport.kubernetes.migrations import annotated, migrating_containers, migration_jobs
from tests.builders.rollouts import NOW, ago, shop, template

BEGAN = NOW - timedelta(minutes=20)


def with_init(**container: Any) -> dict[str, Any]:
    return template(initContainers=[{"name": "init", "image": "registry.example/init:1", **container}])


@pytest.mark.parametrize(
    "container",
    [
        {"name": "db-migrate"},
        {"name": "migration"},
        {"name": "run-migrations"},
        {"image": "flyway/flyway:10"},
        {"image": "liquibase/liquibase"},
        {"command": ["alembic", "upgrade", "head"]},
        {"command": ["sh", "-c", "python manage.py migrate --noinput"]},
        {"args": ["rake", "db:migrate"]},
        {"command": ["npx", "prisma", "db", "push"]},
        {"command": ["/app", "database-upgrade"]},
        {"command": ["airflow", "db", "upgrade", "db upgrade"]},
    ],
)
def test_a_container_that_speaks_of_a_migration_is_marked(container: dict[str, Any]) -> None:
    assert migrating_containers(with_init(**container)) == (container.get("name", "init"),)


@pytest.mark.parametrize(
    "container",
    [
        {"name": "emigrant"},
        {"image": "registry.example/mongoose:1"},
        {"command": ["serve", "--port=8080"]},
        {"command": ["cat", "/etc/migratory-birds"]},
        {"name": "dashboard"},
        {"command": 5},
    ],
)
def test_other_words_are_not(container: dict[str, Any]) -> None:
    assert migrating_containers(with_init(**container)) == ()


@pytest.mark.parametrize(
    ("annotations", "found"),
    [
        ({"release.example/schema-migration": "0042"}, "release.example/schema-migration"),
        ({"db-migration": "true"}, "db-migration"),
        ({"kubernetes.io/change-cause": "v5, with database migration 0042"}, "kubernetes.io/change-cause"),
        ({"db-migration": "false"}, ""),
        ({"migration": "none"}, ""),
        ({"kubernetes.io/change-cause": "v5, no migration needed"}, ""),
        ({"kubectl.kubernetes.io/last-applied-configuration": '{"command":["migrate"]}'}, ""),
        ({"note": "nothing of the kind"}, ""),
    ],
)
def test_an_annotation_counts_unless_it_denies(annotations: dict[str, str], found: str) -> None:
    deployment = shop().deployment
    deployment["metadata"]["annotations"] = annotations
    assert annotated(deployment) == found


def job(
    name: str, *, labels: Any = None, annotations: Any = None, command: Any = None, owner: str = "", **status: Any
) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name, "namespace": "shop", "labels": labels or {}, "annotations": annotations or {}}
    if owner:
        meta["ownerReferences"] = [
            {"kind": owner, "apiVersion": "batch/v1", "name": "x", "uid": "u", "controller": True}
        ]
    container = {"name": "run", "image": "registry.example/job:1", "command": command or ["run"]}
    return {
        "kind": "Job",
        "metadata": meta,
        "spec": {"template": {"spec": {"containers": [container]}}},
        "status": status,
    }


def seen(*jobs: dict[str, Any], began: Any = BEGAN) -> tuple[str, ...]:
    made = shop()
    made.others = list(jobs)
    return migration_jobs(made.world(), made.deployment, began)


def test_a_running_or_recent_job_that_speaks_of_a_migration_counts() -> None:
    assert seen(job("db-migrate", active=1)) == ("db-migrate",)
    assert seen(job("setup", command=["alembic", "upgrade"], completionTime=ago(minutes=22))) == ("setup",)
    assert seen(job("db-migrate", startTime=ago(minutes=22))) == ("db-migrate",)


def test_one_that_ended_long_before_the_rollout_does_not() -> None:
    assert seen(job("db-migrate", completionTime=ago(hours=5))) == ()


def test_where_it_is_not_known_when_the_rollout_began_any_counts() -> None:
    assert seen(job("db-migrate", completionTime=ago(days=5)), began=None) == ("db-migrate",)


def test_a_release_hook_counts_for_its_own_instance_only() -> None:
    hook = {"helm.sh/hook": "pre-upgrade"}
    assert seen(job("x", labels={"app": "web"}, annotations=hook, completionTime=ago(minutes=21))) == ("x",)
    assert seen(job("x", labels={"app": "other"}, annotations=hook, completionTime=ago(minutes=21))) == ()
    assert (
        seen(job("x", labels={"app": "web"}, annotations={"helm.sh/hook": "test"}, completionTime=ago(minutes=21)))
        == ()
    )


def test_any_running_job_of_the_instance_counts_but_not_a_periodic_one() -> None:
    assert seen(job("x", labels={"app": "web"}, active=1)) == ("x",)
    assert seen(job("x", labels={"app": "web"}, owner="CronJob", active=1)) == ()
    assert seen(job("x", labels={"app": "other"}, active=1)) == ()
