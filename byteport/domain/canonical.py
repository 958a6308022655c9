"""One byte string for one value (RFC 8785), and its digest. Everything that is hashed or signed goes through here."""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785
from pydantic import BaseModel


def canonical_bytes(value: Any) -> bytes:
    """RFC 8785 bytes of a model, mapping, list, string, number, bool or None.

    Models are dumped in JSON mode first, so that times are ISO 8601 text and enums are their values. Raises
    `ValueError` for what JSON cannot hold exactly (NaN, integers beyond 2^53, lone surrogates).
    """
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    try:
        return rfc8785.dumps(plain)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise ValueError(f"no canonical form: {error}") from error


def digest(value: Any) -> str:
    """SHA-256 over the canonical bytes, 64 lower-case hex digits."""
    return hashlib.sha256(canonical_bytes(value)).hexdigest()
