"""The keys by which an issuer signs, from a file or a URL, kept for minutes and fetched again when a new one appears.

Comes after `issuers` (where they lie) and `fetch`; `tokens` checks with them. Keys that could not be fetched again
hold for an hour, so that a restart of the API server does not turn its agents away; after that nobody of it comes in.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import jwt

from byteport.contracts.issuers import Issuer
from byteport.errors import BytePortError, Unavailable
from byteport.serving.buckets import Seconds
from byteport.serving.fetch import LARGEST, fetch

FRESH_SECONDS = 300.0
STALE_SECONDS = 3600.0
AGAIN_SECONDS = 30.0
"""How long a fetch that failed, or that did not bring the key that was asked for, is not tried again."""


@dataclass
class _Kept:
    """What is known of one issuer's keys."""

    keys: tuple[jwt.PyJWK, ...] = ()
    at: float = float("-inf")
    tried: float = float("-inf")
    wanted: str = ""
    """The key id that the last fetch was for."""
    file: tuple[int, int, int] | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def of(self, kid: str) -> tuple[jwt.PyJWK, ...]:
        return tuple(key for key in self.keys if key.key_id == kid)


class KeySets:
    """The keys of every issuer that a face lists; `base` is the folder that their paths start from."""

    def __init__(self, base: Path, clock: Seconds) -> None:
        self._base = base
        self._clock = clock
        self._kept: dict[Issuer, _Kept] = {}

    async def find(self, issuer: Issuer, kid: str) -> tuple[jwt.PyJWK, ...]:
        """The issuer's keys of that id; none when it was asked for that one and has none. Raises `Unavailable` when its keys
        cannot be had, or when it may have that one since it was asked."""
        kept = self._kept.setdefault(issuer, _Kept())
        fresh = issuer.jwks_url is not None and self._clock() - kept.at < FRESH_SECONDS
        if fresh and (known := kept.of(kid)):
            return known  # without waiting for a fetch that somebody else's token has caused
        async with kept.turn:
            if issuer.jwks_file is not None:
                await asyncio.to_thread(self._read, self._base / issuer.jwks_file, kept)
            else:
                await self._refresh(issuer, kid, kept)
        return kept.of(kid)

    def _read(self, path: Path, kept: _Kept) -> None:
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                seen = (status.st_ino, status.st_mtime_ns, status.st_size)
                if seen != kept.file:
                    kept.keys, kept.file = (), None
                    kept.keys, kept.file = parse(file.read(LARGEST + 1)), seen
        except OSError as error:
            kept.keys, kept.file = (), None
            raise Unavailable("the file of an issuer's keys cannot be read") from error

    async def _refresh(self, issuer: Issuer, kid: str, kept: _Kept) -> None:
        assert issuer.jwks_url is not None
        now = self._clock()
        known = any(key.key_id == kid for key in kept.keys)
        fresh = now - kept.at < FRESH_SECONDS
        if (fresh and known) or now - kept.tried < AGAIN_SECONDS:
            if now - kept.at >= STALE_SECONDS:
                raise Unavailable("an issuer's keys could not be fetched")
            if not known and kid != kept.wanted:
                raise Unavailable("an issuer may have a new key, and was asked only just now")
            return
        kept.tried, kept.wanted = now, kid
        ca_file = None if issuer.ca_file is None else self._base / issuer.ca_file
        try:
            kept.keys, kept.at = parse(await fetch(issuer.jwks_url, ca_file)), now
        except BytePortError:
            kept.wanted = ""
            if not known or now - kept.at >= STALE_SECONDS:
                raise


def parse(data: bytes) -> tuple[jwt.PyJWK, ...]:
    """The keys of a JWKS that verify signatures. Raises `Unavailable` for what is none."""
    try:
        plain = json.loads(data)
        found = plain["keys"]
        if len(data) > LARGEST or not isinstance(found, list):
            raise ValueError("no list of keys")
        keys = [_key(one) for one in found]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Unavailable("an issuer's keys are no JWKS") from error
    usable = tuple(key for key in keys if key is not None)
    if not usable:
        raise Unavailable("an issuer's JWKS holds no key that can be used")
    return usable


def _key(plain: object) -> jwt.PyJWK | None:
    """None for a key that is not for signatures, has no id, is secret, or is of a kind that we do not know."""
    if not isinstance(plain, dict) or plain.get("use", "sig") != "sig" or plain.get("kty") == "oct":
        return None
    if not isinstance(plain.get("kid"), str):
        return None
    public = {name: value for name, value in plain.items() if name not in ("d", "p", "q", "dp", "dq", "qi", "oth")}
    try:
        return jwt.PyJWK.from_dict(public)
    except jwt.PyJWTError:
        return None
