"""The API server's own switch, for `halt` and `resume`: whose cluster it is turned on, within what time, and what is told of it.

It needs neither Temporal nor the agent nor the ledger. A dead API server costs a person three seconds and no more; the
ledger's row comes next, whatever happened here. What is done to the cluster is `turning.py`'s, with the caller's credentials.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from byteport.cli.exits import exit_for
from byteport.cli.hands import hands_of
from byteport.domain.base import Frozen
from byteport.errors import BytePortError, Unavailable
from byteport.kubernetes.hands import Hands

if TYPE_CHECKING:
    from byteport.settings import Settings

ANSWER_SECONDS = 3.0
"""How long one answer of the API server is waited for."""
WHOLE_SECONDS = 10.0
"""How long all of them together are."""


class Side(StrEnum):
    """How the API server's switch stands after the command."""

    DONE = "done"
    """As the command was to leave it, read again."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The binding is gone; whether the API server refuses therefore could not be read or asked."""
    NO_CLUSTER = "no_cluster"
    """Nobody's credentials were found, or the cluster is a simulated one."""
    NOT_INSTALLED = "not_installed"
    """The cluster has no such switch."""
    LEFT = "left"
    """It was not to be touched."""


class Turned(Frozen):
    """What became of the API server's half of the command."""

    side: Side
    told: str
    """One line for a person."""
    next: str = ""
    """What to do, where it failed."""
    exit_code: int = 0
    server: str = ""
    floors: tuple[str, ...] | None = None
    """Autoscalers whose floor the agent raised and nobody has put back, each with its numbers; None: not known."""

    @property
    def failed(self) -> bool:
        return self.side is Side.FAILED


Turn = Callable[[Hands, "str | None"], Awaitable[Turned]]


async def turn(
    settings: Settings | None, uid: str | None, kubeconfig: Path | None, context: str | None, how: Turn, by_hand: str
) -> Turned:
    """Do `how` to the cluster of whoever runs the command, within bounds of time; never raises an error of ours.

    `uid` is that of the cluster which is meant; another is not touched. `by_hand` is what a person can do instead.
    """
    if kubeconfig is None and context is None:
        if settings is not None and simulated(settings):
            return Turned(side=Side.NO_CLUSTER, told="the cluster is simulated and has no such switch")
        kubeconfig = _of_sandbox(settings)
        if kubeconfig is None and not _has_credentials():
            return Turned(side=Side.NO_CLUSTER, told="no credentials for a cluster were found here")
    server = ""
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            async with asyncio.timeout(ANSWER_SECONDS) as first:
                async with hands_of(kubeconfig, context, call_seconds=ANSWER_SECONDS) as hands:
                    server = hands.server
                    first.reschedule(None)  # each answer has its own limit from here on
                    return (await how(hands, uid)).model_copy(update={"server": server})
    except TimeoutError:
        error: BytePortError = Unavailable("the API server did not answer in time")
    except BytePortError as raised_error:
        error = raised_error
    return Turned(side=Side.FAILED, told=error.message, next=by_hand, exit_code=int(exit_for(error)), server=server)


def simulated(settings: Settings) -> bool:
    """Whether these settings are of a sandbox whose cluster is simulated, running or not."""
    from byteport.sandbox import control

    try:
        running = control.status(settings.state_dir)
    except BytePortError:
        running = None
    kind = running.cluster if running is not None else settings.cluster.name
    return kind == "simulated" and settings.cluster.kubeconfig is None


def _of_sandbox(settings: Settings | None) -> Path | None:
    """The administrator's kubeconfig of a sandbox with a real control plane."""
    from byteport.sandbox import control

    try:
        running = control.status(settings.state_dir) if settings is not None else None
    except BytePortError:
        return None
    return Path(running.kubeconfig) if running is not None and running.kubeconfig else None


def _has_credentials() -> bool:
    from activities.kubernetes.kubeconfig import default_paths

    return "KUBERNETES_SERVICE_HOST" in os.environ or any(path.exists() for path in default_paths())
