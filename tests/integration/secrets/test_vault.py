"""Vault as a real OpenBao speaks it over TLS: each way in, each engine, and every refusal, sealed and rotated while we look."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from activities.clock import utc_now
from activities.secrets.freshness import MEANT
from activities.secrets.reading import Secrets, chosen
from byteport.cli.main import invoke
from byteport.contracts.secret_backends import SecretBackend, SecretConfig, VaultAuth, VaultConfig
from byteport.errors import BytePortError, ConfigError, MalformedInput, NotPermitted, TargetGone, Unavailable
from tests.builders.issuing import Cluster
from tests.integration.export.authority import Authority
from tests.integration.export.receivers import Got, listening
from tests.integration.secrets.openbao import Bao, token_review
from tests.integration.secrets.pages import block

pytestmark = pytest.mark.peers

ACCOUNT = "system:serviceaccount:byteport-agent:byteport-rest"
CANARY = "xoxb-canary-of-vault"


def projected(cluster: Cluster, audience: str = "vault", account: str = "byteport-rest") -> str:
    """A token as the kubelet projects one."""
    named = {
        "namespace": "byteport-agent",
        "serviceaccount": {"name": account, "uid": "1"},
        "pod": {"name": "p", "uid": "2"},
    }
    claims: dict[str, Any] = {"kubernetes.io": named, "sub": f"system:serviceaccount:byteport-agent:{account}"}
    return cluster.token(aud=[audience], **claims)


class World:
    """An OpenBao that was set up by the page, and the files of one pod."""

    def __init__(self, bao: Bao, authority: Authority, folder: Path, tokens: dict[str, str]) -> None:
        self.bao, self.authority, self.folder, self.tokens = bao, authority, folder, tokens
        self.token = self.write("token", tokens["ours"])

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def secrets(self, **vault: Any) -> Secrets:
        plain: dict[str, Any] = {"address": self.bao.url, "jwt_file": self.token} | vault
        return chosen(
            SecretConfig(
                backend=SecretBackend.VAULT, seconds=5, ca_file=self.authority.ca_file, vault=VaultConfig(**plain)
            )
        )


@pytest.fixture(scope="module")
def tokens(bao: Bao, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What the page says, typed; beside it a way in by AppRole, and one by the cluster's public key.

    Tokens that the cluster has projected: ours, one for another audience, one of another account.
    """
    cluster = Cluster()
    made = {
        "ours": projected(cluster),
        "other audience": projected(cluster, audience="other"),
        "other account": projected(cluster, account="stranger"),
    }
    accepted = {
        made["ours"]: reviewed("byteport-rest", "vault"),
        made["other audience"]: reviewed("byteport-rest", "other"),
        made["other account"]: reviewed("stranger", "vault"),
    }
    folder = tmp_path_factory.mktemp("administrator")
    with token_review(authority, accepted) as api_server:
        (folder / "byteport.hcl").write_text(block("vault.md", "hcl", "The least policy"))
        bao.run(
            f"cd {folder}\n" + block("vault.md", "sh", "Set it up"),
            KUBERNETES_HOST=api_server,
            KUBERNETES_CA=str(authority.ca_file),
        )
        bao.must("POST", "auth/kubernetes/config", _reviewer(api_server, authority))
        bao.must("POST", "sys/auth/approle", {"type": "approle"})
        bao.must("POST", "auth/approle/role/byteport", {"token_policies": "byteport", "token_ttl": "2m"})
        bao.must("POST", "sys/auth/jwt", {"type": "jwt"})
        bao.must("POST", "auth/jwt/config", {"jwt_validation_pubkeys": [cluster.public_pem().decode()]})
        role = {
            "role_type": "jwt",
            "bound_audiences": ["vault"],
            "bound_subject": ACCOUNT,
            "user_claim": "sub",
            "token_policies": "byteport",
        }
        bao.must("POST", "auth/jwt/role/byteport", role)
        yield made


def reviewed(account: str, audience: str) -> dict[str, Any]:
    """What an API server answers of a token that holds."""
    user = {"username": f"system:serviceaccount:byteport-agent:{account}", "uid": "1"}
    return {"authenticated": True, "user": user, "audiences": [audience]}


def _reviewer(api_server: str, authority: Authority) -> dict[str, Any]:
    return {
        "kubernetes_host": api_server,
        "kubernetes_ca_cert": authority.ca_file.read_text(),
        "token_reviewer_jwt": "the.reviewers.token",
        "disable_local_ca_jwt": True,
    }


@pytest.fixture
def world(bao: Bao, authority: Authority, tokens: dict[str, str], tmp_path: Path) -> World:
    made = World(bao, authority, tmp_path, tokens)
    bao.keep("byteport/slack", token=CANARY)
    return made


async def refused(secrets: Secrets, name: str, kind: type[BytePortError]) -> str:
    with pytest.raises(kind) as error:
        await secrets.read(name)
    assert CANARY not in error.value.message
    assert error.value.__context__ is None
    return error.value.message


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
