"""A release is not undone for what it has not brought about: nodes, registries, dependencies, quotas, slow starts."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.domain.reasons import Cause, Reason
from tests.builders.rollouts import (
    ago,
    crashing,
    event,
    not_found,
    pod,
    replica_set,
    shop,
    template,
    waiting,
)
from tests.unit.runbooks.rollback_worlds import (
    badly_named,
    crashed,
    refused,
    that_no_node_takes,
)


def test_one_failing_pod_of_ten_is_no_verdict_on_the_release() -> None:
    made = shop(replicas=10, old_pods=False)
    made.fails(crashing(), nodes=("node-a",))
    made.pods += [pod(made.new, f"new{n}", node=f"node-{n}", ready=True, since=ago(minutes=12)) for n in range(9)]
    made.counts(new_pods=10, new_ready=9, old_ready=0)
    made.old["spec"]["replicas"] = 0
    assert Reason.NO_FAILURE_EVIDENCE in refused(made)


def test_two_failing_pods_on_one_node_of_four_are_no_verdict() -> None:
    made = shop(replicas=4)
    made.fails(crashing(), nodes=("node-a", "node-a"))
    made.pods += [pod(made.new, f"slow{n}", node=f"node-{n}") for n in range(2)]
    made.counts(new_pods=4, old_ready=4)
    assert Reason.NO_FAILURE_EVIDENCE in refused(made)


def test_a_large_image_that_is_still_being_pulled_past_the_deadline_is_a_slow_start() -> None:
    made = shop()
    (slow,) = made.fails(waiting("ContainerCreating"), nodes=("node-a",))
    made.events = [event(slow, "Pulling", 'Pulling image "registry.example/web:2"', count=1, kind="Normal")]
    assert refused(made) == (Reason.SLOW_START,)
    assert made.diagnose().cause is Cause.SLOW_START


def test_a_load_balancers_readiness_gate_is_a_slow_start() -> None:
    made = shop()
    running = {
        "name": "web",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": ago(minutes=19)}},
    }
    made.fails(running, conditions=[{"type": "ContainersReady", "status": "True"}])
    assert Reason.SLOW_START in refused(made)


def test_a_node_that_is_being_added_is_a_slow_start() -> None:
    made = that_no_node_takes()
    made.events.append(event(made.pods[-1], "TriggeredScaleUp", "pod triggered scale-up", kind="Normal"))
    assert refused(made) == (Reason.SLOW_START,)


def test_an_unchanged_init_container_that_still_runs_is_a_slow_start() -> None:
    init = [{"name": "warm", "image": "registry.example/warm:1"}]
    made = shop(
        old=template("registry.example/web:1", initContainers=init),
        new=template("registry.example/web:2", initContainers=init),
    )
    running = {"name": "warm", "ready": False, "restartCount": 0, "state": {"running": {"startedAt": ago(minutes=19)}}}
    made.fails(waiting("PodInitializing"), init=[running])
    assert Reason.SLOW_START in refused(made)


def test_no_room_in_the_cluster_is_not_the_releases_when_it_asks_for_no_more_than_before() -> None:
    made = that_no_node_takes()
    made.new["spec"]["template"]["spec"].pop("nodeSelector")
    made.deployment["spec"]["template"]["spec"].pop("nodeSelector")
    for where in (made.new, made.deployment):
        where["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/web:2"
    made.events = [event(made.pods[-1], "FailedScheduling", "0/3 nodes are available: 3 Insufficient cpu.")]
    assert Reason.QUOTA_BLOCKS in refused(made)


def of_the_database(item: dict[str, Any]) -> dict[str, Any]:
    """The same pod as another workload's."""
    item["metadata"].update(name="db-1-x", labels={"app": "db", "pod-template-hash": "1"})
    item["metadata"]["ownerReferences"][0].update(name="db-1", uid="another")
    return item


def test_a_surge_pod_on_a_node_where_something_else_fails_says_nothing_about_the_release() -> None:
    made = shop()
    made.fails(crashing(), nodes=("node-a",))
    neighbour = pod(
        replica_set(9, template("registry.example/db:1"), wanted=1, ready=0), "x", node="node-a", statuses=[crashing()]
    )
    made.others = [of_the_database(neighbour)]
    assert Reason.COMMON_CAUSE in refused(made)


def test_a_registry_that_others_cannot_pull_from_either_is_the_cause() -> None:
    made = badly_named()
    other = pod(
        replica_set(9, template("registry.example/db:1"), wanted=1, ready=0),
        "x",
        node="node-z",
        statuses=[waiting("ErrImagePull")],
    )
    other["status"]["containerStatuses"][0]["image"] = "registry.example/db:1"
    made.others = [of_the_database(other)]
    assert Reason.COMMON_CAUSE in refused(made)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("unauthorized: authentication required", Cause.IMAGE_AUTH),
        ("toomanyrequests: You have reached your pull rate limit", Cause.IMAGE_RATE_LIMITED),
        ("dial tcp 192.0.2.1:443: i/o timeout", Cause.IMAGE_TIMEOUT),
    ],
)
def test_a_pull_that_fails_for_another_reason_than_a_wrong_name_is_a_persons(said: str, cause: Cause) -> None:
    made = shop()
    (bad,) = made.fails(waiting("ImagePullBackOff"), nodes=("node-a",))
    made.events = [event(bad, "Failed", f'Failed to pull image "x": {said}')]
    assert refused(made) == (Reason.CAUSE_NEEDS_A_PERSON,)
    assert made.diagnose().cause is cause


def test_not_found_for_an_image_that_a_pod_of_the_release_already_runs_is_a_refusal_in_disguise() -> None:
    made = badly_named()
    made.pods.append(pod(made.new, "fine", node="node-f", ready=True, since=ago(seconds=20)))
    made.counts(new_pods=2, new_ready=1)
    refused(made)
    assert made.diagnose().cause is Cause.IMAGE_AUTH


def test_an_image_that_is_the_old_one_is_not_cured_by_the_old_template() -> None:
    made = shop(new=template("registry.example/web:1", container={"env": [{"name": "A", "value": "b"}]}))
    (bad,) = made.fails(waiting("ImagePullBackOff"), nodes=("node-a",))
    made.events = [not_found(bad)]
    refused(made)


def test_a_dependency_that_is_down_is_nobodys_release() -> None:
    made = crashed()
    made.log_tail = "Error: connect ECONNREFUSED 10.0.0.9:5432"
    assert Reason.VICTIM_OF_ANOTHER in refused(made)
    assert made.diagnose().cause is Cause.DEPENDENCY_DOWN


@pytest.mark.parametrize("status", [crashing(code=137, reason="OOMKilled"), crashing(code=137)])
def test_a_kill_that_names_no_fault_of_the_release_is_a_persons(status: dict[str, object]) -> None:
    made = shop()
    made.fails(status)
    refused(made)


def test_when_pods_of_the_old_revision_fail_as_well_the_release_is_not_what_they_share() -> None:
    made = crashed()
    made.pods[0]["status"]["containerStatuses"] = [crashing()]
    made.pods[0]["status"]["conditions"][0]["status"] = "False"
    made.counts(new_pods=2, old_ready=2)
    assert Reason.COMMON_CAUSE in refused(made)


def test_a_missing_key_of_configuration_that_both_revisions_name_is_not_the_releases() -> None:
    source = {"envFrom": [{"configMapRef": {"name": "web-config"}}]}
    made = shop(
        old=template("registry.example/web:1", container=source),
        new=template("registry.example/web:2", container=source),
    )
    made.fails(waiting("CreateContainerConfigError", message='configmap "web-config" not found'))
    assert refused(made) == (Reason.CAUSE_NEEDS_A_PERSON,)


def test_a_quota_that_refuses_the_new_pods_blocks_the_release_and_nothing_is_undone() -> None:
    made = shop()
    made.counts(new_pods=0)
    made.new["spec"]["replicas"] = 1
    made.events = [event(made.new, "FailedCreate", 'pods "web-2" is forbidden: exceeded quota: compute')]
    assert Reason.QUOTA_BLOCKS in refused(made)
    assert made.diagnose().cause is Cause.QUOTA


def test_pods_that_a_policy_refuses_are_not_made_by_going_back() -> None:
    made = shop()
    made.counts(new_pods=0)
    made.new["spec"]["replicas"] = 1
    made.events = [event(made.new, "FailedCreate", 'violates PodSecurity "restricted:latest"')]
    assert Reason.REPLACEMENT_REFUSED in refused(made)


def test_a_webhook_that_sets_another_image_than_the_template_makes_every_template_useless() -> None:
    made = crashed()
    for bad in made.pods[-2:]:
        bad["spec"]["containers"][0]["image"] = "mirror.example/web:2"
    refused(made)
    assert made.diagnose().cause is Cause.MUTATOR
    assert "web-222222222" in (made.diagnose().culprit or "")


def test_a_proxy_that_a_mesh_put_into_the_pod_is_not_what_was_released() -> None:
    made = shop()
    running = {"name": "web", "ready": True, "restartCount": 0, "state": {"running": {"startedAt": ago(minutes=19)}}}
    for bad in made.fails(running, crashing("mesh-proxy")):
        bad["spec"]["containers"].append({"name": "mesh-proxy", "image": "mesh.example/proxy:1"})
    assert refused(made) == (Reason.CAUSE_NEEDS_A_PERSON,)
    assert made.diagnose().culprit == "container mesh-proxy"


@pytest.mark.parametrize(
    "said",
    [
        "failed to get reader from content store: content digest sha256:0a: not found",
        "failed to prepare extraction snapshot: parent snapshot sha256:0b does not exist: not found",
    ],
)
def test_a_layer_that_the_node_has_lost_is_not_an_image_that_the_registry_lacks(said: str) -> None:
    made = shop()
    (bad,) = made.fails(waiting("ImagePullBackOff"), nodes=("node-a",))
    made.events = [event(bad, "Failed", f'Failed to pull image "x": rpc error: code = NotFound desc = {said}')]
    assert Reason.CAUSE_NEEDS_A_PERSON in refused(made)
    assert made.diagnose().cause is Cause.NODE_SUSPECT


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("CreateContainerError", 'failed to reserve container name "web": name "web" is reserved for "0d"'),
        ("CreateContainerError", "words that nobody has seen before"),
        ("RunContainerError", "nvidia-container-cli: initialization error: nvml error: driver not loaded"),
    ],
)
def test_a_runtime_that_cannot_make_the_container_is_not_the_release(reason: str, said: str) -> None:
    made = shop()
    made.fails(waiting(reason, message=said))
    assert Reason.CAUSE_NEEDS_A_PERSON in refused(made)


def test_a_sandbox_that_cannot_be_made_is_not_the_release() -> None:
    made = shop()
    (bad,) = made.fails(waiting("ContainerCreating"), nodes=("node-a",))
    made.events = [event(bad, "FailedCreatePodSandBox", "Failed to create pod sandbox: no address left", count=80)]
    assert Reason.CAUSE_NEEDS_A_PERSON in refused(made)
