"""What fills a node's disk, on which filesystem, and whose it is; and whether a prune has helped."""

from __future__ import annotations

import pytest

from byteport.domain.plans import PruneImagesPlan, Refused
from byteport.domain.reasons import Cause, Reason
from byteport.domain.signals import SignalType
from byteport.kubernetes.node_commands import empty_dir, pod_logs
from byteport.runbooks.base import Health
from tests.builders.asking import signal_on
from tests.builders.objects import NOW, uid_of
from tests.unit.runbooks.disk_worlds import RUNBOOK, Disk, writer

SPOOL = uid_of("Pod", "shop", "spool")
SCRATCH = empty_dir(SPOOL, "cache") or ""
LOGS = pod_logs("shop", "spool", SPOOL) or ""
EMPTY_DIR = writer([{"name": "cache", "emptyDir": {}}])
HOST_PATH = writer([{"name": "data", "hostPath": {"path": "/srv/data"}}])

SPLIT = (
    "Filesystem      Size  Used Avail Use% Mounted on\n"
    "/dev/vda1        40G  {pods:>4}G  {rest}G  {percent}% /var/lib/kubelet\n"
    "/dev/vda1        40G  {pods:>4}G  {rest}G  {percent}% /var/log\n"
    "/dev/vdb1       900G  {images}G  {left}G  {share}% /var/lib/containerd"
)


def split(nodefs: int, imagefs: int) -> str:
    """Images on a filesystem of their own; both so full."""
    pods, images = nodefs * 40 // 100, imagefs * 9
    return SPLIT.format(pods=pods, rest=40 - pods, percent=nodefs, images=images, left=900 - images, share=imagefs)


# -- the condition and df must agree ----------------------------------------------------------------------------------


def test_a_condition_that_df_does_not_bear_out_is_the_kubelets_threshold() -> None:
    said = Disk(percent=40, images_gib=20).ask()
    assert said.escalates
    assert said.cause is Cause.DISK_THRESHOLD
    assert said.reasons == (Reason.CONDITION_AND_DF_DISAGREE,)
    assert isinstance(said.plan, Refused)


@pytest.mark.parametrize(("pressure", "met"), [(2, None), (30, 3)])
def test_a_condition_that_may_only_be_late_is_looked_at_again(pressure: int, met: int | None) -> None:
    disk = Disk(percent=40, images_gib=20, pressure=pressure)
    if met is not None:
        disk.says("EvictionThresholdMet", "Attempting to reclaim ephemeral-storage", last=met)
    assert disk.ask().waits


# -- inodes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [1, 30])
def test_inodes_that_run_out_while_bytes_are_free_are_a_persons(minutes: int) -> None:
    disk = Disk(percent=17, images_gib=3)
    disk.says("EvictionThresholdMet", "Attempting to reclaim inodes", last=minutes)
    said = disk.ask()
    assert said.escalates
    assert (said.cause, said.reasons) == (Cause.DISK_INODES, (Reason.INODES,))


def test_inodes_that_ran_out_before_this_pressure_began_say_nothing_of_now() -> None:
    disk = Disk(percent=17, images_gib=3)
    disk.says("EvictionThresholdMet", "Attempting to reclaim inodes", last=50)
    assert disk.ask().cause is Cause.DISK_THRESHOLD


def test_an_eviction_for_memory_says_nothing_of_a_disk() -> None:
    disk = Disk(percent=17, images_gib=3)
    disk.says("EvictionThresholdMet", "Attempting to reclaim memory")
    assert disk.ask().cause is Cause.DISK_THRESHOLD


def test_counted_inodes_name_the_directory_that_holds_them() -> None:
    disk = Disk(saved=True, percent=17, images_gib=3, pods=[EMPTY_DIR])
    disk.df = "df -h: /dev/sda1 95G 16G 79G 17% /\ndf -i: /dev/sda1 6291456 6102711 188745 97% /"
    disk.more = [f"find: {SCRATCH} 5611020 files"]
    said = disk.ask()
    assert said.cause is Cause.DISK_INODES
    assert said.diagnosis.culprit == "Pod/shop/spool"
    assert (said.fact("inodes_percent"), said.fact("largest_files")) == (97.0, 5611020)


# -- which filesystem -------------------------------------------------------------------------------------------------


def test_a_full_nodefs_beside_an_empty_imagefs_is_not_pruned() -> None:
    said = Disk(df=split(92, 26)).ask()
    assert said.escalates
    assert (said.cause, said.reasons) == (Cause.DISK_OTHER_FILESYSTEM, (Reason.OTHER_FILESYSTEM,))
    assert isinstance(said.plan, Refused)


def test_a_full_nodefs_names_whose_logs_fill_it() -> None:
    said = Disk(df=split(92, 26), logs_gib=30, more=[f"29G\t{LOGS}"], pods=[EMPTY_DIR]).ask()
    assert said.cause is Cause.DISK_LOGS
    assert said.reasons == (Reason.OTHER_FILESYSTEM, Reason.NOT_IMAGES)
    assert said.diagnosis.culprit == "Pod/shop/spool"
    assert said.fact("largest_path") == LOGS


def test_a_full_imagefs_beside_an_empty_nodefs_is_pruned() -> None:
    said = Disk(df=split(30, 90), images_gib=700, unused=70, unused_gib=3).ask()
    assert said.acts
    assert said.fact("filesystem") == "/var/lib/containerd"


def test_when_both_are_full_a_prune_mends_only_one_of_them() -> None:
    said = Disk(df=split(90, 92), images_gib=700, unused=70, unused_gib=3).ask()
    assert said.escalates
    assert Reason.OTHER_FILESYSTEM in said.reasons


def test_a_volume_that_is_full_is_its_owners() -> None:
    mount = f"/var/lib/kubelet/pods/{SPOOL}/volumes/kubernetes.io~csi/pvc-1/mount"
    df = f"/dev/vda1 100G 40G 60G 40% /\n/dev/vdc 10G 10G 100M 99% {mount}"
    assert Disk(df=df, images_gib=20).ask().cause is Cause.DISK_VOLUME


# -- what fills it ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("disk", "cause", "culprit"),
    [
        (Disk(images_gib=5, logs_gib=70), Cause.DISK_LOGS, "Node/node-1"),
        (Disk(images_gib=5, logs_gib=72, more=[f"70G\t{LOGS}"], pods=[EMPTY_DIR]), Cause.DISK_LOGS, "Pod/shop/spool"),
        (
            Disk(images_gib=5, kubelet_gib=72, more=[f"70G\t{SCRATCH}"], pods=[EMPTY_DIR]),
            Cause.DISK_EMPTY_DIR,
            "Pod/shop/spool",
        ),
        (Disk(images_gib=5, more=["70G\t/srv/data"], pods=[HOST_PATH]), Cause.DISK_HOST_PATH, "Pod/shop/spool"),
        (Disk(images_gib=70, unused=1, unused_gib=1), Cause.DISK_CONTAINERS, "Node/node-1"),
    ],
    ids=["logs", "a pod's logs", "empty dir", "host path", "writable layers"],
)
def test_what_is_not_images_is_a_persons_and_named(disk: Disk, cause: Cause, culprit: str) -> None:
    said = disk.ask()
    assert said.escalates
    assert (said.cause, said.diagnosis.culprit) == (cause, culprit)
    assert Reason.NOT_IMAGES in said.reasons
    assert isinstance(said.plan, Refused)


@pytest.mark.parametrize(
    "disk", [Disk(images_gib=20), Disk(images_gib=0, logs_gib=0, kubelet_gib=0), Disk(images_gib=5, kubelet_gib=80)]
)
def test_what_cannot_be_told_is_not_called_images(disk: Disk) -> None:
    said = disk.ask()
    assert said.escalates
    assert said.cause is Cause.DISK_CONTENTS_UNKNOWN


# -- after the act ----------------------------------------------------------------------------------------------------


def plan() -> PruneImagesPlan:
    made = Disk().ask().plan
    assert isinstance(made, PruneImagesPlan)
    return made


@pytest.mark.parametrize(
    ("disk", "minutes", "health"),
    [
        (Disk(percent=45, pressure=None), 1, Health.HEALTHY),
        (Disk(percent=79, pressure=None), 1, Health.HEALTHY),
        (Disk(percent=45), 4, Health.NOT_YET),
        (Disk(percent=80, pressure=None), 1, Health.NOT_YET),
        (Disk(percent=80, pressure=None), 3, Health.FAILED),
        (Disk(percent=45, pressure=None), -1, Health.NOT_YET),
        (Disk(helper=False, pressure=None), 1, Health.NOT_YET),
        (Disk(percent=45, ready="False"), 1, Health.FAILED),
    ],
    ids=[
        "fell and the condition is gone",
        "just below",
        "the condition is late",
        "not yet",
        "it did not fall",
        "measured before the act",
        "nobody measured",
        "the node is lost",
    ],
)
def test_it_is_well_when_df_fell_and_the_kubelet_says_so(disk: Disk, minutes: int, health: Health) -> None:
    assert disk.check(plan(), after_minutes=minutes).health is health


def test_a_prune_has_no_inverse() -> None:
    assert isinstance(RUNBOOK.inverse(plan(), Disk().situation(), now=NOW), Refused)


def test_it_has_recovered_once_the_disk_fell_by_itself() -> None:
    asked = Disk().ask()
    signal = signal_on(asked.situation.target, SignalType.DISK_PRESSURE, at=Disk().world())
    assert RUNBOOK.recovered(signal, Disk(percent=60, pressure=None).situation())
    assert not RUNBOOK.recovered(signal, asked.situation)
