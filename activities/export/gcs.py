"""Google Cloud Storage by its JSON API: each object made once, with its digest, in a bucket of the right project.

Comes after `objects.py` (which objects) and `google.py` (who we are). An object is made only where there is none
(`ifGenerationMatch=0`), and its digest goes along: the store refuses what arrived otherwise than it was sent.
"""

from __future__ import annotations

import base64
import hashlib
import json
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from yarl import URL

from activities.clock import Clock, utc_now
from activities.export.answers import Answer, Asked, error_of
from activities.export.google import SETTING, GoogleIdentity
from activities.export.guarded import GuardedClient
from activities.export.objects import LARGEST_OBJECT, ObjectTarget, Thing
from activities.export.requests import Request
from byteport.contracts.receivers import BUCKET, GcsConfig, TargetKind
from byteport.errors import BytePortError, ConfigError, NotPermitted, Unavailable

SECONDS = 60.0
"""For one request, whose body is an hour's records at most."""


def gcs_target(
    config: GcsConfig,
    cluster_uid: str,
    *,
    ca_file: Path | None = None,
    proxy: str | None = None,
    clock: Clock = utc_now,
) -> ObjectTarget:
    """The receiver that the settings name. Its identity is asked for at the first batch, not here."""
    store = GcsObjects(config, cluster_uid, ca_file=ca_file, proxy=proxy, clock=clock)
    return ObjectTarget(TargetKind.GCS.value, store, prefix=config.prefix)


class GcsObjects:
    """One bucket."""

    def __init__(
        self, config: GcsConfig, cluster_uid: str, *, ca_file: Path | None, proxy: str | None, clock: Clock
    ) -> None:
        self._config = config
        self._bucket = config.bucket or BUCKET.format(cluster_uid=cluster_uid)
        self._clock = clock
        self._identity = GoogleIdentity(ca_file, proxy, clock)
        self._client = GuardedClient(config.endpoint, ca_file=ca_file, proxy=proxy, clock=clock)
        self._endpoint = config.endpoint.rstrip("/")
        self._owner_holds = False

    async def make(self, thing: Thing) -> bool:
        await self._check_owner()
        query = {"uploadType": "multipart", "ifGenerationMatch": "0"}
        if self._config.kms_key is not None:
            query["kmsKeyName"] = self._config.kms_key
        digest = base64.b64encode(hashlib.md5(thing.body, usedforsecurity=False).digest()).decode("ascii")
        named = {"name": thing.key, "contentType": thing.content_type, "md5Hash": digest}
        boundary = thing.sha256.hex()
        body = b"\r\n".join(
            [
                f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n".encode(),
                json.dumps(named).encode("utf-8"),
                f"--{boundary}\r\nContent-Type: {thing.content_type}\r\n".encode(),
                thing.body,
                f"--{boundary}--\r\n".encode(),
            ]
        )
        url = f"{self._endpoint}/upload/storage/v1/b/{self._bucket}/o?{urlencode(query)}"
        kind = {"Content-Type": f"multipart/related; boundary={boundary}"}
        answer = await self._ask("POST", url, body=body, headers=kind)
        if answer.status == HTTPStatus.PRECONDITION_FAILED:
            return False
        if not answer.taken:
            raise self._meaning(answer, "storage.objects.create")
        if _plain(answer).get("md5Hash") != digest:
            raise Unavailable(f"gcs: {thing.key} was taken, but not said to be what was sent")
        return True

    async def read(self, key: str) -> bytes:
        url = f"{self._endpoint}/storage/v1/b/{self._bucket}/o/{quote(key, safe='')}?alt=media"
        answer = await self._ask("GET", url)
        if answer.status == HTTPStatus.NOT_FOUND:
            raise Unavailable(f"gcs: {key} was there, and is not any more")
        if not answer.taken:
            raise self._meaning(answer, "storage.objects.get")
        return answer.body

    async def close(self) -> None:
        await self._client.close()

    async def _check_owner(self) -> None:
        """Once: whose the bucket must be, the setting's project or our own where anybody could have taken its name."""
        wanted = self._config.project_number
        if self._owner_holds or (wanted is None and self._config.bucket is not None):
            return
        wanted = wanted or await self._identity.project_number()
        answer = await self._ask("GET", f"{self._endpoint}/storage/v1/b/{self._bucket}?fields=projectNumber")
        if not answer.taken:
            raise self._meaning(answer, "storage.buckets.get")
        if str(_plain(answer).get("projectNumber")) != wanted:
            raise NotPermitted(f"gcs: bucket {self._bucket} does not belong to project {wanted}; nothing is sent there")
        self._owner_holds = True

    async def _ask(self, method: str, url: str, *, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        token = await self._identity.token()
        request = Request(
            method,
            URL(url, encoded=True),
            body=body,
            headers=headers or {},
            secrets={"Authorization": f"Bearer {token}"},
            seconds=SECONDS,
            largest_answer=LARGEST_OBJECT,
        )
        answer = await self._client.ask(request, self._asked)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._identity.forget()
        return answer

    @property
    def _asked(self) -> Asked:
        return Asked(f"gcs: bucket {self._bucket}", url=f"{SETTING}.endpoint", credential=SETTING, size=SETTING)

    def _meaning(self, answer: Answer, right: str) -> BytePortError:
        if answer.status == HTTPStatus.NOT_FOUND:
            return ConfigError(f"{SETTING}.bucket", f"there is no bucket {self._bucket}; make it, or name another")
        if answer.status == HTTPStatus.FORBIDDEN:
            return NotPermitted(f"gcs: 403: this identity needs {right} on bucket {self._bucket}")
        if answer.status == HTTPStatus.CONFLICT:
            return Unavailable("gcs: 409: somebody writes there at this moment")
        return error_of(self._asked, answer, self._clock())


def _plain(answer: Answer) -> dict[str, Any]:
    try:
        plain = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return plain if isinstance(plain, dict) else {}
