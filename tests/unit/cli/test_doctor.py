"""`byteport doctor --installation`: what holds the agent, with a person's own credentials, and nothing else of theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Run
from workers.preflight import Check, Outcome

WHOLE = Check("boundary", Outcome.OK, "whole and enforced; 2 namespace(s) given, Kubernetes v1.37.2")
BROKEN = Check("boundary", Outcome.FAILED, "granted and needed by nothing: get secrets in shop", "kubectl get …")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path | None, str | None]]:
    """With what it was looked; the answer is `checks`."""
    calls: list[tuple[Path | None, str | None]] = []

    async def examined(kubeconfig: Path | None, context: str | None) -> list[Check]:
        calls.append((kubeconfig, context))
        return [WHOLE] if context != "broken" else [WHOLE, BROKEN]

    monkeypatch.setattr("workers.boundary_doctor.examine_installation", examined)
    return calls


def test_it_needs_no_settings_and_a_whole_boundary_is_0(
    byteport: Run, asked: list[tuple[Path | None, str | None]]
) -> None:
    said = byteport("doctor", "--installation")
    assert said.code == 0
    assert "whole and enforced; 2 namespace(s) given" in said.out
    assert "What to run" not in said.out
    assert asked == [(None, None)]


def test_a_kubeconfig_or_a_context_says_it_too(byteport: Run, asked: list[tuple[Path | None, str | None]]) -> None:
    byteport("doctor", "--kubeconfig", "admin.yaml")
    byteport("doctor", "--context", "prod")
    assert asked == [(Path("admin.yaml"), None), (None, "prod")]


def test_what_is_not_whole_is_1_for_people_and_for_scripts(
    byteport: Run, asked: list[tuple[Path | None, str | None]]
) -> None:
    said = byteport("doctor", "--context", "broken")
    assert said.code == 1
    assert "get secrets in shop" in said.out
    assert said.out.endswith("\nWhat to run\n  boundary: kubectl get …\n")
    told = byteport("doctor", "--context", "broken", "--json")
    assert told.code == 1
    assert [(one["outcome"], one["remedy"]) for one in json.loads(told.out)] == [
        ("ok", ""),
        ("failed", "kubectl get …"),
    ]


@pytest.mark.claim("C-407")
def test_the_rights_at_the_sources_of_metrics_are_looked_at_by_themselves(
    byteport: Run, configured: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def checked(_settings: object) -> list[Check]:
        return [Check("metrics aws", Outcome.FAILED, "iam:CreateAccessKey: the role has it and must not", "look again")]

    monkeypatch.setattr("workers.clouds.check_clouds", checked)
    said = byteport("doctor", "--metrics", "--json")
    assert said.code == 1
    assert [(one["name"], one["outcome"]) for one in json.loads(said.out)] == [("metrics aws", "failed")]
