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
        "token": {"issuer": "prod-eu", "subject": "system:serviceaccount:byteport-agent:byteport-export"},
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


def witness(kind: SignatureType = SignatureType.COSIGNATURE) -> str:
    return str(key_of("witness.example", kind, Ed25519PrivateKey.generate()))


def test_witnesses_are_named_by_their_keys_beside_the_key_of_the_signer() -> None:
    found = parse(file(agent(vkey=vkey(), witnesses=[witness(), witness()])), "enrolment.yaml")
    assert len(found.identities[0].witnesses) == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"witnesses": [witness()]}, "go with a vkey"),
        ({"vkey": vkey(), "witnesses": [witness(SignatureType.ED25519)]}, "not the key of a witness"),
        ({"vkey": vkey(), "witnesses": ["witness.example+0+AA"]}, "a witness"),
    ],
)
def test_what_is_no_witness_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        parse(file(agent(**changes)), "enrolment.yaml")


@pytest.mark.parametrize(
    "url",
    [
        "https://[bad/jwks",
        "https://keys.example:99999/jwks",
        "https://keys.example:0/",
        "https://keys.example:x/",
        "https://169.254.169.254/",
        "https://user@keys.example/",
        "https://[::::]/",
        "http://keys.example/",
        "https:///jwks",
    ],
)
def test_a_place_of_keys_that_nobody_can_ask_at_is_refused_when_the_file_is_read(url: str) -> None:
    with pytest.raises(ConfigError, match="jwks_url"):
        parse(file(agent(), issuers=[issuer(jwks_file=None, jwks_url=url)]), "enrolment.yaml")


def test_a_file_is_read_once_for_each_change_a_wrong_one_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from byteport.api import enrolment

    reads: list[bytes] = []
    plain = enrolment.parse

    def counting(data: bytes, where: str) -> enrolment.Enrolment:
        reads.append(data)
        return plain(data, where)

    monkeypatch.setattr(enrolment, "parse", counting)
    path = tmp_path / "enrolment.yaml"
    path.write_bytes(file(agent()))
    tested = EnrolmentFile(path)
    assert tested.unchanged() is None, "it was not read yet"
    assert tested.current() is tested.current() is tested.unchanged()
    path.write_bytes(b"identities: [")
    assert tested.unchanged() is None
    for _ in range(3):
        with pytest.raises(ConfigError):
            tested.current()
        assert tested.unchanged() is None
    assert len(reads) == 2
