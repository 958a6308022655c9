"""Whatever Azure's services answer, what leaves is points of known machines or an error of ours, and none of what was said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.cloud.azure import AzureMetrics
from activities.cloud.azure_machines import Machine, MachineKind, MachineList, Machines
from activities.cloud.azure_rights import AzureRights
from activities.cloud.source import Measured, Window
from activities.export.answers import Answer
from byteport.contracts.cloud_azure import AzureSource
from byteport.errors import BytePortError

NOW = datetime(2026, 3, 10, 9, 30, tzinfo=UTC)
SUBSCRIPTION = "33333333-3333-3333-3333-333333333333"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/nodes"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm1"
CONFIG = AzureSource(subscription=SUBSCRIPTION, node_resource_group="nodes", region="westeurope")
CANARY = "canary-words"

METRIC = f"{MACHINE}/providers/Microsoft.Insights/metrics/Percentage CPU"
KEYS = [
    "value",
    "values",
    "id",
    "name",
    "timeseries",
    "data",
    "timeStamp",
    "average",
    "metadatavalues",
    "interval",
    "timespan",
    "nextLink",
    "location",
    "properties",
    "osProfile",
    "computerName",
    "actions",
    "dataActions",
    "notActions",
]
WORDS = [
    "",
    CANARY,
    "2026-03-10T09:20:00Z",
    "2026-13-40T99:99:99Z",
    "PT1M",
    "westeurope",
    "Percentage CPU",
    "https://[",
    "*",
]

leaves = st.sampled_from([None, True, 0, -1, 1e308, 99.5, MACHINE, METRIC, *WORDS])
plain = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
)


@st.composite
def nearly(draw: st.DrawFn, good: Any) -> Any:
    """What is right, but for what has been put in the place of some of it."""
    if draw(st.integers(0, 9)) == 0:
        return draw(plain)
    if isinstance(good, dict):
        return {key: draw(nearly(value)) for key, value in good.items() if draw(st.integers(0, 9))}
    if isinstance(good, list):
        return [draw(nearly(value)) for value in good]
    return good


def written(good: Any) -> st.SearchStrategy[bytes]:
    return nearly(good).map(lambda found: json.dumps(found).encode()) | st.binary(max_size=30)


POINT = {"timeStamp": "2026-03-10T09:20:00Z", "average": 91.5}
NAMED = [{"name": {"value": "node", "localizedValue": "node"}, "value": "node"}]
SERIES = {"metadatavalues": NAMED, "data": [POINT, {"timeStamp": "2026-03-10T09:21:00Z"}]}
NAME = {"value": "Percentage CPU", "localizedValue": "Percentage CPU"}
RESULT = {"interval": "PT1M", "value": [{"id": METRIC, "name": NAME, "timeseries": [SERIES], "errorCode": "Success"}]}
LISTED = {"id": MACHINE, "location": "westeurope", "properties": {"osProfile": {"computerName": "node"}}, "name": "vm1"}


class Answering:
    """One client, whose every answer is the same."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def ask(self, *_: object) -> Answer:
        return Answer(200, {"content-type": "application/json"}, self.body)

    async def close(self) -> None:
        """Nothing was opened."""


def managed(body: bytes) -> MachineList:
    async def token(_: str) -> str:
        return "token"

    identity = cast("Any", SimpleNamespace(token=token))
    return MachineList(CONFIG, identity, cast("Any", Answering(body)), lambda: NOW)


def tried(going: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it; an error of ours holds nothing of what was said."""
    try:
        return asyncio.run(going)
    except BytePortError as error:
        return error


@given(written({"value": [LISTED, LISTED]}))
def test_a_list_of_machines_is_machines_of_ours_or_an_error_of_ours(body: bytes) -> None:
    found = tried(managed(body).machines())
    if isinstance(found, Machines):
        assert all(one.resource_id.lower().startswith(GROUP.lower()) for one in found.found)
    else:
        assert CANARY not in str(found)


@given(written({"value": [{"actions": ["*/read", "*"], "notActions": [], "dataActions": ["x"]}]}))
def test_what_an_identity_holds_is_findings_or_an_error_of_ours(body: bytes) -> None:
    found = tried(AzureRights(CONFIG, managed(body)).check())
    assert isinstance(found, tuple) or CANARY not in str(found)


@pytest.mark.slow  # each answer goes through Azure's own client
@settings(deadline=None)
@given(written({"values": [RESULT]}))
def test_an_answer_of_metrics_is_points_of_a_known_machine_or_an_error_of_ours(body: bytes) -> None:
    found = tried(read(body))
    if isinstance(found, Measured):
        assert {point.subject.provider_id for point in found.points} <= {MACHINE.lower()}
        assert all(isinstance(point.percent, float) and point.at.tzinfo is not None for point in found.points)
    else:
        assert CANARY not in str(found)


def test_the_right_answer_is_points() -> None:
    found = tried(read(json.dumps({"values": [RESULT]}).encode()))
    assert [(point.percent, point.at) for point in found.points] == [(91.5, NOW - timedelta(minutes=9))]


async def read(body: bytes) -> Measured:
    async def machines() -> Machines:
        return Machines((Machine(MACHINE, MachineKind.ALONE, "node"),))

    async def get_token_info(*_: str, **__: object) -> object:
        return SimpleNamespace(token="token", expires_on=1 << 40, refresh_on=None)

    async def nothing(*_: object) -> None: ...

    source = cast("Any", AzureMetrics(CONFIG, clock=lambda: NOW))
    source._list = SimpleNamespace(machines=machines)
    source._identity = SimpleNamespace(
        get_token_info=get_token_info, forget=nothing, close=nothing, __aexit__=nothing, __aenter__=nothing
    )
    source._guarded = lambda _: Answering(body)
    try:
        found: Measured = await source.read(Window(NOW - timedelta(minutes=15), NOW))
        return found
    finally:
        await source.close()
