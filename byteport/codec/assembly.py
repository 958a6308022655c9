"""The codec server put together: settings and keys in, a server that can be run out. Comes last in this room."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TypeVar

from byteport.codec.app import Face, application, health_application
from byteport.codec.readers import Readers
from byteport.codec.room import Room
from byteport.contracts.codec_face import CodecConfig
from byteport.errors import ConfigError
from byteport.serving.metered import Told, nobody
from byteport.serving.people import People
from byteport.serving.serve import Alone, Ports, Server
from byteport.serving.tls import Contexts, TlsFiles
from byteport.temporal.codec import EncryptingCodec
from byteport.temporal.keys import Ring

SECTION = "codec"
Value = TypeVar("Value")


def assemble(config: CodecConfig, namespace: str, ring: Ring, told: Told = nobody) -> Server:
    """A server that has its ports and has read its files, for the payloads of one Temporal namespace; `told` hears of each answer.

    Raises `ConfigError` for what is missing or wrong, and when nobody could read anything.
    """
    if not config.readers:
        says = f"must be set: values of the claim `{config.readers_claim}` that may read payloads"
        raise ConfigError(f"{SECTION}.readers", says)
    issuer, audience = _needed(config.issuer, "issuer"), _needed(config.audience, "audience")
    files = TlsFiles(_needed(config.certificate, "certificate"), _needed(config.key, "key"), None, SECTION)
    contexts = Contexts(files, _now)
    people = People(issuer, audience, config.ca_file, f"{SECTION}.issuer", now=_now, clock=time.monotonic)
    readers = Readers(people, config.readers_claim, config.readers, config.limits.requests_per_minute, time.monotonic)
    face = Face(
        readers=readers,
        codec=EncryptingCodec(ring).for_readers(),
        namespace=namespace,
        origin=_needed(config.ui_origin, "ui_origin"),
        limits=config.limits,
        room=Room(config.limits.body_bytes, config.limits.body_seconds),
    )

    async def missing() -> list[str]:
        return ["certificate"] if contexts.ended() else []

    return Server(
        application(face, missing, told),
        health_application(missing, config.limits),
        Ports(config.address, config.health_address, SECTION),
        contexts,
        config.limits,
        config.stop_seconds,
        Alone(),
    )


def _needed(value: Value | None, setting: str) -> Value:
    if value is None:
        raise ConfigError(f"{SECTION}.{setting}", "must be set")
    return value


def _now() -> datetime:
    return datetime.now(UTC)
