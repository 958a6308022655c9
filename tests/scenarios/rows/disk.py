"""A node whose disk is full, or is said to be: what fills it decides, and only unused images are ours to remove."""

from byteport.domain.plans import Runtime
from byteport.domain.reasons import Cause, Reason
from byteport.kubernetes.port import PODS
from byteport.sandbox.simulated import SimulatedCluster
from byteport.sandbox.simulated.disks import Filling
from byteport.sandbox.simulated.node_hands import HELPER_NAMESPACE
from tests.agent.simulated import SimulatedPlace
from tests.scenarios.ground import Ground
from tests.scenarios.model import EXECS, SIMULATED_ONLY, Escalated, Fixed, Row, Scenario, Silent, Step
from tests.scenarios.steps import released, serves, simulated, time_passes

NO_DISKS = "the nodes of the real control plane have no disks"
VERIFIED_PERCENT = 80


async def has_a_helper(cluster: SimulatedCluster, ground: Ground) -> None:
    """The node of the oldest pod is enabled, and the node helper runs on all nodes."""
    pod = (await ground.pods())[0]
    ground.names |= {"node": pod["spec"]["nodeName"], "pod": pod["metadata"]["name"]}
    await cluster.label_node(ground.names["node"], {"byteport.io/enabled": "true"})
    await cluster.install_node_helper()
    helpers = list(cluster._store.all(PODS, HELPER_NAMESPACE))
    own = [item for item in helpers if item["spec"]["nodeName"] == ground.names["node"]]
    ground.names["helper"] = own[0]["metadata"]["name"]


HELPED = simulated("the node is enabled, and the node helper runs", has_a_helper)
A_WHILE = time_passes(1500)


def full_of(what: Filling, percent: float = 93.0, path: str = "") -> Step:
    """The node's filesystem is filled with one thing."""

    async def do(cluster: SimulatedCluster, ground: Ground) -> None:
        pod = ground.names["pod"] if what is Filling.EMPTY_DIR else ""
        home = ground.namespace if pod else ""
        where = await cluster.fill_disk(ground.names["node"], what, percent=percent, home=home, pod=pod, path=path)
        ground.names["path"] = where

    return simulated(f"{what.value} fill the node's disk to {percent:.0f} %", do)


async def images_have_their_own_disk(cluster: SimulatedCluster, ground: Ground) -> None:
    await cluster.set_disk(ground.names["node"], image_size="60Gi")


async def keeps_pressure(cluster: SimulatedCluster, ground: Ground) -> None:
    await cluster.set_pressure_transition(365 * 86400)


async def empties(cluster: SimulatedCluster, ground: Ground) -> None:
    await cluster.empty_disk(ground.names["node"], Filling.IMAGES)


async def docker(cluster: SimulatedCluster, ground: Ground) -> None:
    await cluster.set_disk(ground.names["node"], runtime=Runtime.DOCKER)


async def is_emptier(ground: Ground) -> str:
    place = ground.place
    assert isinstance(place, SimulatedPlace)
    fullest = max(found.percent for found in place.cluster.disk(ground.names["node"]).filesystems())
    return "" if fullest < VERIFIED_PERCENT else f"the disk is still {fullest} % full"


SCRATCH = {"volumes": [{"name": "scratch", "emptyDir": {}}]}


def not_ours(cause: Cause, *names: str, reasons: frozenset[Reason] = frozenset()) -> Escalated:
    return Escalated(frozenset({cause}), names=("node", *names), reasons=reasons)


SCENARIOS = (
    Scenario(
        name="disk-full-of-unused-images",
        row=Row.DISK_IMAGES,
        says="Images that no container uses fill the disk, and the kubelet's own collection fails.",
        before=(HELPED,),
        broken=(full_of(Filling.IMAGES), A_WHILE),
        right=Fixed(EXECS, on=("helper",), repairs=("node",), proof=is_emptier),
        shown_on=SIMULATED_ONLY,
        why_not=NO_DISKS,
        seconds=240,
    ),
    Scenario(
        name="disk-pressure-while-the-disk-is-free",
        row=Row.DISK_FREE,
        says="The kubelet reports DiskPressure, and df says that there is room: its threshold is what is wrong.",
        before=(HELPED,),
        broken=(
            simulated("its kubelet keeps a pressure for ever", keeps_pressure),
            full_of(Filling.IMAGES, 88.0),
            simulated("the images are removed again", empties),
            A_WHILE,
        ),
        right=not_ours(Cause.DISK_THRESHOLD, reasons=frozenset({Reason.CONDITION_AND_DF_DISAGREE})),
        shown_on=SIMULATED_ONLY,
        why_not=NO_DISKS,
    ),
    Scenario(
        name="disk-full-of-an-empty-dir",
        row=Row.DISK_OTHER,
        says="A pod fills the disk through its emptyDir.",
        before=(released(1, spec=SCRATCH), serves(), HELPED),
        broken=(full_of(Filling.EMPTY_DIR), A_WHILE),
        right=not_ours(Cause.DISK_EMPTY_DIR, "pod"),
        shown_on=SIMULATED_ONLY,
        why_not=NO_DISKS,
    ),
    Scenario(
        name="disk-full-of-logs",
        row=Row.DISK_OTHER,
        says="Logs fill the disk.",
        before=(HELPED,),
        broken=(full_of(Filling.LOGS), A_WHILE),
        right=not_ours(Cause.DISK_LOGS, "/var/log"),
        shown_on=SIMULATED_ONLY,
        why_not=NO_DISKS,
    ),
    Scenario(
        name="disk-full-of-a-host-path",
        row=Row.DISK_OTHER,
        says="A directory of the node, which a pod mounts, fills the disk.",
        before=(
            released(1, spec={"volumes": [{"name": "spool", "hostPath": {"path": "/var/spool/web"}}]}),
            serves(),
            HELPED,
        ),
        broken=(full_of(Filling.HOST_PATH, path="/var/spool/web"), A_WHILE),
        right=not_ours(Cause.DISK_HOST_PATH, "path"),
        shown_on=SIMULATED_ONLY,
        why_not=NO_DISKS,
    ),
    Scenario(
        name="disk-without-inodes",
        row=Row.DISK_OTHER,
        says="There is room by bytes; there are no inodes left.",
        before=(HELPED,),
        broken=(full_of(Filling.INODES, 99.0), A_WHILE),
        right=not_ours(Cause.DISK_INODES, reasons=frozenset({Reason.INODES})),
        shown_on=SIMULATED_ONLY,
        why_not=NO_DISKS,
    ),
    Scenario(
        name="disk-full-and-images-lie-on-the-other-one",
        row=Row.DISK_OTHER,
        says="Something fills the node's disk, and the images lie on a filesystem of their own.",
        before=(HELPED, simulated("images have a filesystem of their own", images_have_their_own_disk)),
        broken=(full_of(Filling.OTHER), A_WHILE),
        right=Escalated(
            frozenset({Cause.DISK_OTHER_FILESYSTEM, Cause.DISK_CONTENTS_UNKNOWN}),
            names=("node",),
            reasons=frozenset({Reason.OTHER_FILESYSTEM, Reason.NOT_IMAGES}),
        ),
        shown_on=SIMULATED_ONLY,
        why_not=NO_DISKS,
    ),
    Scenario(
        name="disk-full-of-images-under-docker",
        row=Row.DISK_IMAGES,
        says="The same with Docker, whose prune also removes what a kubelet needs: only a person may say so.",
        before=(HELPED, simulated("the node runs Docker", docker)),
        broken=(full_of(Filling.IMAGES), A_WHILE),
        right=Escalated(frozenset({Cause.DISK_IMAGES}), names=("node",)),
        shown_on=SIMULATED_ONLY,
        why_not=NO_DISKS,
    ),
    Scenario(
        name="disk-of-a-node-that-is-not-enabled",
        row=Row.DISK_IMAGES,
        says="The disk of a node that nobody has enabled is full: it is none of the agent's business.",
        before=(
            HELPED,
            simulated(
                "the node is not enabled",
                lambda cluster, ground: cluster.label_node(ground.names["node"], {"byteport.io/enabled": None}),
            ),
        ),
        broken=(full_of(Filling.IMAGES), A_WHILE),
        right=Silent(),
        shown_on=SIMULATED_ONLY,
        why_not=NO_DISKS,
    ),
)
