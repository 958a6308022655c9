"""What a notice and a record say of a node's disk: numbers, paths and names, each with the object it was read from."""

from __future__ import annotations

from collections.abc import Iterator

from byteport.domain.diagnoses import Fact
from byteport.domain.plans import Runtime
from byteport.kubernetes.node_state import UNSEEN, DiskUser, NodeState
from byteport.kubernetes.surroundings import Tri
from byteport.runbooks.disk_reclaim_findings import DiskFinding


def facts_about(found: DiskFinding, node: NodeState) -> tuple[Fact, ...]:
    """The facts that led to `found`, the kubelet's word and `df`'s first: they are independent of each other."""
    about = f"Node/{node.reading.name}"
    facts = [*_of_condition(node, about), *_of_disk(found, about), *_of_images(node, about)]
    if found.user is not None:
        facts += _of_user(found.user, about)
    return (*facts, *_of_node(node, about))


def _of_condition(node: NodeState, about: str) -> Iterator[Fact]:
    if node.disk_condition is not Tri.UNKNOWN:
        yield Fact(name="disk_pressure", value=node.disk_condition is Tri.TRUE, about=about)
    if node.disk_condition_since is not None:
        yield Fact(name="disk_pressure_since", value=node.disk_condition_since.isoformat(), about=about)
    if node.reading.ready is not Tri.TRUE:
        yield Fact(name="node_ready", value=node.reading.ready.value, about=about)
    if node.threshold_met_at is not None:
        yield Fact(name="reclaims", value="inodes" if node.reclaims_inodes else "disk", about=about)
    if node.free_failed_at is not None:
        yield Fact(name="collection_failed", value=node.free_failed_at.isoformat(), about=about)


def _of_disk(found: DiskFinding, about: str) -> Iterator[Fact]:
    full = found.full
    if full is None:
        return
    yield Fact(name="filesystem", value=full.mount, about=about)
    yield Fact(name="filesystem_role", value=full.role.value, about=about)
    yield Fact(name="used_percent", value=full.percent, about=about)
    if full.inodes_percent is not None:
        yield Fact(name="inodes_percent", value=full.inodes_percent, about=about)


def _of_user(user: DiskUser, node: str) -> Iterator[Fact]:
    about = f"Pod/{user.pod}" if user.pod and user.pod != UNSEEN else node
    yield Fact(name="largest", value=user.use.value, about=about)
    yield Fact(name="largest_path", value=user.path, about=about)
    if user.files is not None:
        yield Fact(name="largest_files", value=user.files, about=about)
    else:
        yield Fact(name="largest_bytes", value=user.used_bytes, about=about)


def _of_images(node: NodeState, about: str) -> Iterator[Fact]:
    if node.images is not None:
        yield Fact(name="images", value=node.images, about=about)
    if node.images_unused is not None:
        yield Fact(name="images_unused", value=node.images_unused, about=about)
    if node.images_unused_bytes is not None:
        yield Fact(name="images_unused_bytes", value=node.images_unused_bytes, about=about)
    for pod in node.never_pulls:
        yield Fact(name="never_pulls", value=pod, about=about if pod == UNSEEN else f"Pod/{pod}")


def _of_node(node: NodeState, about: str) -> Iterator[Fact]:
    if node.runtime is not None:
        yield Fact(name="runtime", value=node.runtime.value, about=about)
    if node.helper_absence is not None:
        yield Fact(name="helper", value=node.helper_absence.value, about=about)
    if node.unseen_pods:
        yield Fact(name="unseen", value=UNSEEN, about=about)
    if node.runtime is Runtime.DOCKER and node.exited_of_live_pods is not None:
        yield Fact(name="exited_of_live_pods", value=node.exited_of_live_pods, about=about)
