"""A string that is a value arrives as that string: `null`, `true` or `1e3` without quotation marks are of another type in YAML.

`namespace: null` is no namespace, which Helm takes for the release's: what may be done in the node helper's would be done
there. So a rendering with such a word everywhere must be the rendering with a plain word, but for the word.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart.chart import CHART, EVERY_RECEIVER, objects, objects_of, of_kind

Path = tuple[str, ...]

WORDS = ["null", "true", "on", "123", "1e3"]
PLAIN = "zzplain"
"""In no other word of the chart: where it stands in a rendering, a value stands."""
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
ALL_ON: dict[str, Any] = {
    "nodeHelper": {"enabled": True},
    "metrics": {
        "serviceMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    },
    **EVERY_RECEIVER,
    "secret": {"backend": "vault", "vault": {"address": "https://vault.example.com"}},
    "clouds": {
        "sources": ["prometheus"],
        "prometheus": {"url": "https://prometheus.example.com"},
    },
    "cluster": {"uid": "0" * 36},
    "telemetry": {"traces": {"endpoint": "https://collector.example.com/v1/traces"}},
    "ledger": {"postgresql": {"address": "db.example.com:5432"}},
    "alerts": {
        "enabled": True,
        "client_certificates": [{"spiffe": "spiffe://example.com/alertmanager"}],
        "ingressFrom": [{"podSelector": {"matchLabels": {"app": "alertmanager"}}}],
    },
    "codec": {
        "enabled": True,
        "ui_origin": "https://temporal.example.com",
        "issuer": "https://login.example.com",
        "readers": ["sre"],
        "ingressFrom": [{"podSelector": {"matchLabels": {"app": "gateway"}}}],
    },
    "console": {
        "enabled": True,
        "url": "https://approve.example.com",
        "issuer": "https://login.example.com",
        "viewers": ["sre"],
        "ingressFrom": [{"podSelector": {"matchLabels": {"app": "gateway"}}}],
    },
}


def leaves(node: dict[str, Any], above: Path = ()) -> Iterator[Path]:
    """Every string of the values, by its path."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from leaves(value, (*above, key))
        elif isinstance(value, str):
            yield (*above, key)


def admits(path: Path, word: str) -> bool:
    """Whether the schema takes this string there."""
    node = SCHEMA
    for key in path:
        inside = node.get("properties", {}).get(key, node.get("additionalProperties"))
        assert isinstance(inside, dict), path
        node = {**SCHEMA["$defs"].get(inside.get("$ref", "").rpartition("/")[2], {}), **inside}
    if "enum" in node:
        return word in node["enum"]
    return re.search(node.get("pattern", ""), word) is not None


LEAVES = list(leaves(DEFAULTS))
SOMETIMES = {
    ("ledger", "volume", "existingClaim"),  # Then the class and size of the chart's own are asked for by nothing.
    ("temporal", "payload_keys"),  # In the place of `secrets.payload_key`: `of_a_backend`.
}


def everywhere(paths: list[Path], word: str) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(ALL_ON))
    for path in paths:
        node = values
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = word
    return values


def in_lists(word: str) -> dict[str, Any]:
    """Names in lists, and what no other case of here asks for."""
    return {
        "namespaces": [{"name": word, "mode": "auto", "rollback": [word], "hpa": [word]}],
        "image": {"pullSecrets": [{"name": word}]},
        "nodeHelper": {"enabled": True, "image": {"pullSecrets": [{"name": word}]}},
        "ledger": {"volume": {"existingClaim": word}},
        "policy": {"mode": "auto", "mode_by_namespace": {word: "observe"}, "rollback_allowed": [f"{word}/{word}"]},
    }


def of_temporal(word: str) -> dict[str, Any]:
    """A namespace that is a part of an address, and one that is protected."""
    return {"temporal": {"address": f"{word}.{word}.svc:7233"}, "protectedNamespaces": [word]}


def of_a_backend(word: str) -> dict[str, Any]:
    """Payload keys that are a secret, of which only the name is known here."""
    keys = ("body_key", "grant_key", "grant_public_key", "checkpoint_key")
    return {
        "temporal": {"payload_keys": word},
        "secret": {"backend": "k8s", "k8s": {"secrets": [word]}},
        "secrets": {key: {"name": "keys"} for key in keys},
    }


def labelled(word: str) -> dict[str, Any]:
    """Labels of one's own, in keys and values."""
    labels = {word: word}
    metrics = {key: {"enabled": True, "labels": labels} for key in ("serviceMonitor", "prometheusRule", "dashboard")}
    rule = {"to": [{"podSelector": {"matchLabels": labels}}], "ports": [{"port": 1}]}
    scheduling = {"nodeSelector": labels, "tolerations": [{"key": word, "value": word}]}
    return {
        "metrics": {**metrics, "scrapeFrom": {"podLabels": labels}},
        "networkPolicy": {"extraEgress": [rule], "dns": {"podLabels": labels}},
        "scheduling": scheduling,
        "nodeHelper": {"enabled": True, **{key: scheduling[key] for key in ("nodeSelector", "tolerations")}},
    }


def applied(values: dict[str, Any]) -> Any:
    """What is applied, with the YAML in its ConfigMaps read too, and without the sum over it."""
    items = objects(values)
    for item in of_kind(items, "ConfigMap"):
        for name in [name for name in item.get("data", {}) if name.endswith(".yaml")]:
            item["data"][name] = objects_of({name: item["data"][name]}, beginning="")
    for item in of_kind(items, "Deployment"):
        del item["spec"]["template"]["metadata"]["annotations"]["byteport.io/settings"]
    return items


def said_with(node: Any, word: str) -> Any:
    """The same with this word for the plain one, in every key and every string."""
    if isinstance(node, dict):
        return {said_with(key, word): said_with(value, word) for key, value in node.items()}
    if isinstance(node, list):
        return [said_with(value, word) for value in node]
    return node.replace(PLAIN, word) if isinstance(node, str) else node


@pytest.mark.parametrize("word", WORDS)
def test_every_string_of_the_values_arrives_as_that_string(word: str) -> None:
    paths = [path for path in LEAVES if path not in SOMETIMES and admits(path, word) and admits(path, PLAIN)]
    assert ("nodeHelper", "namespace") in paths or not word[0].isalpha()
    assert applied(everywhere(paths, word)) == said_with(applied(everywhere(paths, PLAIN)), word)


@pytest.mark.parametrize("values", [in_lists, of_temporal, of_a_backend, labelled])
@pytest.mark.parametrize("word", WORDS)
def test_so_does_a_name_in_a_list_a_label_or_a_part_of_an_address(values: Any, word: str) -> None:
    assert applied(values(word)) == said_with(applied(values(PLAIN)), word)


def test_every_such_string_is_asked_for_by_something_that_is_applied() -> None:
    """Otherwise the tests above would show nothing of it."""
    values: dict[str, Any] = json.loads(json.dumps(ALL_ON))
    marks = {path: f"m{number}m" for number, path in enumerate(LEAVES) if path not in SOMETIMES and admits(path, PLAIN)}
    for path, mark in marks.items():
        node = values
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = mark
    values["cluster"]["uid"] = "0" * 36
    found: set[Path] = set()
    for processes in ("small", "each"):
        text = json.dumps(applied({**values, "processes": processes}))
        found |= {path for path, mark in marks.items() if mark in text}
    assert found == set(marks)
