"""What Prometheus hears of a door (alerts, the approvals page, the codec server): what it answered, and its calls to Temporal by the
SDK's own.

At the same address as a worker's (`telemetry.metrics_address`), so that one rule of the network lets Prometheus in to each process.
"""

from __future__ import annotations

from temporalio.runtime import Runtime

from byteport.contracts.metrics import CODEC_REFUSALS, DOOR_ANSWERS, Answered, Door, NotShown
from byteport.serving.metered import Told, nobody
from workers.run import metrics_runtime


def door_metrics(address: str | None, door: Door) -> tuple[Runtime | None, Told]:
    """The runtime that the door connects to Temporal with, and who hears what it answers; None and nobody without an address."""
    runtime = metrics_runtime(address)
    if runtime is None:
        return None, nobody
    answers = runtime.metric_meter.create_counter(DOOR_ANSWERS.name, DOOR_ANSWERS.help)
    for word in Answered:  # a counter that begins with its first event hides it
        answers.add(0, {"door": door.value, "answer": word.value})

    def told(status: int, _: str | None) -> None:
        answers.add(1, {"door": door.value, "answer": answered(status).value})

    return runtime, told


def codec_metrics(address: str | None) -> tuple[Runtime | None, Told]:
    """The same of the codec server, which connects to nothing, and beside it why it refused."""
    runtime, told_of_it = door_metrics(address, Door.CODEC)
    if runtime is None:
        return None, nobody
    refusals = runtime.metric_meter.create_counter(CODEC_REFUSALS.name, CODEC_REFUSALS.help)
    for word in NotShown:
        refusals.add(0, {"why": word.value})

    def told(status: int, code: str | None) -> None:
        told_of_it(status, code)
        if code is not None:
            refusals.add(1, {"why": NotShown(code).value})

    return runtime, told


def answered(status: int) -> Answered:
    """The word for a status."""
    if status < 300:
        return Answered.WELL
    if status < 400:
        return Answered.SENT_ON
    return Answered.REFUSED if status < 500 else Answered.FAILED
