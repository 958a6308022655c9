"""What a simulated kubelet says of a pod: its events, in the words of Kubernetes 1.37's own.

The same as the steps of `byteport/sandbox/controlplane/stages.py`. A restart says the same thing again, which is one
event, counted; an attempt (a pull) makes an event of its own each time. Comes after `statuses.py`, before `kubelet.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

from byteport.sandbox.simulated import events
from byteport.sandbox.simulated.statuses import Pod
from byteport.sandbox.simulated.store import Store

Step = Callable[[Store, Pod, datetime], None]


def _says(type_: str, reason: str, message: Callable[[Pod], str], *, each: bool = False) -> Step:
    def step(store: Store, pod: Pod, now: datetime) -> None:
        events.send(
            store,
            now,
            pod.item,
            type_=type_,
            reason=reason,
            message=message(pod),
            component="kubelet",
            field_path=f"spec.containers{{{pod.target}}}",
            attempt=str(uuid.uuid4()) if each else "",
        )

    return step


image_present = _says("Normal", "Pulled", lambda pod: f'Container image "{pod.image}" already present on machine')
container_started = _says("Normal", "Started", lambda _: "Container started")
unready = _says("Warning", "Unhealthy", lambda _: "Readiness probe failed: HTTP probe failed with statuscode: 503")
unalive = _says("Warning", "Unhealthy", lambda _: "Liveness probe failed: HTTP probe failed with statuscode: 500")
killing = _says("Normal", "Killing", lambda pod: f"Container {pod.target} failed liveness probe, will be restarted")
backs_off = _says(
    "Warning",
    "BackOff",
    lambda pod: f"Back-off restarting failed container {pod.target} in pod {pod.full_name}",
)
config_refused = _says("Warning", "Failed", lambda pod: f"Error: {pod.config_words}", each=True)
_pull_backed_off = _says("Normal", "BackOff", lambda pod: f'Back-off pulling image "{pod.image}"', each=True)
_pull_backoff_failed = _says("Warning", "Failed", lambda _: "Error: ImagePullBackOff", each=True)


_pulling = _says("Normal", "Pulling", lambda pod: f'Pulling image "{pod.image}"', each=True)
_pull_words = _says("Warning", "Failed", lambda pod: f'Failed to pull image "{pod.image}": {pod.pull_words}', each=True)
_pull_error = _says("Warning", "Failed", lambda _: "Error: ErrImagePull", each=True)


def pull_refused(store: Store, pod: Pod, now: datetime) -> None:
    for say in (_pulling, _pull_words, _pull_error):
        say(store, pod, now)


def pull_backed_off(store: Store, pod: Pod, now: datetime) -> None:
    for say in (_pull_backed_off, _pull_backoff_failed):
        say(store, pod, now)
