"""A Deployment whose containers really run, and how a test gets one of them into trouble.

Each container waits for a file in a folder of its pod's own and then does what is written there. The folder outlives
the container and not the pod: what was broken stays broken until the pod is replaced. Comes before the tests here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from byteport.sandbox.controlplane.components import REAL_NODE
from byteport.sandbox.realnode import IMAGE
from tests.agent.places import APP
from tests.agent.real import RealPlace

JSON = dict[str, Any]

WAIT_FOR_TROUBLE = "trap 'exit 0' TERM; echo serving; until [ -e /state/trouble ]; do sleep 0.2; done; . /state/trouble"
LIMIT = "24Mi"

PANICS = "echo 'panic: index out of range [7] with length 7' >&2; exit 3"
CANNOT_CONNECT = "echo 'dial tcp 10.96.7.7:5432: connect: connection refused' >&2; exit 1"
EATS_MEMORY = "exec tail /dev/zero"
"""tail keeps the last line, and zeroes have no end of one."""
GOES_DEAF = "while :; do sleep 0.2; done"
"""Whether it is still `serving` is asked by the liveness probe: see `web`."""


def web(*, image: str = IMAGE, replicas: int = 3, probed: bool = False) -> JSON:
    """The Deployment `web`, which is ready as long as nothing broke it. `probed`: it is killed when something did.

    Without a readiness probe a container that crashes at once would count as ready for a second each time.
    """
    labels = {"app": APP}
    container: JSON = {
        "name": APP,
        "image": image,
        "command": ["/bin/sh", "-c", WAIT_FOR_TROUBLE],
        "resources": {"requests": {"memory": LIMIT}, "limits": {"memory": LIMIT}},
        "volumeMounts": [{"name": "state", "mountPath": "/state"}],
    }
    asked = {"exec": {"command": ["/bin/test", "!", "-e", "/state/trouble"]}, "periodSeconds": 1}
    container["readinessProbe"] = {**asked, "failureThreshold": 1}
    if probed:
        container["livenessProbe"] = {**asked, "failureThreshold": 2}
    pod = {
        "nodeSelector": {"kubernetes.io/hostname": REAL_NODE},
        "terminationGracePeriodSeconds": 1,
        "containers": [container],
        "volumes": [{"name": "state", "emptyDir": {}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": APP, "labels": labels},
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": 10,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


async def serve(place: RealPlace, **how: Any) -> None:
    """An enabled namespace with `web` in it, serving."""
    await place.enable()
    await place.apply(web(**how))
    await place.serves()


async def break_one(place: RealPlace, trouble: str) -> str:
    """Get the oldest pod into trouble, as a person with a shell in it would. Gives its name."""
    oldest = min(await place.pods(), key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))
    name = str(oldest["metadata"]["name"])
    await run_in(place, name, "/bin/sh", "-c", f'echo "{trouble}" > /state/trouble')
    return name


async def run_in(place: RealPlace, pod: str, *argv: str) -> str:
    """What a command prints in a container of ours, as the administrator."""
    return await asyncio.to_thread(place.plane.kubectl, "exec", "-n", place.namespace, pod, "--", *argv)


async def log_of(place: RealPlace, pod: str, *options: str) -> str:
    """What its container printed."""
    return await asyncio.to_thread(place.plane.kubectl, "logs", "-n", place.namespace, pod, *options)
