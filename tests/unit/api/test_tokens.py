"""Workload tokens: what holds, and everything that must not."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from byteport.api.enrolment import Enrolment, Identity, Role
from byteport.contracts.issuers import Issuer, TokenIdentity
from byteport.contracts.ledger_api import AUDIENCE
from byteport.serving.keysets import KeySets
from byteport.serving.problems import AnyCode, Code, Problem
from byteport.serving.tokens import Tokens
from tests.builders.issuing import ISSUER, SUBJECT, Cluster, signed_with_public_key, unsigned

pytestmark = pytest.mark.claim("C-368")

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
UID = "11111111-2222-4333-8444-555555555555"
OTHER_UID = "99999999-2222-4333-8444-555555555555"


def enrolled(*issuers: Issuer) -> Enrolment:
    identities = tuple(
        Identity(
            name=f"agent-{issuer.name}",
            role=Role.AGENT,
            tenant="acme",
            cluster_uid=UID,
            token=TokenIdentity(issuer=issuer.name, subject=SUBJECT),
        )
        for issuer in issuers
    )
    return Enrolment(issuers=issuers, identities=identities)


class World:
    """Two clusters whose issuers have the same name, and a checker that knows both."""

    def __init__(self, folder: Path) -> None:
        self.clusters = {"one": Cluster(), "two": Cluster()}
        self.seconds = 0.0
        self.folder = folder
        for name, cluster in self.clusters.items():
            cluster.write_jwks(folder / f"{name}.json")
        self.enrolment = enrolled(
            *(Issuer(name=name, issuer=ISSUER, jwks_file=Path(f"{name}.json")) for name in self.clusters)
        )
        self.tokens = Tokens(KeySets(folder, lambda: self.seconds), AUDIENCE, lambda: NOW)

    async def refusal(self, token: str) -> tuple[AnyCode, str]:
        with pytest.raises(Problem) as refused:
            await self.tokens.identify(token, self.enrolment.issuers)
        return refused.value.code, refused.value.detail


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_token_names_the_issuer_whose_key_signed_it_although_two_bear_the_same_name(world: World) -> None:
    for name, cluster in world.clusters.items():
        found = await world.tokens.identify(cluster.token(at=NOW), world.enrolment.issuers)
        assert found == TokenIdentity(issuer=name, subject=SUBJECT)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": ["https://kubernetes.default.svc"]}, "audience"),
        ({"aud": ["byteport-ledger", "vault"]}, "audience"),
        ({"aud": "byteport-ledger2"}, "audience"),
        ({"aud": None}, "audience"),
        ({"exp": None}, "no end"),
        ({"exp": True}, "no end"),
        ({"exp": "2030"}, "no end"),
        ({"exp": float("nan")}, "no end"),
        ({"exp": float("inf")}, "no end"),
        ({"nbf": float("nan")}, "no number"),
        ({"exp": int((NOW - timedelta(seconds=60)).timestamp())}, "has ended"),
        ({"nbf": int((NOW + timedelta(seconds=61)).timestamp())}, "not valid yet"),
        ({"iat": int((NOW + timedelta(seconds=61)).timestamp())}, "not valid yet"),
        ({"sub": None}, "no subject"),
        ({"sub": ""}, "no subject"),
        ({"iss": "https://elsewhere.example"}, "issuer"),
        ({"iss": None}, "no issuer"),
    ],
)
async def test_a_token_with_one_claim_wrong_is_refused(world: World, claims: dict[str, Any], why: str) -> None:
    code, detail = await world.refusal(world.clusters["one"].token(at=NOW, **claims))
    assert code is Code.CREDENTIAL_INVALID
    assert why in detail


@pytest.mark.parametrize(
    "claims", [{"exp": int((NOW - timedelta(seconds=59)).timestamp())}, {"aud": "byteport-ledger"}]
)
async def test_a_minute_of_skew_and_a_single_audience_are_let_through(world: World, claims: dict[str, Any]) -> None:
    await world.tokens.identify(
        world.clusters["one"].token(at=NOW - timedelta(minutes=30), **claims), world.enrolment.issuers
    )


async def test_a_token_without_a_signature_or_signed_with_the_public_key_is_refused(world: World) -> None:
    cluster = world.clusters["one"]
    for forged in (
        unsigned(cluster.token(at=NOW)),
        signed_with_public_key(cluster.token(at=NOW), cluster.public_pem()),
    ):
        assert (await world.refusal(forged))[0] is Code.CREDENTIAL_INVALID


async def test_a_token_of_another_key_under_a_known_id_is_refused(world: World) -> None:
    assert (await world.refusal(Cluster().token(at=NOW)))[0] is Code.CREDENTIAL_INVALID


@pytest.mark.parametrize("kid", ["k9", "", "../k1"])
async def test_a_token_of_an_unknown_key_id_is_refused(world: World, kid: str) -> None:
    token = world.clusters["one"].token(at=NOW, headers={"kid": kid})
    assert (await world.refusal(token))[0] is Code.CREDENTIAL_INVALID


@pytest.mark.parametrize("text", ["", "a.b.c", "no token", "e30.e30.", "...", "a" * 5000])
async def test_what_is_no_token_is_refused(world: World, text: str) -> None:
    assert (await world.refusal(text))[0] is Code.CREDENTIAL_INVALID


async def test_an_algorithm_that_the_issuer_is_not_listed_with_is_refused(world: World) -> None:
    issuers = tuple(issuer.model_copy(update={"algorithms": ("RS256",)}) for issuer in world.enrolment.issuers)
    world.enrolment = enrolled(*issuers)
    assert (await world.refusal(world.clusters["one"].token(at=NOW)))[0] is Code.CREDENTIAL_INVALID


async def test_a_changed_key_file_counts_at_once_and_a_missing_one_is_said_to_be_missing(world: World) -> None:
    old = world.clusters["one"].token(at=NOW)
    (world.folder / "two.json").write_text(json.dumps({"keys": []}))
    assert (await world.refusal(Cluster().token(at=NOW)))[0] is Code.KEYS_UNAVAILABLE
    await world.tokens.identify(old, world.enrolment.issuers)
    Cluster().write_jwks(world.folder / "one.json")
    Cluster().write_jwks(world.folder / "two.json")
    assert (await world.refusal(old))[0] is Code.CREDENTIAL_INVALID
