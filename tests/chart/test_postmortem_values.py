"""Postmortems by the chart: the settings as the agent reads them, and the one way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from byteport.contracts.postmortems import GitHubConfig, PostmortemTarget
from byteport.settings.postmortem import PostmortemConfig
from tests.chart.chart import CHART, objects, of_kind, only
from tests.chart.test_network import ports
from tests.chart.test_receiver_values import limits, resolved
from tests.chart.test_refusals import refusal
from tests.chart.test_settings import settings

SCHEMA = json.loads((CHART / "values.schema.json").read_text())["properties"]["postmortem"]["properties"]
BACKEND = {"backend": "k8s", "k8s": {"secrets": ["github"]}}
GITHUB: dict[str, Any] = {
    "target": "github",
    "github": {"repository": "acme/ops", "token": "github#token", "labels": ["incident"]},
}


def test_each_word_has_the_limits_that_it_has_in_the_settings() -> None:
    fields = GitHubConfig.model_json_schema()["properties"]
    told = SCHEMA["github"]["properties"]
    assert set(told) == set(fields)
    for name in ("repository", "token", "api"):
        wanted = limits(fields[name])
        found = {
            key: value
            for key, value in resolved(told[name]).items()
            if key in wanted and key in ("pattern", "maxLength")
        }
        assert {key: wanted[key] for key in found} == found, name
    assert set(SCHEMA["target"]["enum"]) == {target.value for target in PostmortemTarget}


def test_without_a_target_nothing_of_it_is_in_the_settings_and_nothing_more_is_reached(tmp_path: Path) -> None:
    assert settings({}, tmp_path).postmortem.target is None
    assert settings({"postmortem": {"github": {"repository": "acme/ops"}}}, tmp_path).postmortem.target is None
    assert "byteport-channels" not in {one["metadata"]["name"] for one in of_kind(objects(), "NetworkPolicy")}


def test_files_lie_beside_the_notices(tmp_path: Path) -> None:
    read = settings({"postmortem": {"target": "file"}}, tmp_path).postmortem
    assert read.folder == Path("/var/lib/byteport/notices/postmortems")


def test_issues_are_reached_by_the_processes_that_tell_people_at_their_port(tmp_path: Path) -> None:
    ca = {"channels_ca": {"name": "ca", "key": "ca.crt"}}
    on_premises = {**GITHUB, "github": {**GITHUB["github"], "api": "https://github.example:8443/api/v3"}}
    given = {"secret": BACKEND, "postmortem": on_premises, "secrets": ca}
    read: PostmortemConfig = settings(given, tmp_path).postmortem
    assert read.github.repository == "acme/ops"
    assert read.ca_file == Path("/run/byteport/keys/channels-ca.crt")
    policy = only(objects(given), "NetworkPolicy", "byteport-channels")["spec"]
    (chosen,) = policy["podSelector"]["matchExpressions"]
    assert chosen["values"] == ["rest", "notify"]
    assert ports(policy["egress"]) == {("TCP", 8443)}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"postmortem": {"target": "github", "github": {"token": "a#b"}}}, "postmortem.github.repository"),
        ({"postmortem": {"target": "github", "github": {"repository": "a/b"}}}, "postmortem.github.token"),
        ({"postmortem": GITHUB, "secret": {"backend": ""}}, "set secret.backend"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_applied(changes: dict[str, Any], says: str) -> None:
    assert says in refusal({"secret": BACKEND, **changes})
