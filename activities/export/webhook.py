"""A receiver of webhooks: one POST per record, signed, in the order of the log.

Comes after `guarded.py` and `signatures.py`. The body is the line of the export, the message's id the record's own, so
that a receiver who was sent one twice sees that it has it. A record counts as shipped once the receiver has answered 2xx.
"""

from __future__ import annotations

from pathlib import Path

from activities.clock import Clock, utc_now
from activities.export.answers import Asked
from activities.export.guarded import GuardedClient
from activities.export.requests import Request
from activities.export.signatures import Secret, read_secrets, signed_headers
from activities.export.target import Batch, Share, Shipped, checkpoint_id, checkpoint_line, lines_of
from byteport.contracts.stream_receivers import WebhookConfig
from byteport.errors import BytePortError, ConfigError

URL, SECRET = "audit.export.webhook.url", "audit.export.webhook.secret_file"
RECORD = Asked("webhook: a record", url=URL, credential=SECRET)
CHECKPOINT = Asked("webhook: a checkpoint", url=URL, credential=SECRET)


class Webhook:
    """Posts to one URL."""

    name = "webhook"

    def __init__(
        self, config: WebhookConfig, *, ca_file: Path | None = None, proxy: str | None = None, clock: Clock = utc_now
    ) -> None:
        """Raises `ConfigError` for a setting that is missing; the secrets are read at every batch."""
        if config.url is None:
            raise ConfigError(URL, "must be set where audit.export.target names webhook")
        if config.secret_file is None:
            raise ConfigError(SECRET, "must be set where audit.export.target names webhook")
        self._url = config.url
        self._secret_file = config.secret_file
        self._clock = clock
        self._client = GuardedClient(config.url, ca_file=ca_file, proxy=proxy, clock=clock)

    async def close(self) -> None:
        await self._client.close()

    async def ship(self, batch: Batch) -> Shipped:
        lines = lines_of(batch)
        secrets = read_secrets(self._secret_file, SECRET)
        taken, share = batch.first - 1, Share()
        try:
            for line in lines:
                if share.over and taken >= batch.first:
                    return Shipped(taken)
                await self._post(secrets, line.id, line.text, RECORD)
                taken = line.seq
            if batch.checkpoint is not None:
                await self._post(
                    secrets, checkpoint_id(batch.checkpoint), checkpoint_line(batch.checkpoint), CHECKPOINT
                )
        except BytePortError:
            if taken < batch.first:
                raise
            return Shipped(taken)
        return Shipped(batch.last, checkpoint=batch.checkpoint is not None)

    async def _post(self, secrets: tuple[Secret, ...], message_id: str, body: bytes, asked: Asked) -> None:
        at = int(self._clock().timestamp())
        headers = {"Content-Type": "application/json", **signed_headers(secrets, message_id, at, body)}
        await self._client.call(Request("POST", self._url, body, headers), asked)
