"""A cluster's issuer of workload tokens: a key, its JWKS, and tokens with whatever a test wants wrong in them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

AUDIENCE = "byteport-ledger"
ISSUER = "https://kubernetes.default.svc.cluster.local"
SUBJECT = "system:serviceaccount:byteport-agent:byteport-export"


class Cluster:
    """One issuer. Two of them may bear the same name, as clusters do that nobody renamed."""

    def __init__(self, issuer: str = ISSUER, kid: str = "k1") -> None:
        self.issuer = issuer
        self.kid = kid
        self._key = ec.generate_private_key(ec.SECP256R1())

    def jwks(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self._key.public_key()))
        return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "ES256"}]}

    def write_jwks(self, path: Path) -> Path:
        path.write_text(json.dumps(self.jwks()))
        return path

    def token(self, *, at: datetime | None = None, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """Valid for an hour from `at` on, unless a claim says otherwise; None takes a claim out."""
        now = at or datetime.now(UTC)
        plain: dict[str, Any] = {
            "iss": self.issuer,
            "sub": SUBJECT,
            "aud": [AUDIENCE],
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + timedelta(hours=1)).timestamp()),
        }
        plain = {name: value for name, value in {**plain, **claims}.items() if value is not None}
        return jwt.encode(plain, self._key, algorithm="ES256", headers={"kid": self.kid, **(headers or {})})

    def public_pem(self) -> bytes:
        return self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def unsigned(token: str) -> str:
    """The same claims under `alg: none`."""
    header, claims, _ = token.split(".")
    plain = json.loads(_decoded(header)) | {"alg": "none"}
    return f"{_encoded(json.dumps(plain).encode())}.{claims}."


def signed_with_public_key(token: str, public_pem: bytes) -> str:
    """The same claims under HS256 with the public key as the secret, which everybody knows."""
    header, claims, _ = token.split(".")
    plain = json.loads(_decoded(header)) | {"alg": "HS256"}
    text = f"{_encoded(json.dumps(plain).encode())}.{claims}"
    return f"{text}.{_encoded(hmac.digest(public_pem, text.encode(), hashlib.sha256))}"


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
