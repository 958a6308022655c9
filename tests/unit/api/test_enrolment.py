"""The enrolment file: what it may say, and that a changed or broken one counts at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from byteport.api.enrolment import EnrolmentFile, parse
from byteport.audit.heads import Chain
from byteport.audit.notes import SignatureType, key_of
from byteport.errors import ConfigError

UID = "11111111-2222-4333-8444-555555555555"


def vkey(tenant: str = "acme", uid: str = UID, kind: SignatureType = SignatureType.ED25519) -> str:
    return str(key_of(Chain(tenant=tenant, cluster_uid=uid).origin, kind, Ed25519PrivateKey.generate()))


def agent(**changes: Any) -> dict[str, Any]:
    plain = {
        "name": "prod-eu",
        "role": "agent",
        "tenant": "acme",
        "cluster_uid": UID,
        "token": {"issuer": "prod-eu", "subject": "system:serviceaccount:byteport-agent:byteport-rest"},
    }
    return {name: value for name, value in {**plain, **changes}.items() if value is not None}


def issuer(**changes: Any) -> dict[str, Any]:
    plain = {"name": "prod-eu", "issuer": "https://kubernetes.default.svc", "jwks_file": "prod-eu.json"}
    return {name: value for name, value in {**plain, **changes}.items() if value is not None}


def file(*identities: dict[str, Any], issuers: list[dict[str, Any]] | None = None) -> bytes:
    return yaml.safe_dump(
        {"issuers": [issuer()] if issuers is None else issuers, "identities": list(identities)}
    ).encode()


def test_an_agent_by_token_and_a_reader_by_certificate() -> None:
    found = parse(
        file(
            agent(vkey=vkey()),
            {
                "name": "auditor",
                "role": "reader",
                "tenant": "acme",
                "certificate": {"spiffe": "spiffe://acme.example/auditor"},
            },
        ),
        "enrolment.yaml",
    )
    assert [(one.name, one.tenant) for one in found.identities] == [("prod-eu", "acme"), ("auditor", "acme")]


SHA = "a" * 64


@pytest.mark.parametrize(
    ("identity", "says"),
    [
        (agent(cluster_uid=None), "needs its cluster_uid"),
        (agent(token=None), "a token, a certificate or both"),
        (agent(tenant="Acme"), "tenant"),
        (agent(role="admin"), "role"),
        (agent(cluster_uid="*"), "cluster_uid"),
        (agent(extra="x"), "extra"),
        (agent(token={"issuer": "other", "subject": "x"}), "not listed"),
        (agent(certificate={"spiffe": "spiffe://a/b", "sha256": SHA}), "either spiffe or sha256"),
        (agent(certificate={"spiffe": "https://a/b"}), "spiffe"),
        (agent(role="reader", vkey=vkey()), "belongs to an agent"),
        (agent(vkey="nonsense"), "vkey"),
        (agent(vkey=vkey(tenant="other")), "not the key of this chain"),
        (agent(vkey=vkey(kind=SignatureType.COSIGNATURE)), "not the key of this chain"),
    ],
)
def test_an_identity_that_cannot_be_is_refused_by_its_key(identity: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(file(identity), "enrolment.yaml")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"jwks_file": None}, "either jwks_file or jwks_url"),
        ({"jwks_url": "https://a.example/jwks"}, "either jwks_file or jwks_url"),
        ({"jwks_file": None, "jwks_url": "http://a.example/jwks"}, "jwks_url"),
        ({"jwks_file": None, "jwks_url": "https://user@a.example/jwks"}, "jwks_url"),
        ({"ca_file": "ca.pem"}, "goes with jwks_url"),
    ],
)
def test_an_issuer_that_cannot_be_is_refused_by_its_key(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(file(agent(), issuers=[issuer(**changes)]), "enrolment.yaml")


def test_one_credential_names_one_identity_and_one_chain_has_one_signer() -> None:
    with pytest.raises(ConfigError, match="token: one of them is there twice"):
        parse(file(agent(), agent(name="other", tenant="other")), "enrolment.yaml")
    second = agent(name="second", token={"issuer": "prod-eu", "subject": "b"}, vkey=vkey())
    with pytest.raises(ConfigError, match="one signer"):
        parse(file(agent(vkey=vkey()), second), "enrolment.yaml")


@pytest.mark.parametrize(
    "text", [b"", b"- a", b"identities: [", b"identities: []", b"identities: 1\nidentities: 2", b"\xff"]
)
def test_what_is_no_enrolment_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigError, match="enrolment"):
        parse(text, "enrolment.yaml")


def test_an_identity_that_was_taken_out_is_out_with_the_next_look_and_a_broken_file_lets_nobody_in(
    tmp_path: Path,
) -> None:
    path = tmp_path / "enrolment.yaml"
    path.write_bytes(file(agent(), agent(name="second", token={"issuer": "prod-eu", "subject": "b"})))
    enrolment = EnrolmentFile(path)
    assert len(enrolment.current().identities) == 2
    path.write_bytes(file(agent()))
    assert len(enrolment.current().identities) == 1
    path.write_bytes(b"identities: [")
    for _ in range(2):
        with pytest.raises(ConfigError):
            enrolment.current()
    path.unlink()
    with pytest.raises(ConfigError, match="No such file"):
        enrolment.current()
