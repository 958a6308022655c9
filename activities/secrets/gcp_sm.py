"""Google Secret Manager by its REST API: one version of one secret, by this pod's own identity, with its checksum.

Comes after `activities/export/google.py` (who we are) and `asking.py`.
"""

from __future__ import annotations

import base64
import binascii
import re
from http import HTTPStatus

from activities.export.google import GoogleIdentity
from activities.secrets.asking import CA_SETTING, Asking, Line
from activities.secrets.backend import LARGEST_SECRET, Fetched, Named, member_of, said, unreadable, whole_path
from activities.secrets.checksum import crc32c
from activities.secrets.strict_json import NotPlain, plain_object
from byteport.contracts.secret_backends import GcpSmConfig
from byteport.errors import ConfigError, MalformedInput, TargetGone, Unavailable

SETTING = "secret.gcp_sm"
WHAT = "gcp-sm"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
RIGHT = "secretmanager.versions.access"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
_VERSION = re.compile(
    r"projects/[^/]+/(?:locations/[^/]+/)?secrets/(?P<secret>[^/]+)/versions/(?P<version>[1-9][0-9]{0,17})"
)


class GcpSecrets:
    """One project."""

    what = WHAT

    def __init__(self, config: GcpSmConfig, line: Line) -> None:
        """Raises `ConfigError` where no project is set."""
        if config.project is None:
            raise ConfigError(f"{SETTING}.project", "must be set, since secret.backend is gcp-sm")
        self._config = config
        self._identity = GoogleIdentity(
            line.ca_file, None, line.clock, scope=SCOPE, setting=SETTING, what=WHAT, ca_setting=CA_SETTING
        )
        where = f"secretmanager.{config.location}.rep" if config.location else "secretmanager"
        home = config.endpoint or f"https://{where}.googleapis.com"
        self._asking = Asking(WHAT, home, line, setting=f"{SETTING}.endpoint", credential=f"{SETTING} ({RIGHT})")

    async def fetch(self, named: Named) -> Fetched:
        (secret,) = whole_path(WHAT, named, 1, "a secret's name has no slash")
        if not _NAME.fullmatch(secret):
            raise MalformedInput(f"secret {named.name}", "gcp-sm: a name has letters, digits, _ and - alone")
        config = self._config
        within = f"projects/{config.project}/" + (f"locations/{config.location}/" if config.location else "")
        path = f"/v1/{within}secrets/{secret}/versions/{config.version}:access"
        token = await self._identity.token()
        answer = await self._asking.ask(named, path, secrets={"Authorization": f"Bearer {token}"})
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._identity.forget()
        if answer.status == HTTPStatus.BAD_REQUEST:
            raise TargetGone(said(WHAT, named, "its version is disabled or destroyed (400)"))
        if not answer.taken:
            raise self._asking.meaning(named, answer)
        try:
            plain = plain_object(answer.body)
        except NotPlain:
            raise unreadable(WHAT, named) from None
        version = _VERSION.fullmatch(str(plain.get("name")))
        if version is None or version["secret"] != secret:
            raise unreadable(WHAT, named)
        return Fetched(member_of(WHAT, named, _text(named, plain.get("payload"))), ("", int(version["version"])))

    async def close(self) -> None:
        self._identity.forget()
        await self._asking.close()


def _text(named: Named, payload: object) -> str:
    """What was kept, as it was kept. Raises `Unavailable` where the checksum is another, and `MalformedInput` for no text."""
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), str):
        raise unreadable(WHAT, named)
    try:
        kept = base64.b64decode(payload["data"], validate=True)
    except (binascii.Error, ValueError):
        raise unreadable(WHAT, named) from None
    if len(kept) > LARGEST_SECRET or str(payload.get("dataCrc32c")) != str(crc32c(kept)):
        raise Unavailable(said(WHAT, named, "what arrived is not what was kept (crc32c)"))
    try:
        return kept.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise MalformedInput(f"secret {named.name}", f"{WHAT}: what is kept there is no text")
