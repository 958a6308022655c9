"""When a node's unused images may be removed: every guard, in both directions."""

from __future__ import annotations

import pytest

from byteport.domain.plans import PruneImagesPlan, Refused
from byteport.domain.policy import PolicyConfig, VerdictKind
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.node_helper import EXEC, HELPER_PODS
from byteport.kubernetes.node_reading import OTHER_PODS, PULL_EVENTS
from byteport.kubernetes.world import JSON
from tests.builders.objects import container, pod, status, uid_of, waiting
from tests.unit.runbooks.disk_worlds import AUTO, Disk, being_created, initialised, never_pulling

TOO_FEW = "Failed to garbage collect required amount of images. Attempted to free 9 bytes, but only found {} bytes eligible to free."


def test_a_disk_full_of_unused_images_is_pruned_through_the_helper_on_that_node() -> None:
    said = Disk().ask()
    assert said.acts
    assert said.cause is Cause.DISK_IMAGES
    assert isinstance(said.plan, PruneImagesPlan)
    assert said.plan.argv == ("crictl", "rmi", "--prune")
    assert said.plan.helper.name == "byteport-node-helper-x2x4z"
    assert said.plan.helper.uid == uid_of("Pod", "byteport-node", "byteport-node-helper-x2x4z")
    assert said.plan.below_percent == 80


def test_the_act_rests_on_the_kubelets_word_and_on_df() -> None:
    said = Disk().ask()
    assert (said.fact("disk_pressure"), said.fact("used_percent")) == (True, 90.0)
    assert (said.fact("images"), said.fact("images_unused")) == (13, 12)


# -- the kubelet's own collection goes first --------------------------------------------------------------------------


@pytest.mark.parametrize(("minutes", "acts"), [(2, False), (9, False), (11, True)])
def test_the_kubelets_own_collection_has_two_periods_before_anything_is_done(minutes: int, acts: bool) -> None:
    said = Disk(pressure=minutes).ask()
    assert said.acts is acts
    assert said.waits is not acts
    if not acts:
        assert said.reasons == (Reason.COLLECTOR_AT_WORK,)
        assert said.diagnosis.look_again_seconds == (10 - minutes) * 60


def test_a_collection_that_has_failed_is_not_waited_for() -> None:
    disk = Disk(pressure=2)
    disk.says("FreeDiskSpaceFailed", TOO_FEW.format(7))
    assert disk.ask().acts


def test_a_collection_that_failed_before_the_pressure_began_says_nothing_of_now() -> None:
    disk = Disk(pressure=2)
    disk.says("FreeDiskSpaceFailed", TOO_FEW.format(7), last=40)
    assert disk.ask().waits


def test_a_fall_that_the_kubelet_brought_about_begins_the_wait_anew() -> None:
    disk = Disk(pressure=30)
    disk.says("NodeHasNoDiskPressure", last=3)
    assert disk.ask().waits


def test_a_disk_that_fell_by_itself_is_silence() -> None:
    said = Disk(percent=60, pressure=None).ask()
    assert said.silent
    assert said.reasons == (Reason.RECOVERED,)


def test_a_disk_above_the_threshold_without_the_condition_is_left_to_the_kubelet() -> None:
    said = Disk(percent=87, pressure=None).ask()
    assert said.silent
    assert said.reasons == (Reason.COLLECTOR_AT_WORK,)


def test_when_the_kubelet_failed_and_the_condition_is_still_false_a_person_may_approve_it() -> None:
    disk = Disk(percent=87, pressure=None)
    disk.says("FreeDiskSpaceFailed", TOO_FEW.format(7))
    said = disk.ask()
    assert said.escalates
    assert said.reasons == (Reason.CONDITION_AND_DF_DISAGREE,)
    assert isinstance(said.plan, PruneImagesPlan)


# -- pulls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["Pulling", "Pulled"])
@pytest.mark.parametrize(("minutes", "acts"), [(1, False), (4, False), (6, True)])
def test_what_was_just_pulled_is_not_yet_used_and_is_waited_for(reason: str, minutes: int, acts: bool) -> None:
    disk = Disk()
    disk.pod_says(reason, last=minutes)
    said = disk.ask()
    assert said.acts is acts
    assert (said.reasons == (Reason.PULL_UNDER_WAY,)) is not acts


def test_a_container_that_starts_from_an_image_that_was_there_pulled_nothing() -> None:
    disk = Disk()
    disk.pod_says("Pulled", 'Container image "registry.example/web:1" already present on machine')
    assert disk.ask().acts


def test_a_pull_on_another_node_does_not_matter() -> None:
    disk = Disk()
    disk.pod_says("Pulling", host="node-2")
    assert disk.ask().acts


@pytest.mark.parametrize(("minutes", "waits"), [(2, True), (45, False)])
def test_a_container_that_is_being_created_is_waited_for_but_not_for_ever(minutes: int, waits: bool) -> None:
    said = Disk(pods=[being_created(minutes)]).ask()
    assert not said.acts
    assert Reason.PULL_UNDER_WAY in said.reasons
    assert said.waits is waits


# -- what could not be pulled again -----------------------------------------------------------------------------------


def test_a_pod_that_never_pulls_forbids_it_and_is_named() -> None:
    said = Disk(pods=[never_pulling()]).ask()
    assert said.escalates
    assert said.reasons == (Reason.IMAGES_NOT_PULLABLE,)
    assert said.fact("never_pulls") == "shop/preloaded"
    assert isinstance(said.plan, Refused)


def test_a_pod_that_never_pulls_on_another_node_does_not_matter() -> None:
    other = pod("elsewhere", node="node-2", containers=[container(imagePullPolicy="Never")])
    assert Disk(pods=[other]).ask().acts


@pytest.mark.parametrize(("minutes", "acts"), [(5, False), (29, False), (31, True)])
def test_a_pull_that_failed_anywhere_within_half_an_hour_forbids_it(minutes: int, acts: bool) -> None:
    disk = Disk()
    disk.pod_says("Failed", 'Failed to pull image "x": connection refused', last=minutes, host="node-7")
    said = disk.ask()
    assert said.acts is acts
    assert (Reason.IMAGES_NOT_PULLABLE in said.reasons) is not acts


def test_a_pod_that_waits_for_its_image_forbids_it_though_its_events_are_gone() -> None:
    backing_off = pod("late", ready=False, statuses=[status(ready=False, state=waiting("ImagePullBackOff"))])
    assert Reason.IMAGES_NOT_PULLABLE in Disk(pods=[backing_off]).ask().reasons


def test_a_start_that_failed_is_no_pull_that_failed() -> None:
    disk = Disk()
    disk.pod_says("Failed", "Error: failed to create containerd task", host="node-7")
    assert disk.ask().acts


@pytest.mark.parametrize(
    ("label", "acts"), [("false", False), ("False", False), ("no", False), ("", False), ("true", True)]
)
def test_the_nodes_owner_may_forbid_it(label: str, acts: bool) -> None:
    said = Disk(labels={"byteport.io/enabled": "true", "byteport.io/prune": label}).ask()
    assert said.acts is acts
    assert (said.reasons == (Reason.PRUNE_FORBIDDEN,)) is not acts


# -- nothing to gain --------------------------------------------------------------------------------------------------


def test_that_every_image_is_in_use_is_said_before_anything_is_done() -> None:
    said = Disk(unused=0, used_gib=30).ask()
    assert said.escalates
    assert said.reasons == (Reason.NOTHING_PRUNABLE,)
    assert isinstance(said.plan, Refused)


def test_unused_images_that_could_not_bring_it_below_the_threshold_are_not_worth_it() -> None:
    assert Disk(unused=3, unused_gib=0.2, images_gib=0, more=["70G\t/var/lib/rancher"]).ask().acts is False
    said = Disk(unused=60, unused_gib=0.01).ask()
    assert said.acts, "a list as long as the kubelet's longest leaves images out"


@pytest.mark.parametrize(("in_use", "acts"), [(38, False), (36, False), (20, True)])
def test_where_the_unused_are_only_counted_their_share_of_all_images_is_what_a_prune_can_free(
    in_use: int, acts: bool
) -> None:
    said = Disk(saved=True, percent=92, more=[f"crictl images: 40 total, {in_use} in use by a container"]).ask()
    assert said.acts is acts
    assert (said.reasons == (Reason.NOTHING_PRUNABLE,)) is not acts


@pytest.mark.parametrize(
    ("reason", "message", "last", "acts"),
    [
        ("ImageGCFailed", "failed to list images: rpc error: code = Unavailable desc = connection error", 2, False),
        ("ContainerGCFailed", "rpc error: code = DeadlineExceeded desc = context deadline exceeded", 2, False),
        ("ImageGCFailed", "failed to remove image: unlink /var/lib/x: read-only file system", 2, False),
        ("ImageGCFailed", "failed to list images: rpc error: code = Unavailable desc = connection error", 25, True),
        ("ImageGCFailed", "failed to garbage collect required amount. Wanted to free 9 bytes, but freed 3", 2, True),
    ],
)
def test_a_runtime_that_did_not_answer_the_kubelet_is_not_asked_to_prune(
    reason: str, message: str, last: int, acts: bool
) -> None:
    disk = Disk()
    disk.says(reason, message, last=last)
    said = disk.ask()
    assert said.acts is acts
    assert said.escalates is not acts


def test_a_kubelet_that_found_nothing_to_remove_is_believed_where_nobody_counted() -> None:
    disk = Disk(denied=frozenset({OTHER_PODS}))
    disk.says("FreeDiskSpaceFailed", TOO_FEW.format(0))
    assert Reason.NOTHING_PRUNABLE in disk.ask().reasons


# -- Docker -----------------------------------------------------------------------------------------------------------


def test_dockers_prune_is_never_done_without_a_person_and_the_plan_says_how_little_it_frees() -> None:
    said = Disk(runtime="docker://24.0.7").ask()
    assert said.escalates
    assert said.verdict.reasons == (Reason.DOCKER_PRUNE,)
    assert isinstance(said.plan, PruneImagesPlan)
    assert said.plan.argv == ("docker", "system", "prune", "-f")
    assert said.plan.notes == (Reason.FREES_LITTLE,)


def test_dockers_prune_is_refused_where_init_containers_would_run_again() -> None:
    said = Disk(runtime="docker://24.0.7", pods=[initialised()]).ask()
    assert said.escalates
    assert Reason.RERUNS_INIT_CONTAINERS in said.reasons
    assert isinstance(said.plan, Refused)


def test_crictl_spares_stopped_containers_so_they_do_not_matter_there() -> None:
    assert Disk(pods=[initialised()]).ask().acts


def test_cri_o_is_pruned_with_the_same_words_as_containerd() -> None:
    said = Disk(runtime="cri-o://1.33").ask()
    assert said.acts
    assert isinstance(said.plan, PruneImagesPlan)
    assert said.plan.argv == ("crictl", "rmi", "--prune")


# -- the node is not ours, or cannot be asked --------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [{}, {"byteport.io/enabled": "false"}, {"byteport.io/enabled": "yes"}])
def test_a_node_without_a_label_of_its_own_is_silence(labels: dict[str, str]) -> None:
    said = Disk(labels=labels).ask()
    assert said.silent
    assert said.verdict.kind is VerdictKind.SKIP
    assert said.reasons == (Reason.NODE_NOT_ENABLED,)


def test_in_saved_objects_label_and_helper_are_taken_for_granted_and_nothing_else() -> None:
    assert Disk(labels={}, helper=False, saved=True).ask().acts
    assert Disk(labels={"byteport.io/enabled": "false"}, saved=True).ask().silent
    assert not Disk(labels={}, helper=False, saved=True, pods=[never_pulling()]).ask().acts
    assert not Disk(labels={}, helper=False, saved=True, silent_helper=True).ask().acts


@pytest.mark.parametrize(
    ("disk", "why"),
    [
        (Disk(helper=False), "not_installed"),
        (Disk(helper_ready=False), "not_ready"),
        (Disk(silent_helper=True), "silent"),
        (Disk(helper=False, denied=frozenset({HELPER_PODS})), "not_permitted"),
        (Disk(silent_helper=True, denied=frozenset({EXEC})), "not_permitted"),
        (Disk(helper=False, info={"osImage": "Talos (v1.9.1)"}), "unsupported_runtime"),
        (Disk(helper=False, info={"osImage": "Bottlerocket OS 1.30.0"}), "unsupported_runtime"),
        (Disk(helper=False, runtime="", info={"kubeletVersion": "v1.30.0-vk-azure"}), "unsupported_runtime"),
        (
            Disk(helper=False, labels={"byteport.io/enabled": "true", "eks.amazonaws.com/compute-type": "fargate"}),
            "unsupported_runtime",
        ),
    ],
)
def test_a_helper_that_cannot_be_asked_is_told_with_why(disk: Disk, why: str) -> None:
    said = disk.ask()
    assert said.escalates
    assert Reason.HELPER_ABSENT in said.reasons
    assert said.fact("helper") == why
    assert isinstance(said.plan, Refused)


def test_a_helper_on_other_nodes_only_is_another_matter_than_none_at_all() -> None:
    elsewhere = pod(
        "byteport-node-helper-b",
        namespace="byteport-node",
        node="node-2",
        labels={"app.kubernetes.io/name": "byteport-node-helper"},
    )
    assert Disk(helper=False, pods=[elsewhere]).ask().fact("helper") == "none_on_node"


def test_a_pod_elsewhere_that_carries_the_helpers_label_is_no_helper() -> None:
    lure = pod(
        "byteport-node-helper-evil",
        labels={"app.kubernetes.io/name": "byteport-node-helper"},
        containers=[container("helper")],
    )
    assert Disk(helper=False, pods=[lure]).ask().fact("helper") == "not_installed"


@pytest.mark.parametrize("denied", [OTHER_PODS, PULL_EVENTS])
def test_pods_that_may_not_be_seen_leave_it_to_a_person(denied: str) -> None:
    said = Disk(denied=frozenset({denied})).ask()
    assert said.escalates
    assert Reason.CANNOT_TELL in said.reasons
    assert said.fact("unseen") == "a pod in a namespace I may not see"


@pytest.mark.parametrize("ready", ["False", "Unknown"])
def test_a_node_that_is_not_ready_is_a_persons(ready: str) -> None:
    said = Disk(ready=ready).ask()
    assert said.escalates
    assert (said.cause, said.reasons) == (Cause.NODE_NOT_READY, (Reason.NODE_NOT_READY,))


def test_a_node_that_is_being_deleted_is_a_persons() -> None:
    class Leaving(Disk):
        def node(self) -> JSON:
            made = super().node()
            made["metadata"]["deletionTimestamp"] = "2026-03-10T08:59:00Z"
            return made

    said = Leaving().ask()
    assert said.escalates
    assert Reason.BEING_DELETED in said.reasons
    assert isinstance(said.plan, Refused)


def test_a_cordoned_node_waits_for_a_persons_yes() -> None:
    said = Disk(cordoned=True).ask()
    assert said.escalates
    assert said.reasons == (Reason.NODE_UNSCHEDULABLE,)
    assert isinstance(said.plan, PruneImagesPlan)


# -- thresholds -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("percent", "acts"), [(85, True), (94, True), (95, False), (99, False)])
def test_from_95_percent_on_a_person_is_asked(percent: int, acts: bool) -> None:
    said = Disk(percent=percent).ask()
    assert said.acts is acts
    assert (Reason.TOO_FULL in said.reasons) is not acts
    if not acts:
        assert said.escalates
        assert isinstance(said.plan, PruneImagesPlan)


def test_at_95_percent_nobody_waits_for_a_pull_or_for_the_kubelet() -> None:
    disk = Disk(percent=97, pressure=1)
    disk.pod_says("Pulling")
    said = disk.ask()
    assert said.escalates
    assert Reason.TOO_FULL in said.reasons


def test_the_settings_may_ask_for_a_fuller_disk_and_for_more_room_afterwards() -> None:
    config = PolicyConfig.model_validate({**AUTO.model_dump(), "disk_percent": 92, "disk_verified_percent": 70})
    assert isinstance(Disk(percent=90).ask(config).plan, Refused)
    plan = Disk(percent=93).ask(config).plan
    assert isinstance(plan, PruneImagesPlan)
    assert plan.below_percent == 70


def test_a_helper_in_another_namespace_than_the_settings_name_is_never_used() -> None:
    config = PolicyConfig.model_validate({**AUTO.model_dump(), "helper_namespace": "tools"})
    assert Disk().ask(config).verdict.kind is VerdictKind.ESCALATE
