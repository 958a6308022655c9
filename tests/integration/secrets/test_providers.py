"""Google Secret Manager, Doppler and 1Password Connect by strict servers over TLS: what is read, rotated, refused and gone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.secrets.reading import Secrets, chosen
from byteport.contracts.secret_backends import (
    DopplerConfig,
    GcpSmConfig,
    OnePasswordConfig,
    SecretBackend,
    SecretConfig,
)
from byteport.errors import BytePortError, ConfigError, MalformedInput, NotPermitted, TargetGone, Unavailable
from tests.integration.export.authority import Authority
from tests.integration.export.receivers import listening
from tests.integration.secrets.providers import PROJECTED, Connect, DopplerConfigOf, Google, ident

pytestmark = pytest.mark.peers

CANARY = "canary-of-a-provider"


async def refused(secrets: Secrets, name: str, kind: type[BytePortError]) -> str:
    with pytest.raises(kind) as error:
        await secrets.read(name)
    assert CANARY not in error.value.message
    assert "words of theirs" not in error.value.message
    return error.value.message


class World:
    """All three, each on a socket of its own, and a pod's files."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.authority, self.folder = authority, folder
        self.google = Google({"slack": [b"older", CANARY.encode()]})
        self.doppler = DopplerConfigOf("dp.st.prd.token", {"SLACK_TOKEN": CANARY})
        self.connect = Connect("a.connect.token", {"shop": {"slack": (3, {"password": "no", "token": CANARY})}})
        self.urls: dict[SecretBackend, str] = {}
        self.doppler_token = self.write("doppler", self.doppler.token)
        self.connect_token = self.write("connect", self.connect.token)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def secrets(
        self,
        backend: SecretBackend,
        *,
        version: str = "latest",
        vault: str | None = None,
        ca_file: Path | None = None,
    ) -> Secrets:
        config = SecretConfig(
            backend=backend,
            seconds=20,
            ca_file=ca_file or self.authority.ca_file,
            gcp_sm=GcpSmConfig(project="p", version=version, endpoint=self.urls[SecretBackend.GCP_SM]),
            doppler=DopplerConfig(token_file=self.doppler_token, endpoint=self.urls[SecretBackend.DOPPLER]),
            onepassword=OnePasswordConfig(
                address=self.urls[SecretBackend.ONEPASSWORD], token_file=self.connect_token, vault=vault
            ),
        )
        return chosen(config)


@pytest_asyncio.fixture
async def world(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    made = World(authority, tmp_path)
    tls = authority.server("localhost")
    async with (
        listening(made.google.answer, tls) as google,
        listening(made.doppler.answer, tls) as doppler,
        listening(made.connect.answer, tls) as connect,
    ):
        made.urls = {
            SecretBackend.GCP_SM: google.url(""),
            SecretBackend.DOPPLER: doppler.url(""),
            SecretBackend.ONEPASSWORD: connect.url(""),
        }
        credentials = {
            "type": "external_account",
            "audience": "//iam.googleapis.com/projects/4711/locations/global/workloadIdentityPools/p/providers/k",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": google.url("/v1/token"),
            "credential_source": {"file": str(made.write("projected", PROJECTED)), "format": {"type": "text"}},
        }
        path = made.write("credentials.json", json.dumps(credentials))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        yield made


async def test_google_gives_the_latest_version_or_the_one_that_is_named(world: World) -> None:
    assert (await world.secrets(SecretBackend.GCP_SM).read("slack")).reveal() == CANARY
    assert (await world.secrets(SecretBackend.GCP_SM, version="1").read("slack")).reveal() == "older"


async def test_a_member_of_googles_json_is_a_key(world: World) -> None:
    world.google.kept["both"] = [json.dumps({"token": CANARY}).encode()]
    assert (await world.secrets(SecretBackend.GCP_SM).read("both#token")).reveal() == CANARY


async def test_what_arrives_with_another_checksum_is_not_taken(world: World) -> None:
    world.google.checksum_off_by = 1
    assert "crc32c" in await refused(world.secrets(SecretBackend.GCP_SM), "slack", Unavailable)


@pytest.mark.claim("C-422")
async def test_review_16_of_google_refused_destroyed_and_absent_are_told_apart(world: World) -> None:
    world.google.denied.add("denied")
    world.google.kept["destroyed"] = [b"older", None]
    world.google.kept["bytes"] = [b"\xff"]
    secrets = world.secrets(SecretBackend.GCP_SM)
    assert "secretmanager.versions.access" in await refused(secrets, "denied", NotPermitted)
    await refused(secrets, "destroyed", TargetGone)
    await refused(secrets, "absent", TargetGone)
    await refused(secrets, "bytes", MalformedInput)
    await refused(secrets, "a/b", MalformedInput)
    await refused(secrets, "a.b", MalformedInput)


@pytest.mark.claim("C-422")
async def test_review_16_each_rotation_is_read_in_the_middle_of_an_activity(world: World) -> None:
    async with (
        world.secrets(SecretBackend.GCP_SM).reading() as google,
        world.secrets(SecretBackend.DOPPLER).reading() as doppler,
        world.secrets(SecretBackend.ONEPASSWORD).reading() as connect,
    ):
        before = [
            (await google.read("slack")).reveal(),
            (await doppler.read("SLACK_TOKEN")).reveal(),
            (await connect.read("shop/slack#token")).reveal(),
        ]
        world.google.kept["slack"].append(b"new")
        world.doppler.kept["SLACK_TOKEN"] = "new"
        world.connect.kept["shop"]["slack"] = (4, {"token": "new"})
        after = [
            (await google.read("slack")).reveal(),
            (await doppler.read("SLACK_TOKEN")).reveal(),
            (await connect.read("shop/slack#token")).reveal(),
        ]
    assert (before, after) == ([CANARY] * 3, ["new"] * 3)


@pytest.mark.claim("C-422")
async def test_review_16_a_version_that_went_back_is_stale(world: World) -> None:
    google, connect = world.secrets(SecretBackend.GCP_SM), world.secrets(SecretBackend.ONEPASSWORD)
    await google.read("slack")
    await connect.read("shop/slack#token")
    world.google.kept["slack"].pop()
    world.connect.kept["shop"]["slack"] = (2, {"token": "older"})
    await refused(google, "slack", Unavailable)
    await refused(connect, "shop/slack#token", Unavailable)


@pytest.mark.claim("C-423")
async def test_review_16_a_server_that_another_authority_vouches_for_is_shown_no_token(world: World) -> None:
    (world.folder / "stranger.pem").write_bytes(world.authority.stranger.cert_pem.bytes())
    for backend, name in {"gcp-sm": "slack", "doppler": "SLACK_TOKEN", "1password": "shop/slack#token"}.items():
        secrets = world.secrets(SecretBackend(backend), ca_file=world.folder / "stranger.pem")
        assert "secret.ca_file" in await refused(secrets, name, NotPermitted)
    assert world.google.tokens == set()


async def test_doppler_gives_what_a_config_has_to_whom_its_token_opens(world: World) -> None:
    secrets = world.secrets(SecretBackend.DOPPLER)
    assert (await secrets.read("SLACK_TOKEN")).reveal() == CANARY
    await refused(secrets, "ABSENT", TargetGone)
    await refused(secrets, "shop/prd/SLACK_TOKEN", MalformedInput)
    world.write("doppler", "dp.st.another")
    assert "secret.doppler.token_file" in await refused(secrets, "SLACK_TOKEN", NotPermitted)
    world.doppler_token.unlink()
    await refused(secrets, "SLACK_TOKEN", ConfigError)


async def test_connect_finds_a_field_by_names_and_by_ids(world: World) -> None:
    secrets = world.secrets(SecretBackend.ONEPASSWORD)
    assert (await secrets.read("shop/slack#token")).reveal() == CANARY
    assert (await secrets.read(f"{ident('shop')}/{ident('slack')}#token")).reveal() == CANARY
    assert (await secrets.read("shop/slack")).reveal() == "no"
    assert (await world.secrets(SecretBackend.ONEPASSWORD, vault="shop").read("slack#token")).reveal() == CANARY


async def test_of_connect_a_vault_an_item_a_field_and_a_token_that_are_not_right_are_told_apart(world: World) -> None:
    secrets = world.secrets(SecretBackend.ONEPASSWORD)
    for name in ("absent/slack#token", "shop/absent#token", "shop/slack#absent"):
        await refused(secrets, name, TargetGone)
    await refused(secrets, f"{'b' * 26}/slack#token", NotPermitted)
    await refused(secrets, "slack#token", MalformedInput)
    await refused(secrets, "a/b/c#token", MalformedInput)
    world.write("connect", "another")
    await refused(secrets, "shop/slack#token", NotPermitted)
