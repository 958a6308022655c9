"""The doctor asks the identity provider as the page does, and says when no answer from there would be taken, and what to run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from byteport.errors import ConfigError
from byteport.settings import Settings
from tests.integration.console.provider import CLIENT, Provider, SigningKey, first_key, new_key
from tests.integration.console.room import Certificates, issuers
from workers.preflight import Check, Outcome
from workers.sign_in_check import check_sign_in

pytestmark = pytest.mark.peers


def settings(folder: Path, provider: Provider, tls: Certificates, **console: Any) -> Settings:
    given = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "url": "https://approve.example",
        "viewers": ["sre"],
        "ca_file": str(tls.ca),
    }
    listed = folder / "issuers.yaml"
    return Settings.model_validate(
        {"cluster": {"name": "prod"}, "console": given | console, "approvals": {"issuers": str(listed)}}
    )


async def found(folder: Path, provider: Provider, tls: Certificates, **console: Any) -> Check:
    (check,) = await check_sign_in(settings(folder, provider, tls, **console))
    return check


@pytest.fixture(autouse=True)
def listed(tmp_path: Path, provider: Provider) -> Path:
    return issuers(tmp_path, provider, {"sub-ada": "ada"})


def renamed(listed: Path, issuer: str, other: str) -> None:
    listed.write_text(listed.read_text().replace(issuer, other))


async def test_where_all_fits_it_says_so(tmp_path: Path, provider: Provider, tls: Certificates) -> None:
    check = await found(tmp_path, provider, tls)
    assert (check.outcome, check.remedy) == (Outcome.OK, "")
    assert "each of its 1 key(s)" in check.finding


async def test_without_a_page_there_is_nothing_to_look_at() -> None:
    assert await check_sign_in(Settings.model_validate({"cluster": {"name": "prod"}})) == []


async def test_keys_of_last_year_are_told_with_the_command_that_fetches_those_of_now(
    tmp_path: Path, provider: Provider, tls: Certificates
) -> None:
    provider.keys = [new_key()]
    check = await found(tmp_path, provider, tls)
    assert check.outcome is Outcome.FAILED
    assert "none of the provider's keys" in check.finding
    assert check.remedy.startswith("curl --fail ")
    assert str(tmp_path / "login.jwks.json") in check.remedy


async def test_a_key_that_came_beside_the_known_one_is_a_warning(
    tmp_path: Path, provider: Provider, tls: Certificates
) -> None:
    provider.keys = [first_key(), new_key()]
    check = await found(tmp_path, provider, tls)
    assert check.outcome is Outcome.WARNING
    assert f"lacks keys of the provider: {provider.keys[1].kid}" in check.finding


async def test_another_key_by_a_known_name_is_told_apart(tmp_path: Path, provider: Provider, tls: Certificates) -> None:
    provider.keys = [SigningKey(first_key().kid, new_key().private)]
    check = await found(tmp_path, provider, tls)
    assert check.outcome is Outcome.FAILED
    assert "are not those of that name" in check.finding


@pytest.mark.parametrize("change", [{"client_id": "another"}, {"issuer": "https://login.example/"}])
async def test_a_provider_or_client_that_is_not_listed_to_the_letter_is_told(
    tmp_path: Path, provider: Provider, tls: Certificates, change: dict[str, str]
) -> None:
    check = await found(tmp_path, provider, tls, **change)
    assert check.outcome is Outcome.FAILED
    assert "does not list" in check.finding
    assert str(tmp_path / "issuers.yaml") in check.remedy


async def test_a_provider_that_calls_itself_otherwise_is_told(
    tmp_path: Path, provider: Provider, tls: Certificates, listed: Path
) -> None:
    other = provider.issuer.replace("127.0.0.1", "localhost")
    if other == provider.issuer:
        other = provider.issuer.replace("localhost", "127.0.0.1")
    renamed(listed, provider.issuer, other)
    check = await found(tmp_path, provider, tls, issuer=other)
    assert check.outcome is Outcome.WARNING
    assert "is of another issuer" in check.finding
    assert f"{other}/.well-known/openid-configuration" in check.remedy


async def test_a_provider_that_nobody_vouches_for_is_a_warning_and_not_a_crash(
    tmp_path: Path, provider: Provider, tls: Certificates
) -> None:
    check = await found(tmp_path, provider, tls, ca_file=None)
    assert check.outcome is Outcome.WARNING
    assert "openid-configuration" in check.remedy


async def test_settings_by_which_the_page_would_not_start_are_named(
    tmp_path: Path, provider: Provider, tls: Certificates
) -> None:
    with pytest.raises(ConfigError, match="viewers"):
        await found(tmp_path, provider, tls, viewers=[])
