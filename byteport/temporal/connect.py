"""A client for one Temporal namespace, or one line that names the address and what to try, within ten seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, GetSystemInfoRequest
from temporalio.client import Client, Interceptor
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from byteport.errors import ConfigError, NotPermitted, Unavailable
from byteport.temporal.config import TemporalConfig
from byteport.temporal.converter import HEADERS, data_converter
from byteport.temporal.keys import Ring, read_private_file

RPC_TIMEOUT = timedelta(seconds=10)
"""No call waits longer: with every worker down an Update without a limit would wait for ever."""
DEADLINE = timedelta(seconds=8)
"""Connecting and the first call together; leaves room for a program's own start within ten seconds."""


async def connect(
    config: TemporalConfig,
    ring: Ring,
    *,
    identity: str,
    runtime: Runtime | None = None,
    interceptors: Sequence[Interceptor] = (),
) -> Client:
    """A connected client whose namespace was seen to exist. Its workers use those of its `interceptors` that are theirs too.

    Raises `Unavailable` (cannot be reached), `NotPermitted` (credentials refused) or `ConfigError` (no such namespace,
    unreadable files), each with one line for a person.
    """
    tls, api_key = _credentials(config)
    try:
        async with asyncio.timeout(DEADLINE.total_seconds()):
            client = await Client.connect(
                config.address,
                namespace=config.namespace,
                api_key=api_key,
                tls=tls,
                data_converter=data_converter(ring),
                header_codec_behavior=HEADERS,
                identity=identity,
                runtime=runtime,
                interceptors=interceptors,
            )
            await _look_at_namespace(client, config)
            return client
    except TimeoutError:
        raise unreachable(config.address) from None
    except RuntimeError as error:  # what the SDK raises when the first connection fails
        raise unreachable(config.address) from error
    except RPCError as error:
        raise _refused(error, config) from error


async def must_answer(client: Client, *, within: timedelta) -> None:
    """Whether the server still answers this client, with a call that every client may make. Raises `Unavailable`."""
    try:
        await client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=within)
    except RPCError as error:
        raise unreachable(client.service_client.config.target_host) from error


def unreachable(address: str) -> Unavailable:
    """The line for a Temporal that does not answer."""
    return Unavailable(
        f"Temporal at {address} cannot be reached; is it running, and is `temporal.address` right? "
        "`byteport sandbox up` starts one on this machine"
    )


def unavailable(client: Client, error: RPCError) -> NotPermitted | Unavailable:
    """What a call that failed means for a person: refused, or not reached."""
    if error.status in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED):
        return NotPermitted("Temporal refuses this call; look at `temporal.api_key_file` and `temporal.tls_cert_file`")
    return unreachable(client.service_client.config.target_host)


async def _look_at_namespace(client: Client, config: TemporalConfig) -> None:
    try:
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=config.namespace), timeout=DEADLINE
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise ConfigError(
                "temporal.namespace",
                f"{config.namespace} does not exist at {config.address}; "
                f"run: temporal operator namespace create {config.namespace}",
            ) from None
        if error.status is not RPCStatusCode.PERMISSION_DENIED:  # some servers let only administrators describe
            raise


def _refused(error: RPCError, config: TemporalConfig) -> Unavailable | NotPermitted:
    if error.status in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED):
        return NotPermitted(
            f"Temporal at {config.address} refuses these credentials; look at `temporal.api_key_file` and "
            "`temporal.tls_cert_file`"
        )
    return unreachable(config.address)


def _credentials(config: TemporalConfig) -> tuple[bool | TLSConfig, str | None]:
    api_key = None
    if config.api_key_file:
        api_key = read_private_file(config.api_key_file, "temporal.api_key_file").strip()
    if not config.uses_tls:
        return False, api_key
    certificate = key = ca = None
    if config.tls_ca_file:
        ca = _read(config.tls_ca_file, "temporal.tls_ca_file")
    if config.tls_cert_file and config.tls_key_file:
        certificate = _read(config.tls_cert_file, "temporal.tls_cert_file")
        key = read_private_file(config.tls_key_file, "temporal.tls_key_file").encode()
    return TLSConfig(server_root_ca_cert=ca, client_cert=certificate, client_private_key=key), api_key


def _read(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(setting, f"{path} cannot be read: {error.strerror}") from None
