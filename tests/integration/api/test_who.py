"""Who may do what: tenant and cluster by the credential, agents write and readers read."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import aiohttp
import pytest

from tests.builders.certifying import Authority
from tests.builders.issuing import Cluster
from tests.integration.api.world import ACME_SECOND_UID, ACME_UID, OTHER_UID, RECORDS, Client, World

pytestmark = pytest.mark.ledger

READING = (
    RECORDS,
    f"{RECORDS}/018f0000-0000-7000-8000-000000000000",
    "/v1/chains",
    f"/v1/chains/{ACME_UID}/checkpoints",
    f"/v1/chains/{ACME_UID}/export",
)


async def test_without_a_credential_nothing_is_answered_and_the_kind_that_is_needed_is_told(world: World) -> None:
    for path in (*READING, f"/v1/chains/{ACME_UID}/head"):
        answer = await world.nobody().get(path)
        assert (answer.status, answer.code) == (401, "credential_missing")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.claim("C-361")
async def test_an_agent_reads_nothing_but_its_own_head(world: World) -> None:
    await world.agent().hand_in(world.logs["acme"].append(1).lines())
    await world.agent("acme-second").hand_in(world.logs["acme-second"].append(1).lines())
    for path in READING:
        answer = await world.agent().get(path)
        assert (answer.status, answer.code) == (403, "role_refused"), path
    assert (await world.agent().get(f"/v1/chains/{ACME_UID}/head")).status == 200
    for uid in (ACME_SECOND_UID, OTHER_UID):
        assert (await world.agent().get(f"/v1/chains/{uid}/head")).status == 404


@pytest.mark.claim("C-361")
async def test_a_reader_hands_in_nothing(world: World) -> None:
    answer = await world.reader().hand_in(world.logs["acme"].append(1).lines())
    assert (answer.status, answer.code) == (403, "role_refused")
    assert (await world.reader().get("/v1/chains")).json == {"chains": []}


@pytest.mark.claim("C-360")
async def test_a_token_of_an_account_that_is_not_enrolled_and_one_of_an_unknown_cluster_open_nothing(
    world: World,
) -> None:
    stranger = world.agent(subject="system:serviceaccount:default:default")
    answer = await stranger.hand_in(world.logs["acme"].append(1).lines())
    assert (answer.status, answer.code) == (403, "not_enrolled")
    unknown = Client(world, token=Cluster())
    assert (await unknown.get("/v1/chains")).code == "credential_invalid"


async def test_an_identity_that_was_taken_out_is_out_with_the_next_request(world: World) -> None:
    log = world.logs["acme"].append(2)
    assert (await world.agent().hand_in(log.lines(1, 1))).status == 200
    world.write_enrolment(without="agent-acme")
    assert (await world.agent().hand_in(log.lines(2, 2))).code == "not_enrolled"
    world.enrolment.write_text("identities: [")
    broken = await world.agent().hand_in(log.lines(2, 2))
    assert (broken.status, broken.code) == (503, "enrolment_unreadable")
    assert str(world.folder) not in broken.text.decode()


@pytest.mark.claim("C-360")
async def test_a_certificate_counts_by_its_fingerprint_or_its_one_spiffe_id(world: World) -> None:
    printed = world.authority.client("printed")
    two = world.authority.client("two", "spiffe://acme.example/auditor", "spiffe://other.example/auditor")
    world.write_enrolment(
        {
            "name": "printed",
            "role": "reader",
            "tenant": "other",
            "certificate": {"sha256": hashlib.sha256(printed.der).hexdigest()},
        }
    )
    assert (await Client(world, certificate=printed).get("/v1/chains")).status == 200
    assert (await Client(world, certificate=two).get("/v1/chains")).code == "not_enrolled"
    assert (await world.reader().get("/v1/chains")).status == 200


async def test_who_was_enrolled_with_both_needs_both_and_nobody_mixes_two_identities(world: World) -> None:
    certificate = world.authority.client("agent", "spiffe://acme.example/agent")
    both = {
        "name": "both",
        "role": "reader",
        "tenant": "acme",
        "token": {"issuer": "acme", "subject": "both"},
        "certificate": {"spiffe": "spiffe://acme.example/agent"},
    }
    world.write_enrolment(both)
    for shown, expected in (
        (Client(world, token=world.clusters["acme"], subject="both"), "credential_missing"),
        (Client(world, certificate=certificate), "credential_missing"),
        (Client(world, token=world.clusters["acme"], certificate=certificate), "credentials_disagree"),
    ):
        assert (await shown.get("/v1/chains")).code == expected
    whole = Client(world, token=world.clusters["acme"], subject="both", certificate=certificate)
    assert (await whole.get("/v1/chains")).status == 200


async def test_a_certificate_of_another_authority_or_past_its_end_comes_no_further_than_the_handshake(
    world: World,
) -> None:
    foreign = Authority(world.folder, "foreign").client("foreign", "spiffe://acme.example/auditor")
    ended = world.authority.client("ended", "spiffe://acme.example/auditor", holds=timedelta(seconds=-1))
    for certificate in (foreign, ended):
        with pytest.raises(aiohttp.ClientError):
            await Client(world, certificate=certificate).get("/v1/chains")


async def test_a_request_with_two_authorization_headers_or_another_scheme_is_refused(world: World) -> None:
    token = world.clusters["acme"].token()
    for headers in (
        {"Authorization": f"Basic {token}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer \u00e9"},
    ):
        assert (await world.nobody().send("GET", "/v1/chains", headers=headers)).code == "credential_invalid"
