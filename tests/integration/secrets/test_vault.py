"""Vault as a real OpenBao speaks it over TLS: each way in, to whom it is closed, and what is left behind, which is nothing."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from activities.secrets.reading import chosen
from byteport.cli.main import invoke
from byteport.contracts.secret_backends import SecretBackend, SecretConfig, VaultAuth, VaultConfig
from byteport.errors import ConfigError, NotPermitted
from tests.builders.issuing import Cluster
from tests.integration.secrets.vaults import CANARY, World, projected, refused

pytestmark = pytest.mark.peers


@pytest.mark.claim("C-420")
async def test_a_pod_reads_by_its_projected_token_what_the_pages_policy_lets_it_and_gives_its_token_back(
    world: World,
) -> None:
    before = world.bao.live_tokens()
    secret = await world.secrets().read("byteport/slack#token")
    assert secret.reveal() == CANARY
    assert world.bao.live_tokens() == before


async def test_a_token_for_another_audience_and_one_of_another_account_are_not_let_in(world: World) -> None:
    for whose in ("other audience", "other account"):
        world.write("token", world.tokens[whose])
        said = await refused(world.secrets(), "byteport/slack#token", NotPermitted)
        assert "secret.vault.role and secret.vault.jwt_file" in said


async def test_the_method_jwt_takes_the_same_request(world: World) -> None:
    secret = await world.secrets(auth_mount="jwt").read("byteport/slack#token")
    assert secret.reveal() == CANARY
    world.write("token", projected(Cluster()))
    await refused(world.secrets(auth_mount="jwt"), "byteport/slack#token", NotPermitted)


async def test_an_app_role_is_shown_from_its_two_files(world: World) -> None:
    role_id = world.bao.must("GET", "auth/approle/role/byteport/role-id")["data"]["role_id"]
    secret_id = world.bao.must("POST", "auth/approle/role/byteport/secret-id", {})["data"]["secret_id"]
    files = {"role_id_file": world.write("role", role_id), "secret_id_file": world.write("secret", secret_id + "\n")}
    secrets = world.secrets(auth=VaultAuth.APPROLE, **files)
    assert (await secrets.read("byteport/slack#token")).reveal() == CANARY
    world.write("secret", "another")
    await refused(secrets, "byteport/slack#token", NotPermitted)


async def test_a_token_from_a_file_is_used_and_stays_whole(world: World) -> None:
    made = world.bao.must("POST", "auth/token/create", {"policies": ["byteport"], "ttl": "2m"})["auth"]["client_token"]
    secrets = world.secrets(auth=VaultAuth.TOKEN_FILE, token_file=world.write("vault-token", made))
    for _ in range(2):
        assert (await secrets.read("byteport/slack#token")).reveal() == CANARY
    assert world.bao.do("GET", "auth/token/lookup-self", token=made)[0] == 200


async def test_what_shows_who_we_are_is_not_taken_from_a_file_that_others_may_read(world: World) -> None:
    world.token.chmod(0o644)
    said = await refused(world.secrets(), "byteport/slack#token", ConfigError)
    assert "secret.vault.jwt_file" in said
    assert "chmod o=" in said


@pytest.mark.claim("C-423")
async def test_review_16_a_server_that_another_authority_vouches_for_is_shown_nothing(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "stranger.pem").write_bytes(world.authority.stranger.cert_pem.bytes())
    config = SecretConfig(
        backend=SecretBackend.VAULT,
        ca_file=tmp_path / "stranger.pem",
        vault=VaultConfig(address=world.bao.url, jwt_file=world.token),
    )
    before = world.bao.live_tokens()
    said = await refused(chosen(config), "byteport/slack#token", NotPermitted)
    assert "secret.ca_file" in said
    assert world.bao.live_tokens() == before


@pytest.mark.claim("C-426")
def test_the_command_says_of_each_name_whether_it_can_be_read_and_prints_no_value(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(world.folder)
    monkeypatch.setenv("COLUMNS", "300")
    for name, value in {
        "BACKEND": "vault",
        "CA_FILE": str(world.authority.ca_file),
        "VAULT_ADDRESS": world.bao.url,
        "VAULT_JWT_FILE": str(world.token),
        "CHECK": "[byteport/slack#token]",
    }.items():
        monkeypatch.setenv(f"BYTEPORT_SECRET_{name}", value)
    assert invoke(["secrets", "check"]) == 0
    assert "readable" in capsys.readouterr().out
    assert invoke(["secrets", "check", "byteport/slack#token", "others/slack#token", "byteport/no#k", "--json"]) == 4
    said = capsys.readouterr().out
    assert CANARY not in said
    told = {one["name"]: (one["readable"], one["code"]) for one in json.loads(said)["secrets"]}
    assert told == {
        "byteport/slack#token": (True, None),
        "others/slack#token": (False, "not_permitted"),
        "byteport/no#k": (False, "target_gone"),
    }


async def test_all_that_one_activity_reads_at_once_has_one_login_which_is_given_back(world: World) -> None:
    before = world.bao.live_tokens()
    async with world.secrets().reading() as reading:
        found = await asyncio.gather(*(reading.read("byteport/slack#token") for _ in range(8)))
        assert world.bao.live_tokens() == before + 1
        assert {one.reveal() for one in found} == {CANARY}
    assert world.bao.live_tokens() == before


async def test_several_activities_at_once_have_each_their_own_login(world: World) -> None:
    secrets = world.secrets()
    found = await asyncio.gather(*(secrets.read("byteport/slack#token") for _ in range(8)))
    assert {one.reveal() for one in found} == {CANARY}
