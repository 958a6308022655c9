"""Runs that always stand: a Temporal that refuses, and one that is not there, are told apart by every one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from byteport.contracts.checkpoints import Following
from byteport.contracts.receivers import TargetKind
from byteport.contracts.workflows import Installation
from byteport.errors import NotPermitted, Unavailable
from byteport.temporal.exporting import start_export, wake_export
from byteport.temporal.signing import start_checkpoints
from byteport.temporal.standing_runs import start_retention, start_watch

INSTALLATION = Installation(tenant="acme", cluster_uid="uid-1", cluster_name="prod")
Start = Callable[[Client], Awaitable[object]]
STARTS: dict[str, Start] = {
    "watch": lambda client: start_watch(client, INSTALLATION),
    "retention": lambda client: start_retention(client, INSTALLATION),
    "checkpoints": lambda client: start_checkpoints(client, INSTALLATION, Following(every_seconds=60)),
    "export": lambda client: start_export(client, INSTALLATION, TargetKind.S3),
    "export that runs": lambda client: wake_export(client, INSTALLATION, TargetKind.S3),
}


def answering(status: RPCStatusCode) -> Client:
    async def answer(*_: Any, **__: Any) -> None:
        raise RPCError("no", status, b"")

    config = SimpleNamespace(target_host="temporal.example.com:7233")
    return cast(
        "Client",
        SimpleNamespace(
            start_workflow=answer,
            get_workflow_handle=lambda _: SimpleNamespace(signal=answer),
            service_client=SimpleNamespace(config=config),
        ),
    )


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
@pytest.mark.parametrize("status", [RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED])
async def test_one_that_refuses_us_is_told_with_the_settings_to_look_at(start: Start, status: RPCStatusCode) -> None:
    with pytest.raises(NotPermitted, match=r"temporal\.api_key_file"):
        await start(answering(status))


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
async def test_one_that_does_not_answer_is_told_with_its_address(start: Start) -> None:
    with pytest.raises(Unavailable, match=r"temporal\.example\.com:7233"):
        await start(answering(RPCStatusCode.UNAVAILABLE))
