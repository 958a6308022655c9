"""What an ID token proves of an answer: that its person signed in at the identity provider for exactly this text, just then.

The provider puts into `nonce` what it was asked with, so a token whose `nonce` is the digest of an answer's text is that
provider's signature on it, and no other text's. Nothing of ours signs. Comes after `attested_issuers`; `answers` asks here for
answers that bring a token in place of a signature.

A token's own end (`exp`) is minutes away, an answer's up to a day. So the end counts when an answer is first heard; later,
at the act, what counts is the text's own end, and that the provider, its key and the person are still in the list: a
person who was taken out of it voids the answer, however early it was given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import jwt
from jwt.types import Options

from byteport.domain.approvals import LONGEST_TOKEN, AnswerText, Rejection
from byteport.trust.attested_issuers import Attester, Attesters, Issuer, Key

SKEW = timedelta(seconds=60)
"""How far the provider's clock may be ahead of whoever checks."""
SINCE_SIGN_IN = timedelta(minutes=5)
"""How long after a sign-in a token still comes of it: whoever made the text chose its beginning, and could have set it hours back."""
LATEST = 1 << 40
"""Seconds since 1970 that no clock shows."""
_SIGNATURE_ALONE: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
    "enforce_minimum_key_length": True,
}


class Attested(NamedTuple):
    """Whose word it is, and whose on that."""

    name: str
    """As the list has it: a principal, or an alias of one."""
    issuer: str
    thumbprint: str


class _Signed(NamedTuple):
    claims: dict[str, Any]
    issuer: Issuer
    thumbprint: str


def attested_by(
    token: str, text: AnswerText, attesters: Attesters, *, now: datetime, first_heard: bool
) -> Attested | Rejection:
    """Who gave the answer `text` by the word of a provider that is in the list now, or why nobody did.

    `first_heard`: the token must not have ended yet.
    """
    signed = _signed(token, attesters)
    if isinstance(signed, Rejection):
        return signed
    if signed.claims.get("nonce") != text.digest:
        return Rejection.OTHER_ANSWER
    because = _out_of_time(signed.claims, text, now, first_heard=first_heard)
    if because is not None:
        return because
    name = person_of(signed.claims, signed.issuer)
    return Rejection.NOT_AN_APPROVER if name is None else Attested(name, signed.issuer.issuer, signed.thumbprint)


def person_of(claims: Mapping[str, Any], issuer: Issuer) -> str | None:
    """Whom the list has for the claim that it goes by; None for nobody, and for an address that nobody has verified."""
    value = claims.get(issuer.claim)
    if not isinstance(value, str) or (issuer.claim == "email" and claims.get("email_verified") is not True):
        return None
    return issuer.people.get(value)


def _signed(token: str, attesters: Attesters) -> _Signed | Rejection:
    """The claims, when a key of a listed provider has signed them for our client there."""
    if len(token) > LONGEST_TOKEN or not token.isascii():
        return Rejection.MALFORMED
    try:
        header = jwt.get_unverified_header(token)
        unproven = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return Rejection.MALFORMED
    client = _client(unproven)
    issuer, kid, algorithm = unproven.get("iss"), header.get("kid"), header.get("alg")
    if client is None or not all(isinstance(value, str) for value in (issuer, kid, algorithm)):
        return Rejection.MALFORMED
    attester = attesters.of(str(issuer), client)
    if attester is None:
        return Rejection.UNKNOWN_ISSUER
    for key in attester.keys:
        if key.id == kid and (claims := _verified(token, str(algorithm), key, attester)) is not None:
            return _Signed(claims, attester.issuer, key.thumbprint)
    return Rejection.BAD_SIGNATURE


def _client(claims: dict[str, Any]) -> str | None:
    """The one client that the token is for; None for several, of which another one could have asked for it."""
    audience, party = claims.get("aud"), claims.get("azp")
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    return audience if isinstance(audience, str) and party in (None, audience) else None


def _verified(token: str, algorithm: str, key: Key, attester: Attester) -> dict[str, Any] | None:
    if algorithm not in key.algorithms or algorithm not in attester.issuer.algorithms:
        return None
    try:
        return jwt.decode(token, key.key.key, algorithms=[algorithm], options=_SIGNATURE_ALONE)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return None


def _out_of_time(claims: dict[str, Any], text: AnswerText, now: datetime, *, first_heard: bool) -> Rejection | None:
    """The sign-in came after the text was made, just before the token, and before the text's end; the clock that checks is
    not behind either."""
    issued, ends, signed_in = (_seconds(claims.get(name)) for name in ("iat", "exp", "auth_time"))
    if issued is None or ends is None or ends <= issued:
        return Rejection.MALFORMED
    skew, at = SKEW.total_seconds(), now.timestamp()
    if signed_in is None or min(issued, signed_in) < text.not_before.timestamp():
        return Rejection.STALE_SIGN_IN
    if max(issued, signed_in) > at + skew:
        return Rejection.NOT_YET_VALID
    if issued - signed_in > SINCE_SIGN_IN.total_seconds():
        return Rejection.STALE_SIGN_IN
    if issued >= text.expires_at.timestamp() or (first_heard and at >= ends + skew):
        return Rejection.EXPIRED
    return None


def _seconds(value: object) -> float | None:
    """None for what is no number, or one that no clock shows."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LATEST:
        return None
    return float(value)
