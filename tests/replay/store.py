"""Where recorded histories lie, and how one is read: `histories/STORY/WORKFLOW-ID.json`, its schedule in `golden/STORY.json`.

A payload opens only under the id of its workflow, so the id is the file's name, with `~` for each `:` (which no id of
ours holds). The key is published: it is for these histories and for nothing else. `record.py` writes, the tests read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter

from byteport.temporal.converter import data_converter
from byteport.temporal.keys import KeyRing, PayloadKey

HERE = Path(__file__).parent
HISTORIES = HERE / "histories"
GOLDEN = HERE / "golden"
KEY = HERE / "key"

RECORD_AGAIN = "make record-histories"


def published_key() -> str:
    """The key as 64 hex digits."""
    return next(line for line in KEY.read_text().splitlines() if line and not line.startswith("#"))


def converter() -> DataConverter:
    """Production's converter, with the published key."""
    return data_converter(KeyRing((PayloadKey(bytes.fromhex(published_key())),)))


def file_name(workflow_id: str) -> str:
    assert "~" not in workflow_id
    return workflow_id.replace(":", "~") + ".json"


def workflow_id(path: Path) -> str:
    return path.name.removesuffix(".json").replace("~", ":")


def stories() -> list[str]:
    """Every recorded story, by name."""
    return sorted(path.name for path in HISTORIES.iterdir() if path.is_dir())


def history(story: str) -> WorkflowHistory:
    """The history of a story, payloads as they were stored."""
    (path,) = (HISTORIES / story).glob("*.json")
    return WorkflowHistory.from_json(workflow_id(path), path.read_text())


def golden(story: str) -> Any:
    """What the story scheduled when it was recorded, with placeholders for what differs between recordings."""
    return json.loads((GOLDEN / f"{story}.json").read_text())


def write(story: str, recorded: WorkflowHistory, scheduled: Any) -> None:
    folder = HISTORIES / story
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    (folder / file_name(recorded.workflow_id)).write_text(recorded.to_json() + "\n")
    GOLDEN.mkdir(exist_ok=True)
    (GOLDEN / f"{story}.json").write_text(json.dumps(scheduled, indent=1, sort_keys=True) + "\n")
