"""An identity provider with a key of each kind, and the tokens that it gives: the words of the tests of attested answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from byteport.domain.approvals import Answer, AnswerText, ApprovalRequest, SignedAnswer
from byteport.trust.answers import answer_text
from byteport.trust.attested_issuers import Attesters, attesters
from tests.unit.trust.people import NOW, _id

ISSUER, CLIENT = "https://login.example.com/acme", "byteport-console"


@cache
def private_key(kind: str, number: int = 0) -> Any:
    if kind == "EC":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate() if kind == "OKP" else rsa.generate_private_key(65537, 2048)


KIND = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC", "EdDSA": "OKP"}
_FORM: dict[str, Any] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}


def public_jwk(kind: str, number: int = 0) -> dict[str, Any]:
    plain = _FORM[kind].to_jwk(private_key(kind, number).public_key(), as_dict=True)
    return {"kty": plain["kty"], **plain, "kid": f"{kind}-{number}", "use": "sig"}


@dataclass(frozen=True)
class Provider:
    """`people` by the claim that goes by."""

    people: Mapping[str, str] = field(default_factory=lambda: {"sub-ada": "ada", "sub-bob": "bob"})
    issuer: str = ISSUER
    client: str = CLIENT
    claim: str = "sub"
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "EdDSA")

    def file(self) -> bytes:
        line = {
            "issuer": self.issuer,
            "client_id": self.client,
            "keys": "login.jwks.json",
            "claim": self.claim,
            "algorithms": list(self.algorithms),
            "people": dict(self.people),
        }
        return json.dumps({"issuers": [line]}).encode()

    @staticmethod
    def jwks(*kinds: str) -> bytes:
        return json.dumps({"keys": [public_jwk(kind) for kind in kinds or ("RSA", "EC", "OKP")]}).encode()

    def mount(self, folder: Path, *kinds: str) -> Path:
        """The issuers' file with its keys, as an administrator mounts it."""
        (folder / "login.jwks.json").write_bytes(self.jwks(*kinds))
        (folder / "issuers.yaml").write_bytes(self.file())
        return folder / "issuers.yaml"

    def listed(self, jwks: bytes | None = None) -> Attesters:
        return attesters(self.file(), {"login.jwks.json": self.jwks() if jwks is None else jwks})

    def claims(self, text: AnswerText, subject: str = "sub-ada", *, at: datetime = NOW) -> dict[str, Any]:
        moment = int(at.timestamp())
        return {
            "iss": self.issuer,
            "aud": self.client,
            "sub": subject,
            "nonce": text.digest,
            "iat": moment,
            "auth_time": moment,
            "exp": moment + 300,
        }

    def token(self, claims: Mapping[str, Any], algorithm: str = "RS256", *, number: int = 0) -> str:
        kind = KIND[algorithm]
        return jwt.encode(dict(claims), private_key(kind, number), algorithm, headers={"kid": f"{kind}-0"})

    def answers(
        self,
        request: ApprovalRequest,
        subject: str = "sub-ada",
        answer: Answer = Answer.APPROVE,
        *,
        at: datetime = NOW,
        algorithm: str = "RS256",
        number: int = 1,
        **claims: Any,
    ) -> SignedAnswer:
        """An answer with its token; a claim of None is left out of it."""
        text = answer_text(request, answer, reason="looks right", now=at, answer_id=_id(subject, number))
        plain = {**self.claims(text, subject, at=at + timedelta(seconds=5)), **claims}
        token = self.token({name: value for name, value in plain.items() if value is not None}, algorithm)
        return SignedAnswer(text=text, reason="looks right", token=token)
