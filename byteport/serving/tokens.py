"""What a token proves: which issuer signed it, for which subject, and that it is of now. Of a workload's, that it was meant for us alone.

Comes after `keysets`; each face looks the proof up among those who may come in, and `people` what a person's token says. Kubernetes projects such a token into a pod for one
audience and renews it; it has to be the face's own and nothing beside it, so that a token that another service was given
opens nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import jwt
from jwt.types import Options

from byteport.contracts.issuers import Issuer, TokenIdentity
from byteport.errors import BytePortError
from byteport.serving.keysets import KeySets
from byteport.serving.problems import Code, Problem

_SIGNATURE_ALONE: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "enforce_minimum_key_length": True,
}
SKEW_SECONDS = 60
"""How far the issuer's clock may be from ours."""
LATEST = 1 << 40
"""Seconds since 1970 that no clock shows."""


class Tokens:
    """Checks tokens for one audience."""

    def __init__(self, keys: KeySets, audience: str, now: Callable[[], datetime]) -> None:
        self._keys = keys
        self._audience = audience
        self._now = now

    async def identify(self, token: str, issuers: Iterable[Issuer]) -> TokenIdentity:
        """Whom it names. Raises `Problem`: it does not hold, or nobody can tell whether it does."""
        issuer, claims = await signed(token, issuers, self._keys)
        must_be_of_now(claims, self._now(), again="read the projected file again for each request")
        audience = claims.get("aud")
        if audience not in (self._audience, [self._audience]):
            raise invalid(f"its audience is not {self._audience} alone")
        return TokenIdentity(issuer=issuer.name, subject=subject_of(claims))


async def signed(token: str, issuers: Iterable[Issuer], key_sets: KeySets) -> tuple[Issuer, dict[str, Any]]:
    """Which of `issuers` has signed it, and what it claims; of what it claims nothing has been looked at.

    Raises `Problem`: nobody of them has, or nobody can tell.
    """
    kid, issuer_text = _unverified(token)
    candidates = [issuer for issuer in issuers if issuer.issuer == issuer_text]
    if not candidates:
        raise invalid("its issuer is not one that is listed here")
    missing = 0
    for issuer in candidates:
        try:
            keys = await key_sets.find(issuer, kid)
        except BytePortError:
            missing += 1
            continue
        for key in keys:
            if (claims := _verified(token, key, issuer)) is not None:
                return issuer, claims
    if missing:
        raise Problem(Code.KEYS_UNAVAILABLE, "the keys of its issuer cannot be had; come again", retry_after=30)
    raise invalid("no key of its issuer has signed it")


def must_be_of_now(claims: dict[str, Any], at: datetime, *, again: str) -> None:
    """Raises `Problem` for a token without an end, of the past or of the future. `again`: how one comes by a newer."""
    now = at.timestamp()
    expires, begins, issued = (
        _number(claims.get(name, other)) for name, other in (("exp", None), ("nbf", 0), ("iat", 0))
    )
    if expires is None or begins is None or issued is None:
        raise invalid("it has no end (`exp`), or one that is no number")
    if now >= expires + SKEW_SECONDS:
        raise invalid(f"it has ended; {again}")
    if now < max(begins, issued) - SKEW_SECONDS:
        raise invalid("it is not valid yet; compare the clocks")


def subject_of(claims: dict[str, Any]) -> str:
    """Raises `Problem` where none is named."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 500:
        raise invalid("it names no subject")
    return subject


def _unverified(token: str) -> tuple[str, str]:
    """Key id and issuer as the token claims them: where to look, and nothing more."""
    try:
        header = jwt.get_unverified_header(token)
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise invalid("it is no JWT") from None
    kid, issuer = header.get("kid"), claims.get("iss")
    if not isinstance(kid, str) or not isinstance(issuer, str):
        raise invalid("it names no key (`kid`) or no issuer (`iss`)")
    return kid, issuer


def _verified(token: str, key: jwt.PyJWK, issuer: Issuer) -> dict[str, Any] | None:
    """The claims when `key` has signed them by an algorithm that is allowed for the issuer. Times are looked at later."""
    if key.algorithm_name not in issuer.algorithms:
        return None
    try:
        return jwt.decode(token, key, algorithms=[key.algorithm_name], options=_SIGNATURE_ALONE)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None


def _number(value: object) -> float | None:
    """None for what is no number, or one that no clock shows."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < LATEST:  # NaN is neither
        return None
    return float(value)


def invalid(why: str) -> Problem:
    """The refusal of a token, and why."""
    return Problem(Code.CREDENTIAL_INVALID, f"the token does not hold: {why}")
