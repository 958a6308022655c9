"""Which channels a process is wired with: those that the settings name, whose secrets come from the backend that they choose."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from byteport.contracts.channels import ChannelKind
from byteport.errors import ConfigError
from byteport.settings import Settings, load
from workers.telling import channels, pager

EVERY: dict[str, Any] = {
    "channels": "slack, teams, pagerduty, email, webhook",
    "slack": {"webhook": "slack#hook"},
    "teams": {"webhook": "teams#url"},
    "pagerduty": {"routing_key": "pagerduty#key"},
    "email": {"server": "smtp.example.com:587", "sender": "a@example.com", "to": ["b@example.com"]},
    "webhook": {"url": "https://hooks.example/in", "secret": "hook#secret"},
}


def settings(folder: Path, escalation: dict[str, Any], **more: Any) -> Settings:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({"cluster": {"name": "test"}, "escalation": escalation, **more}))
    return load(path, {})


def now() -> datetime:
    return datetime(2026, 3, 10, tzinfo=UTC)


def test_each_channel_that_is_named_is_made_and_no_secret_is_read_for_it(tmp_path: Path) -> None:
    made = channels(settings(tmp_path, EVERY, secret={"backend": "k8s"}), now)
    assert [one.kind for one in made] == list(ChannelKind)
    assert [one.kind for one in made if one.first_rung] == [ChannelKind.PAGERDUTY]


def test_without_a_secret_backend_the_process_says_so_at_its_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        pager(settings(tmp_path, EVERY), now)
    assert caught.value.key == "secret.backend"


def test_a_mail_server_that_asks_for_no_login_needs_no_secret_backend(tmp_path: Path) -> None:
    (made,) = channels(settings(tmp_path, EVERY | {"channels": ["email"]}), now)
    assert made.kind is ChannelKind.EMAIL


def test_without_channels_only_the_file_and_the_log_tell(tmp_path: Path) -> None:
    assert channels(settings(tmp_path, {}, secret={"backend": "k8s"}), now) == []


@pytest.mark.parametrize("name", ["channels", "to"])
def test_a_channel_or_an_address_that_is_none_is_refused_by_its_setting(tmp_path: Path, name: str) -> None:
    wrong = EVERY | {"channels": ["pigeon"]} if name == "channels" else EVERY | {"email": {"to": ["no address"]}}
    with pytest.raises(ConfigError, match="escalation"):
        settings(tmp_path, wrong)


def test_a_name_of_a_secret_that_may_be_the_secret_itself_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(tmp_path, EVERY | {"slack": {"webhook": "https://hooks.slack.com/services/T0/B0/hunter2"}})
    assert "hunter2" not in str(caught.value)
