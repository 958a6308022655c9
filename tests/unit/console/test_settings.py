"""What must be set before the page is served at all; each is one line that names it."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from byteport.console.face import Approvers
from byteport.console.reached import Reached, reached
from byteport.contracts.console import ConsoleConfig
from byteport.errors import ConfigError
from tests.unit.trust.providers import CLIENT, ISSUER, Provider

WHOLE = {"url": "https://approve.example.com", "issuer": ISSUER, "client_id": CLIENT, "viewers": ["sre"]}


@pytest.mark.claim("C-446")
@pytest.mark.parametrize("missing", list(WHOLE))
def test_without_it_nothing_is_served(missing: str) -> None:
    config = ConsoleConfig.model_validate({name: value for name, value in WHOLE.items() if name != missing})
    with pytest.raises(ConfigError, match=rf"console\.{missing}"):
        reached(config)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://approve.example.com"},
        {"url": "https://approve.example.com/"},
        {"url": "https://u:p@approve.example.com"},
        {"issuer": "http://login.example.com"},
        {"issuer": "https://login.example.com?x=1"},
        {"health_address": "0.0.0.0:8080"},
        {"scopes": "openid  groups"},
        {"session_seconds": 86400},
        {"limits": {"body_bytes": True}},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ConsoleConfig.model_validate(WHOLE | wrong)


def test_a_list_without_our_client_is_refused_before_anybody_answers_in_vain(tmp_path: Path) -> None:
    to = Reached("https://approve.example.com", ISSUER, CLIENT, None, None)
    Approvers(Provider().mount(tmp_path), to).must_list_us()
    with pytest.raises(ConfigError, match=r"approvals\.issuers"):
        Approvers(Provider(client="another").mount(tmp_path), to).must_list_us()
