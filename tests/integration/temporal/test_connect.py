"""Reaching Temporal, or saying in one line, soon, why not."""

import socket
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from byteport.errors import ConfigError, Unavailable
from byteport.sandbox.dev_server import DevServer
from byteport.temporal import connect as reaching
from byteport.temporal.attributes import TYPES
from byteport.temporal.config import TemporalConfig
from byteport.temporal.connect import connect
from byteport.temporal.keys import KeyRing
from byteport.temporal.registration import ensure_search_attributes


async def test_a_server_that_is_not_there_is_one_line_with_its_address_within_ten_seconds(ring: KeyRing) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        begun = time.monotonic()
        with pytest.raises(Unavailable, match=address) as refused:
            await connect(TemporalConfig(address=address), ring, identity="test")
    assert time.monotonic() - begun < 60
    assert "\n" not in str(refused.value)
    assert "temporal.address" in str(refused.value)


async def test_a_server_that_accepts_and_never_answers_is_given_up_within_its_deadline_of_less_than_ten_seconds(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(seconds=10) > reaching.DEADLINE
    monkeypatch.setattr(reaching, "DEADLINE", timedelta(seconds=1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        begun = time.monotonic()
        with pytest.raises(Unavailable, match=address):
            await connect(TemporalConfig(address=address), ring, identity="test")
    assert 1 <= time.monotonic() - begun < 30


async def test_a_namespace_that_does_not_exist_names_the_setting_and_the_command(
    server: DevServer, ring: KeyRing
) -> None:
    config = TemporalConfig(address=server.address, namespace="nowhere")
    with pytest.raises(ConfigError, match=r"temporal\.namespace: nowhere .*namespace create nowhere"):
        await connect(config, ring, identity="test")


async def test_a_certificate_file_that_is_missing_names_its_setting(
    server: DevServer, ring: KeyRing, tmp_path: Path
) -> None:
    config = TemporalConfig(address=server.address, tls_ca_file=tmp_path / "ca.pem")
    with pytest.raises(ConfigError, match=r"temporal\.tls_ca_file: .*ca\.pem cannot be read"):
        await connect(config, ring, identity="test")


async def test_missing_search_attributes_are_registered_once(server: DevServer, ring: KeyRing, raw: Client) -> None:
    namespace = f"ns-{uuid.uuid4().hex[:8]}"
    retention = Duration()
    retention.FromTimedelta(timedelta(days=3))
    await raw.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=namespace, workflow_execution_retention_period=retention)
    )
    client = await until_seen(server, ring, namespace)
    assert await registered(raw, namespace) == set()
    assert set(await ensure_search_attributes(client)) == set(TYPES)
    assert await registered(raw, namespace) == set(TYPES)
    assert await ensure_search_attributes(client) == ()


async def registered(client: Client, namespace: str) -> set[str]:
    listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    return set(listed.custom_attributes)


async def until_seen(server: DevServer, ring: KeyRing, namespace: str) -> Client:
    """The server's namespace cache learns of a new one within seconds."""
    end = time.monotonic() + 20
    while True:
        try:
            return await connect(TemporalConfig(address=server.address, namespace=namespace), ring, identity="test")
        except ConfigError:
            if time.monotonic() > end:
                raise
