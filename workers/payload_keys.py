"""The payload keys of a process, from the file or the secret that the settings name; those of a secret are read on a timer.

Every process that connects to Temporal begins here: workers (`start.py`), the faces and the command line. Where they are kept in a
secret backend they are in this process's memory and nowhere else. A backend that cannot be read keeps a process from
starting, and leaves one that runs the keys which it knows. Comes after `activities/secrets/reading.py` and
`byteport/temporal/keys.py`, which holds them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from temporalio.common import MetricMeter

from activities.clock import Clock, utc_now
from byteport.contracts.metrics import PAYLOAD_KEYS, PAYLOAD_KEYS_READ_AT
from byteport.contracts.secret_backends import SecretConfig
from byteport.errors import BytePortError, ConfigError
from byteport.settings import Settings
from byteport.temporal.keys import SECRET, SETTING, KeyRing, KnownKeys, Ring, key_ring_of, read_key_ring
from byteport.temporal.metering import gauge

logger = logging.getLogger("byteport.keys")


async def payload_keys(settings: Settings) -> Ring:
    """The keys as they are now. Raises `ConfigError` where none are set or what is kept there are none, and whatever a backend
    refuses with."""
    temporal = settings.temporal
    if temporal.payload_keys is None:
        if temporal.payload_key_file is None:
            raise ConfigError(SETTING, f"must be set, or {SECRET} in its place")
        return read_key_ring(temporal.payload_key_file)
    read = _reader(settings.secret, temporal.payload_keys)
    every = float(temporal.payload_keys_seconds)
    return KnownKeys(await read(), read, every=every, seconds=time.monotonic)


def told(ring: Ring) -> str:
    """Which keys there are, by their ids: `2, encrypting with 4f19…, opening also 8618…`."""
    active = ring.active
    others = ", ".join(key.id for key in ring.keys if key != active)
    return f"{len(ring.keys)}, encrypting with {active.id}" + (f", opening also {others}" if others else "")


@contextlib.asynccontextmanager
async def keys_followed(ring: Ring, meter: MetricMeter | None) -> AsyncIterator[None]:
    """While inside, keys that may change are read again on their timer, and a monitoring system hears when they last were; none where
    the process has no `meter`, and then its log alone says it."""
    if not isinstance(ring, KnownKeys):
        yield
        return
    logger.info("payload keys: %s", told(ring))
    following = asyncio.create_task(follow(ring, gauges(meter), utc_now))
    try:
        yield
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


async def follow(ring: KnownKeys, read_at: Callable[[int, datetime], None], clock: Clock) -> None:
    """Look for ever. A look that fails is told once in the log, and once more when one succeeds again."""
    failed = False
    read_at(len(ring.keys), clock())
    while True:
        await asyncio.sleep(ring.every)
        try:
            changed = await ring.look()
        except BytePortError as error:
            if not failed:
                logger.error("payload keys cannot be read again, those that are known stay in use: %s", error)
            failed = True
            continue
        if failed or changed:
            logger.info("payload keys: %s", told(ring))
        failed = False
        read_at(len(ring.keys), clock())


def gauges(meter: MetricMeter | None) -> Callable[[int, datetime], None]:
    """What tells a monitoring system how many keys were read, and when; nothing where there is none."""
    if meter is None:
        return lambda _number, _at: None
    number, at = gauge(meter, PAYLOAD_KEYS), gauge(meter, PAYLOAD_KEYS_READ_AT)

    def tell(keys: int, moment: datetime) -> None:
        number.set(keys)
        at.set(int(moment.timestamp()))

    return tell


def _reader(config: SecretConfig, name: str) -> Callable[[], Awaitable[KeyRing]]:
    """One source for the life of the process, so that an older version after a newer one is found out."""
    from activities.secrets.reading import (
        chosen,
    )  # botocore comes with it, which a process with a key file does without

    source = chosen(config)

    async def read() -> KeyRing:
        async with source.reading() as reading:
            return key_ring_of((await reading.read(name)).reveal(), name)

    return read
