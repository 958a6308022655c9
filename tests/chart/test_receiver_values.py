"""What the chart's schema takes of a receiver, the agent takes: one that is mistyped is refused before anything is applied.

Otherwise every process would end at its start, also those that never speak to a receiver.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example as such_as
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from byteport.contracts.receiver_addresses import HostAndPort, ProxyUrl, ReceiverUrl
from byteport.settings.audit import ExportConfig, WitnessConfig
from tests.chart.chart import CHART, rendered
from tests.chart.test_refusals import refusal

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
EXPORT = SCHEMA["properties"]["audit"]["properties"]["export"]["properties"]
WITNESS = SCHEMA["properties"]["audit"]["properties"]["witnesses"]["items"]["properties"]
KINDS = ("s3", "gcs", "syslog", "splunk", "webhook", "api")
LIMITS = {"pattern", "minimum", "maximum", "minLength", "maxLength"}
NARROWER = re.compile(
    r"\[(?!::1\]|[23][0-9a-f]{3}:|f[cd][0-9a-f]{2}:)|2002:|2001:0{0,4}:|fd00:|fd20:|:5efe:|:2005efe:", re.IGNORECASE
)
"""Of addresses of IPv6 the chart takes only those that are somebody's, which no pattern can tell as exactly as the agent."""


def resolved(node: dict[str, Any], among: dict[str, Any] = SCHEMA["$defs"]) -> dict[str, Any]:
    name = str(node.get("$ref", "")).rpartition("/")[2]
    return {**among[name], **node} if name else node


def limits(node: dict[str, Any]) -> dict[str, Any]:
    """Of a field of the agent's own, which may also be null there."""
    (found,) = [one for one in node.get("anyOf", [node]) if one.get("type") != "null"]
    return {key: value for key, value in {**node, **found}.items() if key in LIMITS}


@pytest.mark.parametrize("kind", KINDS)
def test_each_word_has_the_limits_that_it_has_in_the_settings(kind: str) -> None:
    model: type[BaseModel] = type(getattr(ExportConfig(), kind))
    fields = model.model_json_schema()["properties"]
    for name, node in EXPORT[kind]["properties"].items():
        told = {key: value for key, value in resolved(node).items() if key in LIMITS}
        assert told == limits(fields[name]), f"{kind}.{name}"


def test_a_witness_and_a_proxy_have_them_too() -> None:
    url = WitnessConfig.model_json_schema()["properties"]["url"]
    assert {key: resolved(WITNESS["url"])[key] for key in ("pattern", "maxLength")} == limits(url)
    proxy = limits(ExportConfig.model_json_schema()["properties"]["proxy"])
    told = resolved(EXPORT["proxy"])
    assert (told["pattern"], told["maxLength"]) == ("^$|" + proxy["pattern"], proxy["maxLength"])


def takes(node: dict[str, Any], text: str) -> bool:
    """Whether these patterns do, which say the same in Go's language as in Python's."""

    def matches(pattern: str) -> bool:
        return re.search(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern, text) is not None

    found = resolved(node)
    return (
        len(text) <= found["maxLength"]
        and matches(found["pattern"])
        and all(
            not matches(one["not"]["pattern"]) if "not" in one else matches(one["pattern"]) for one in found["allOf"]
        )
    )


def agent_takes(kind: Any, text: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return True


octets = st.one_of(st.sampled_from([0, 100, 127, 168, 169, 192, 200, 224, 254, 255]), st.integers(0, 300)).map(str)
quads = st.lists(octets, min_size=1, max_size=5).map(".".join)
groups = st.one_of(
    st.sampled_from(["", "0", "1", "ffff", "fe80", "a9fe", "fd00", "ec2", "2002", "64", "ff9b"]),
    st.text("0af1", max_size=5),
)
hosts = st.one_of(
    quads,
    st.lists(groups, min_size=1, max_size=9).map(":".join).map("[{}]".format),
    st.ip_addresses().map(lambda one: f"[{one}]" if one.version == 6 else str(one)),
    st.text("ab0x1.-_ü:[]%@", max_size=12),
    st.sampled_from(
        ["receiver.example", "localhost", "0xa9fea9fe", "0x7f.1", "1.e1", "a.0x", "a..b", "a.", "10.1", "-a"]
    ),
)
ports = st.one_of(
    st.just(""), st.integers(0, 99999).map(":{}".format), st.sampled_from([":", ":0443", ":65535", ":65536"])
)
paths = st.one_of(st.just(""), st.just("/"), st.text('/a:b?#@ü\n "é!~', max_size=8).map("/{}".format))
schemes = st.sampled_from(["https://", "http://", "HTTPS://", "", "ftp://"])
urls = st.builds("{}{}{}{}".format, schemes, hosts, ports, paths)


@pytest.mark.claim("C-145")
@given(urls)
@such_as("https://h.example:0/")
@such_as("https://h.example:99999/")
@such_as("https://169.254.169.254/b")
@such_as("https://h.example/ü")
@such_as("https://ünicode.example/")
@such_as("http://p.example:99999")
@such_as("https://h.example/\n")
@such_as("https://[fd00:ec2::254]/")
@such_as("https://[64:ff9b::a9fe:a9fe]/")
@such_as("https://2852039166/")
def test_what_the_chart_takes_the_agent_takes_and_the_reverse(text: str) -> None:
    bare = re.sub("^https?://", "", text)
    for node, kind, given_text in (
        (EXPORT["webhook"]["properties"]["url"], ReceiverUrl, text),
        (EXPORT["proxy"], ProxyUrl, text),
        (EXPORT["syslog"]["properties"]["address"], HostAndPort, bare),
    ):
        if not given_text:
            continue
        in_the_chart, in_the_agent = takes(node, given_text), agent_takes(kind, given_text)
        assert in_the_agent or not in_the_chart, given_text
        assert in_the_chart or not in_the_agent or NARROWER.search(given_text), given_text


@pytest.mark.parametrize(
    ("kind", "word", "value"),
    [
        *(("webhook", "url", f"https://h.example:{port}/") for port in (0, 65536, 99999)),
        *(
            ("webhook", "url", url)
            for url in ("https://169.254.169.254/b", "https://h.example/ü", "https://2852039166/")
        ),
        ("syslog", "address", "h.example:0"),
        ("splunk", "acknowledge_seconds", 91),
        *(("s3", "prefix", prefix) for prefix in ("/x/", "a//b", "x/")),
        *(
            ("s3", "endpoint", url)
            for url in ("https://[fd00:ec2::254]/", "https://[64:ff9b::a9fe:a9fe]/", "http://a/")
        ),
    ],
    ids=str,
)
def test_helm_refuses_it_and_names_the_word(kind: str, word: str, value: Any) -> None:
    assert f"audit/export/{kind}/{word}" in refusal({"audit": {"export": {kind: {word: value}}}})


def test_a_proxy_has_a_port_that_there_is_or_none() -> None:
    assert "audit/export/proxy" in refusal({"audit": {"export": {"proxy": "http://p.example:99999"}}})
    for proxy in ("", "http://p.example", "http://p.example:65535/", "https://[fd00::22]:3128"):
        assert rendered({"audit": {"export": {"proxy": proxy}}})


@pytest.mark.parametrize(
    ("ledger", "claim"),
    [({}, "byteport-state"), ({"volume": {"existingClaim": "mine"}}, "mine")],
    ids=["ours", "one's own"],
)
def test_the_log_is_not_collected_from_the_volume_that_holds_the_ledger(ledger: dict[str, Any], claim: str) -> None:
    """What collects it would reach the ledger and its keys; and what can change one could change the other."""
    said = refusal({"ledger": ledger, "audit": {"export": {"target": "file", "file": {"existingClaim": claim}}}})
    assert f"audit.export.file.existingClaim is {claim}" in said
