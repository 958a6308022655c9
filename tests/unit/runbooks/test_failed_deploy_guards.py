"""What a release may have changed for good, what it holds, and what could not be read."""

from __future__ import annotations

import pytest

from byteport.domain.reasons import Cause, Reason
from tests.builders.rollouts import (
    Shop,
    ago,
    crashing,
    not_found,
    shop,
    template,
    waiting,
)
from tests.unit.runbooks.rollback_worlds import (
    acts,
    caveats,
    crashed,
    refused,
)


def _migrating_init() -> Shop:
    before = [{"name": "migrate", "image": "registry.example/web:1", "command": ["./manage", "migrate"]}]
    after = [{"name": "migrate", "image": "registry.example/web:2", "command": ["./manage", "migrate"]}]
    return shop(
        old=template("registry.example/web:1", initContainers=before),
        new=template("registry.example/web:2", initContainers=after),
    )


def test_a_migration_that_may_have_run_before_the_new_code_crashed_is_a_persons() -> None:
    made = _migrating_init()
    made.fails(crashing(), init=[{"name": "migrate", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}])
    assert caveats(made) == (Reason.MIGRATION_UNDER_WAY,)


def test_a_migration_whose_image_never_came_has_migrated_nothing() -> None:
    made = _migrating_init()
    for bad in made.fails(waiting("PodInitializing"), init=[waiting("ImagePullBackOff", "migrate")]):
        made.events.append(not_found(bad))
    assert acts(made)


def test_a_changed_init_container_that_is_done_may_have_prepared_data_for_the_new_code_only() -> None:
    before = [{"name": "prepare", "image": "registry.example/prep:1"}]
    after = [{"name": "prepare", "image": "registry.example/prep:2"}]
    made = shop(
        old=template("registry.example/web:1", initContainers=before),
        new=template("registry.example/web:2", initContainers=after),
    )
    made.fails(crashing(), init=[{"name": "prepare", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}])
    assert caveats(made) == (Reason.MIGRATION_UNDER_WAY,)


@pytest.mark.parametrize(
    "job",
    [
        {"metadata": {"name": "web-migrate-42", "namespace": "shop"}, "status": {"active": 1}},
        {
            "metadata": {"name": "db-migrate", "namespace": "shop"},
            "status": {"succeeded": 1, "completionTime": ago(minutes=21)},
        },
        {
            "metadata": {
                "name": "hook",
                "namespace": "shop",
                "labels": {"app": "web"},
                "annotations": {"helm.sh/hook": "pre-upgrade"},
            },
            "status": {"succeeded": 1, "completionTime": ago(minutes=21)},
        },
    ],
)
def test_a_job_that_may_have_migrated_since_the_release_began_is_a_persons(job: dict[str, object]) -> None:
    made = crashed()
    made.others = [{"kind": "Job", **job}]
    assert caveats(made) == (Reason.MIGRATION_UNDER_WAY,)


def test_a_migration_that_ended_long_before_the_release_is_not_its_own() -> None:
    made = crashed()
    job = {"name": "db-migrate", "namespace": "shop"}
    made.others = [{"kind": "Job", "metadata": job, "status": {"succeeded": 1, "completionTime": ago(days=3)}}]
    assert acts(made)


def test_an_annotation_that_speaks_of_a_migration_is_a_persons() -> None:
    made = crashed()
    made.deployment["metadata"]["annotations"]["release.example/schema-migration"] = "0042"
    assert caveats(made) == (Reason.MIGRATION_UNDER_WAY,)


def test_a_log_that_shows_a_migration_under_way_refuses_for_everybody() -> None:
    made = crashed()
    made.log_tail = "running migration 0042: 41% done"
    assert refused(made) == (Reason.CAUSE_NEEDS_A_PERSON, Reason.MIGRATION_UNDER_WAY)
    assert made.diagnose().cause is Cause.MIGRATION


@pytest.mark.parametrize("which", ["old", "new"])
def test_a_claim_in_either_template_is_a_persons(which: str) -> None:
    volume = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    given = {"old": template("registry.example/web:1"), "new": template("registry.example/web:2")}
    given[which]["spec"]["volumes"] = volume
    made = shop(given["old"], given["new"])
    made.fails(crashing())
    assert caveats(made) == (Reason.HOLDS_CLAIM,)


def test_two_deployments_behind_one_service_are_a_persons() -> None:
    made = crashed()
    other = {"kind": "Deployment", "metadata": {"name": "web-b", "namespace": "shop", "uid": "b"}}
    other["spec"] = {"replicas": 1, "template": template()}
    service = {
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"selector": {"app": "web"}},
    }
    made.others = [other, service]
    assert caveats(made) == (Reason.SHARED_SERVICE,)
    assert made.diagnose().culprit == "Service/web"


@pytest.mark.parametrize(
    ("key", "value"), [("track", "canary"), ("track", "stable"), ("role", "canary"), ("canary", "true")]
)
def test_one_of_a_pair_of_canary_and_stable_is_a_persons(key: str, value: str) -> None:
    made = crashed()
    made.deployment["metadata"]["labels"][key] = value
    assert caveats(made) == (Reason.CANARY,)


def test_a_quota_that_has_no_room_for_the_pods_that_going_back_would_make_refuses() -> None:
    made = crashed()
    made.old["spec"]["replicas"] = 1
    made.counts(new_pods=2, old_ready=1)
    made.pods = [made.pods[0], *made.pods[3:]]
    quota = {"hard": {"pods": "3"}, "used": {"pods": "3"}}
    made.others = [{"kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "shop"}, "status": quota}]
    assert acts(made)  # two broken pods make room for the two that are missing
    quota["hard"] = {"pods": "2"}
    assert Reason.QUOTA_BLOCKS in refused(made)


@pytest.mark.parametrize("plural", ["services", "jobs", "horizontalpodautoscalers", "events", "resourcequotas"])
def test_what_could_not_be_read_cannot_be_told(plural: str) -> None:
    made = crashed()
    made.denied = frozenset({plural})
    assert caveats(made) == (Reason.CANNOT_TELL,)


def test_a_revision_without_a_number_is_not_gone_back_to_alone() -> None:
    made = crashed()
    made.old["metadata"]["annotations"] = {}
    assert caveats(made) == (Reason.CANNOT_TELL,)
