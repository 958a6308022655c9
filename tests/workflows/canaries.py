"""A secret in every spelling, wherever a cluster can hold one: what a pod prints, is given and is marked with, what events
say, and what commands on a node answer. Before it comes `world.py`; `test_canaries.py` looks for it everywhere else.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from byteport.domain.failures import Failure
from byteport.domain.secret_forms import forms
from byteport.domain.targets import Target
from byteport.kubernetes import port
from byteport.kubernetes.enrolment import ENABLED_LABEL
from byteport.kubernetes.port import DEPLOYMENTS, EVENTS, NODES
from byteport.sandbox.simulated import SimulatedCluster
from tests.workflows.remediation import Remediation
from tests.workflows.world import World

TOKEN = "canary-7f3a"
"""The part that a name can hold: a path, an image."""
SECRET = f'{TOKEN}/"ü+<&%'
"""Each way to write a text writes it differently."""
SPELLINGS = tuple(dict.fromkeys(form for word in (SECRET, TOKEN) for form in forms(word)))
PLANTED = " ".join(SPELLINGS)
PRINTED = f"panic: password={SECRET}\n" + "\n".join(f"with {form}" for form in SPELLINGS)
NODE = "node-1"


def found(data: bytes) -> list[str]:
    """The spellings that stand in `data`, or in what it unpacks to."""
    every = [data, *_unpacked(data)]
    return [form for form in SPELLINGS if any(form.encode() in part for part in every)]


def _unpacked(data: bytes) -> Iterator[bytes]:
    if data[:2] == b"\x1f\x8b":
        yield gzip.decompress(data)


def in_pods(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """The same Deployment, whose pods hold them wherever a template can."""
    template = deployment["spec"]["template"]
    (container,) = template["spec"]["containers"]
    filled = container | {
        "env": [{"name": "PASSWORD", "value": SECRET}, {"name": "EVERY", "value": PLANTED}],
        "args": [f"--dsn={PLANTED}"],
        "command": ["sh", "-c", f"TOKEN={SECRET} exec server"],
        "lifecycle": {"preStop": {"exec": {"command": ["sh", "-c", PLANTED]}}},
    }
    annotated = template["metadata"] | {"annotations": {"example.com/note": PLANTED}}
    changed = template | {"metadata": annotated, "spec": template["spec"] | {"containers": [filled]}}
    return {**deployment, "spec": deployment["spec"] | {"template": changed}}


async def planted(world: World, cluster: SimulatedCluster) -> Commands:
    """In `shop/web`, whose newest release fails, in what it prints, in what events say of it, and in every answer of the
    helper on a node that is full of unused images."""
    await world.healthy()
    await cluster.label_node(NODE, {ENABLED_LABEL: "true"})
    await cluster.install_node_helper()
    await cluster.apply(in_pods(await cluster.get(DEPLOYMENTS, "shop", "web")))
    world.advance(600)
    for previous in (True, False):
        await cluster.set_log("shop", "web", "web", PRINTED, previous=previous)
    await cluster.set_disk(NODE)
    await cluster.set_pressure_transition(20)  # well within the time that a verification has here
    await cluster.fill_disk(NODE, "images", percent=93)
    disk = cluster.disk(NODE)
    disk.images = [replace(image, name=image.name.replace("/ci/", f"/{TOKEN}/")) for image in disk.images]
    await cluster.deploy("shop/web", image="web:2", fault="crash")
    world.advance(1500)
    world.clock.to_present()
    return Commands(cluster)


def in_events(cluster: SimulatedCluster) -> int:
    """Put them into the text of every event that there is; how many these are."""
    events = list(cluster._store.all(EVENTS))
    for event in events:
        event["message"] = f"{event['message']} {PLANTED}"
    return len(events)


class Commands:
    """Whatever is run in a container answers with them, on both streams, beside what it says otherwise."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.answers: dict[str, port.ExecResult] = {}
        """By the first word of the command."""
        passed_on = cluster.exec

        async def answered(
            namespace: str,
            pod: str,
            container: str,
            argv: Sequence[str],
            *,
            by: port.Attribution | None = None,
            seconds: float = port.EXEC_SECONDS,
        ) -> port.ExecResult:
            told = await passed_on(namespace, pod, container, argv, by=by, seconds=seconds)
            given = port.ExecResult(told.stdout + _more(argv[0]), f"{told.stderr}{PRINTED}\n", told.exit_code)
            self.answers[argv[0]] = given
            return given

        cluster.exec = answered  # type: ignore[method-assign]


def _more(command: str) -> str:
    """Lines as that command has them."""
    match command:
        case "df":
            return "".join(f"overlay 100G 3.0G 97G 3% /run/{form.replace(' ', '')}\n" for form in SPELLINGS)
        case "du":
            return ""
        case _:
            return "".join(f"Deleted: registry.example/{form}:1\n" for form in SPELLINGS)


async def full_node(world: World) -> Remediation:
    """The remediation of the node."""
    node = await world.cluster.get(NODES, "", NODE)
    target = Target(cluster_uid=world.cluster.uid, namespace="", kind="Node", name=NODE, uid=node["metadata"]["uid"])
    return Remediation(world, target, Failure.DISK)
