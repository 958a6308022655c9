"""`byteport replay` on a recorded history: told as a timeline, and the code found to do the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from byteport.cli.exits import Exit
from byteport.cli.main import invoke
from tests.replay import store


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings that name the published key, in a file that is the owner's only."""
    key = tmp_path / "payload.key"
    key.touch(mode=0o600)
    key.write_text(store.KEY.read_text())
    path = tmp_path / "config.yaml"
    path.write_text("cluster: {name: test}\ntemporal: {payload_key_file: payload.key}\n")
    return path


def replay(config: Path, story: str, workflow_id: str) -> int:
    (file,) = (store.HISTORIES / story).glob("*.json")
    return invoke(["--config", str(config), "replay", str(file), "--workflow-id", workflow_id, "--json"])


@pytest.mark.parametrize("story", ["remediation-closed-acted", "remediation-open-at-await", "approval-closed-approved"])
def test_a_recorded_history_is_told_and_replayed(config: Path, story: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(config, story, store.history(story).workflow_id) == Exit.OK
    told = json.loads(capsys.readouterr().out)
    assert told["replay"] == {"same": True, "failure": None, "differences": []}
    assert len(told["timeline"]) > 3


def test_under_another_id_it_does_not_open(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(config, "remediation-closed-acted", "remediate:another") == Exit.REFUSED
    assert "another workflow" in capsys.readouterr().err
