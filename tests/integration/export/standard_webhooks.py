"""Verifies a webhook as the specification of Standard Webhooks 1.0.0 tells a receiver to; shares nothing with what signs.

Written from the specification: the signed content is `{id}.{timestamp}.{payload}`; the header holds signatures apart by
spaces, each a version, a comma and base64; `v1` is HMAC-SHA256 under the bytes behind `whsec_`, `v1a` Ed25519 under the
public key behind `whpk_`; the time may be off by five minutes.
"""

from __future__ import annotations

import base64
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TOLERANCE = 300


class NotVerified(Exception):
    """The message is not one of whoever holds the key, or is an old one."""


def verify(headers: dict[str, str], body: bytes, key: str, now: float) -> str:
    """The message's id."""
    try:
        message_id, at, signatures = (headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        seconds = int(at)
    except (KeyError, ValueError) as error:
        raise NotVerified("a header is missing") from error
    if not message_id or "." in message_id or str(seconds) != at:
        raise NotVerified("a header is not as it has to be")
    if abs(now - seconds) > TOLERANCE:
        raise NotVerified("too old, or from the future")
    signed = f"{message_id}.{at}.".encode() + body
    for one in signatures.split(" "):
        version, _, signature = one.partition(",")
        if _holds(version, base64.b64decode(signature, validate=True), signed, key):
            return message_id
    raise NotVerified("no signature is by this key")


def _holds(version: str, signature: bytes, signed: bytes, key: str) -> bool:
    if version == "v1" and key.startswith("whsec_"):
        return hmac.compare_digest(hmac.digest(base64.b64decode(key[6:]), signed, "sha256"), signature)
    if version == "v1a" and key.startswith("whpk_"):
        try:
            Ed25519PublicKey.from_public_bytes(base64.b64decode(key[5:])).verify(signature, signed)
        except InvalidSignature:
            return False
        return True
    return False
