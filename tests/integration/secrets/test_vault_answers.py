"""What a real OpenBao answers to a read: each engine, and every refusal; sealed, rotated, deleted and lagging while we look."""

from __future__ import annotations

from datetime import timedelta

import pytest
from aiohttp import web

from activities.clock import utc_now
from activities.secrets.freshness import MEANT
from activities.secrets.reading import chosen
from byteport.contracts.secret_backends import SecretBackend, SecretConfig, VaultAuth, VaultConfig
from byteport.errors import MalformedInput, NotPermitted, TargetGone, Unavailable
from tests.integration.export.receivers import Got, listening
from tests.integration.secrets.vaults import CANARY, World, refused

pytestmark = pytest.mark.peers


@pytest.mark.claim("C-422")
async def test_review_16_what_the_policy_does_not_name_is_refused_whatever_lies_there(world: World) -> None:
    world.bao.keep("others/slack", token=CANARY)
    said = await refused(world.secrets(), "others/slack#token", NotPermitted)
    assert "403" in said


async def test_a_secret_a_key_and_a_way_in_that_are_not_there_are_told_apart(world: World) -> None:
    await refused(world.secrets(), "byteport/absent#token", TargetGone)
    assert "no such key" in await refused(world.secrets(), "byteport/slack#absent", TargetGone)
    assert "name the key" in await refused(world.secrets(), "byteport/slack", MalformedInput)
    said = await refused(world.secrets(auth_mount="nowhere"), "byteport/slack#token", NotPermitted)
    assert "secret.vault.role" in said


async def test_an_engine_of_version_1_is_read_by_its_own_paths(world: World) -> None:
    world.bao.must("POST", "old/byteport", {"token": CANARY})
    world.bao.must("PUT", "sys/policies/acl/old", {"policy": 'path "old/byteport" { capabilities = ["read"] }'})
    made = world.bao.must("POST", "auth/token/create", {"policies": ["old"], "ttl": "2m"})["auth"]["client_token"]
    secrets = world.secrets(kv=1, mount="old", auth=VaultAuth.TOKEN_FILE, token_file=world.write("vault-token", made))
    assert (await secrets.read("byteport#token")).reveal() == CANARY


async def test_a_namespace_is_asked_in_by_its_header(world: World) -> None:
    assert world.bao.do("POST", "sys/namespaces/team", {})[0] < 300
    made = world.bao.must("POST", "auth/token/create", {"policies": ["root"], "ttl": "2m"})["auth"]["client_token"]
    secrets = world.secrets(namespace="team", auth=VaultAuth.TOKEN_FILE, token_file=world.write("vault-token", made))
    await refused(secrets, "byteport/slack#token", TargetGone)


@pytest.mark.claim("C-422")
async def test_review_16_a_sealed_vault_fails_closed_and_the_next_read_after_it_is_unsealed_succeeds(
    world: World,
) -> None:
    secrets = world.secrets()
    assert (await secrets.read("byteport/slack#token")).reveal() == CANARY
    world.bao.seal()
    try:
        assert "sealed" in await refused(secrets, "byteport/slack#token", Unavailable)
    finally:
        world.bao.unseal()
    assert (await secrets.read("byteport/slack#token")).reveal() == CANARY


@pytest.mark.claim("C-422")
async def test_review_16_what_is_rotated_in_the_middle_of_an_activity_is_what_the_next_read_gives(
    world: World,
) -> None:
    async with world.secrets().reading() as reading:
        assert (await reading.read("byteport/slack#token")).reveal() == CANARY
        world.bao.keep("byteport/slack", token="the-new-one")
        assert (await reading.read("byteport/slack#token")).reveal() == "the-new-one"


async def test_a_newest_version_that_is_deleted_or_destroyed_is_gone_and_no_older_one_is_taken(world: World) -> None:
    world.bao.keep("byteport/slack", token="newer")
    world.bao.must("DELETE", "secret/data/byteport/slack")
    assert "deleted" in await refused(world.secrets(), "byteport/slack#token", TargetGone)
    newest = world.bao.must("GET", "secret/metadata/byteport/slack")["data"]["current_version"]
    world.bao.must("PUT", "secret/destroy/byteport/slack", {"versions": [newest]})
    await refused(world.secrets(), "byteport/slack#token", TargetGone)


async def test_a_token_that_is_revoked_in_the_middle_of_an_activity_reads_nothing_more(world: World) -> None:
    async with world.secrets().reading() as reading:
        assert (await reading.read("byteport/slack#token")).reveal() == CANARY
        world.bao.must("PUT", "sys/leases/revoke-prefix/auth/kubernetes/login")
        with pytest.raises(NotPermitted):
            await reading.read("byteport/slack#token")


@pytest.mark.claim("C-422")
async def test_review_16_a_version_older_than_one_that_was_read_is_stale_until_it_must_be_meant(
    world: World,
) -> None:
    older = world.bao.must("GET", "secret/data/byteport/slack")
    world.bao.keep("byteport/slack", token="newer")
    newer = world.bao.must("GET", "secret/data/byteport/slack")
    answers, now = [older, newer], utc_now()

    def replica(got: Got) -> web.Response:
        return web.json_response({"auth": {"client_token": "t"}} if got.method == "POST" else answers[-1])

    async with listening(replica, world.authority.server("localhost")) as lagging:
        vault = VaultConfig(address=lagging.url(""), jwt_file=world.token)
        config = SecretConfig(backend=SecretBackend.VAULT, ca_file=world.authority.ca_file, vault=vault)
        secrets = chosen(config, clock=lambda: now)
        assert (await secrets.read("byteport/slack#token")).reveal() == "newer"
        answers.pop()
        assert "older version" in await refused(secrets, "byteport/slack#token", Unavailable)
        now += MEANT + timedelta(seconds=1)
        assert (await secrets.read("byteport/slack#token")).reveal() == CANARY


async def test_a_secret_that_was_deleted_with_all_its_versions_and_made_anew_is_read(world: World) -> None:
    secrets = world.secrets()
    world.bao.keep("byteport/slack", token="newer")
    assert (await secrets.read("byteport/slack#token")).reveal() == "newer"
    world.bao.must("DELETE", "secret/metadata/byteport/slack")
    world.bao.keep("byteport/slack", token="made-anew")
    assert (await secrets.read("byteport/slack#token")).reveal() == "made-anew"
