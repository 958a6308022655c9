"""The collector of traces in a cluster: named once, reached by every process, with what it is spoken to with."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from byteport.contracts.traces import TracesConfig
from tests.chart.chart import objects, of_kind, only
from tests.chart.test_network import DNS, ports, reached
from tests.chart.test_receiver_values import SCHEMA, limits, resolved
from tests.chart.test_refusals import refusal

TRACES = SCHEMA["properties"]["telemetry"]["properties"]["traces"]["properties"]
ON: dict[str, Any] = {
    "telemetry": {"traces": {"endpoint": "https://collector.example:4318/v1/traces"}},
    "secrets": {"traces_headers": {"name": "collector"}, "traces_ca": {"name": "collector-ca"}},
}


def settings_of(values: dict[str, Any]) -> dict[str, Any]:
    config = only(objects(values), "ConfigMap", "byteport-config")
    read: dict[str, Any] = yaml.safe_load(config["data"]["config.yaml"])
    return read


@pytest.mark.claim("C-459")
def test_each_process_reaches_the_collector_and_only_where_one_is_named() -> None:
    for component in ("agent", "rest"):
        assert ("TCP", 4318) in ports(reached(ON, component))
        assert ("TCP", 4318) not in ports(reached(None, component))
    assert ports(reached(None, "rest")) == DNS | {("TCP", 7233)}


def test_the_files_are_there_where_the_settings_say() -> None:
    traces = settings_of(ON)["telemetry"]["traces"]
    assert TracesConfig.model_validate(traces).endpoint == "https://collector.example:4318/v1/traces"
    files = {"/run/byteport/keys/traces-headers", "/run/byteport/keys/traces-ca.crt"}
    assert {traces["headers_file"], traces["ca_file"]} == files
    for deployment in of_kind(objects(ON), "Deployment"):
        volumes = deployment["spec"]["template"]["spec"]["volumes"]
        items = {
            item["path"]
            for volume in volumes
            for source in volume.get("projected", {}).get("sources", [])
            for item in source.get("secret", {}).get("items", [])
        }
        assert items >= {"traces-headers", "traces-ca.crt"}, deployment["metadata"]["name"]


def test_without_a_collector_no_secret_of_it_is_mounted() -> None:
    values = {"secrets": ON["secrets"]}
    assert settings_of(values)["telemetry"]["traces"] == {}
    assert "traces-headers" not in str(objects(values))


def test_each_word_has_the_limits_that_it_has_in_the_settings() -> None:
    fields = TracesConfig.model_json_schema()["properties"]
    for name, node in TRACES.items():
        told = limits(resolved(node))
        assert told == limits(fields[name]), name


@pytest.mark.parametrize("endpoint", ["http://collector.example/v1/traces", "https://169.254.169.254/v1/traces"])
def test_a_collector_that_the_agent_would_refuse_is_refused_before_anything_is_applied(endpoint: str) -> None:
    assert "endpoint" in refusal({"telemetry": {"traces": {"endpoint": endpoint}}})
