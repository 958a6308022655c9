"""The channels to people by the chart: the settings as the agent reads them, a file of authorities, and the one way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from byteport.contracts.channels import ChannelKind, SmtpTls
from byteport.settings.people import ChannelSettings, PeopleConfig
from tests.chart.chart import CHART, objects, of_kind, only
from tests.chart.test_network import ports
from tests.chart.test_receiver_values import limits, resolved
from tests.chart.test_refusals import refusal
from tests.chart.test_settings import settings

SCHEMA = json.loads((CHART / "values.schema.json").read_text())["properties"]
ESCALATION = SCHEMA["escalation"]["properties"]
BACKEND = {"backend": "k8s", "k8s": {"secrets": ["slack", "pagerduty", "smtp"]}}
ALL: dict[str, Any] = {
    "channels": ["slack", "teams", "pagerduty", "email", "webhook"],
    "by_rung": [["slack"], ["slack", "pagerduty"]],
    "slack": {"token": "slack#token", "channel": "C0123456789"},
    "teams": {"webhook": "teams#url"},
    "pagerduty": {"routing_key": "pagerduty#key"},
    "email": {
        "server": "smtp.example.com:587",
        "user": "byteport",
        "password": "smtp#password",
        "sender": "byteport@example.com",
        "to": ["oncall@example.com"],
    },
    "webhook": {"url": "https://hooks.example:8443/in", "secret": "hook#secret"},
}


def values(**escalation: Any) -> dict[str, Any]:
    return {"secret": BACKEND, "escalation": {**ALL, **escalation}}


@pytest.mark.parametrize("section", ["slack", "teams", "pagerduty", "email", "webhook"])
def test_each_word_has_the_limits_that_it_has_in_the_settings(section: str) -> None:
    fields = type(getattr(ChannelSettings(), section)).model_json_schema()["properties"]
    assert set(ESCALATION[section]["properties"]) == set(fields)
    for name, node in ESCALATION[section]["properties"].items():
        if node.get("type") == "array" or "enum" in node:
            continue
        told = {key: value for key, value in resolved(node).items() if key in ("pattern", "maxLength")}
        wanted = limits(fields[name])
        assert {key: told[key] for key in wanted if key in told} == wanted, f"{section}.{name}"
    assert set(ESCALATION["email"]["properties"]["tls"]["enum"]) == {tls.value for tls in SmtpTls}
    assert set(ESCALATION["channels"]["items"]["enum"]) == {kind.value for kind in ChannelKind}


def test_the_agent_reads_which_channels_were_chosen_and_where_people_answer(tmp_path: Path) -> None:
    page = {
        "people": {"page_url": "https://byteport.example"},
        "secrets": {"channels_ca": {"name": "ca", "key": "ca.crt"}},
    }
    read = settings({**values(), **page}, tmp_path)
    assert [kind.value for kind in read.escalation.channels] == ALL["channels"]
    assert [[kind.value for kind in rung] for rung in read.escalation.by_rung] == ALL["by_rung"]
    assert read.escalation.email.to == ("oncall@example.com",)
    assert read.escalation.ca_file == Path("/run/byteport/keys/channels-ca.crt")
    assert read.people == PeopleConfig(page_url="https://byteport.example")


def test_without_channels_nothing_more_is_reached(tmp_path: Path) -> None:
    read = settings({}, tmp_path)
    assert (read.escalation.channels, read.escalation.ca_file, read.people.page_url) == ((), None, None)
    assert "byteport-channels" not in {one["metadata"]["name"] for one in of_kind(objects(), "NetworkPolicy")}


def test_only_the_processes_that_tell_people_reach_the_channels_and_at_their_ports() -> None:
    policy = only(objects(values(proxy="http://proxy.example:3128")), "NetworkPolicy", "byteport-channels")["spec"]
    (chosen,) = policy["podSelector"]["matchExpressions"]
    assert chosen["values"] == ["rest", "notify"]
    assert policy["policyTypes"] == ["Egress"]
    assert ports(policy["egress"]) == {("TCP", port) for port in (443, 587, 8443, 3128)}


def test_an_authority_of_the_channels_lies_where_people_are_told_and_nowhere_else() -> None:
    given = {**values(), "secrets": {"channels_ca": {"name": "internal-ca", "key": "ca.crt"}}}
    for process, has_it in (("byteport-rest", True), ("byteport-agent", False)):
        spec = only(objects(given), "Deployment", process)["spec"]["template"]["spec"]
        assert ("internal-ca" in json.dumps(spec["volumes"])) is has_it


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"escalation": {"channels": ["slack"]}}, "escalation.slack.token and channel"),
        ({"escalation": {"channels": ["teams"]}}, "escalation.teams.webhook"),
        ({"escalation": {"channels": ["email"], "email": {"server": "a.example:587"}}}, "escalation.email.sender"),
        ({"escalation": {"by_rung": [["slack"]]}}, "escalation.by_rung names slack"),
        (
            {"secret": {"backend": ""}, "escalation": {"channels": ["teams"], "teams": {"webhook": "a#b"}}},
            "set secret.backend",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_applied(changes: dict[str, Any], says: str) -> None:
    assert says in refusal({"secret": BACKEND, **changes})
