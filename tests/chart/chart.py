"""The chart as Helm's own library renders it, with no helm binary, no cluster and no network.

Comes before every test of this folder, and before `tests/house/rendered.py`, which writes the snapshots. The library is a
wheel of Helm's Go packages; its Python face leaves out the Kubernetes version, so that one call goes to what lies below.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import helm_python
import yaml
from helm_python import _native

from byteport.boundary.chart import VALUES
from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.domain.ceilings import Sight
from byteport.kubernetes.port import JSON
from tests.house.tree import ROOT

CHART = ROOT / "charts" / "byteport-agent"
EXAMPLES = CHART / "examples"
RELEASE = "byteport"
NAMESPACE = "byteport-agent"
NEWEST, OLDEST = "v1.37.0", "v1.30.0"
"""Versions of Kubernetes that the chart is rendered for."""
EVERY_RECEIVER: dict[str, Any] = {
    "audit": {
        "witnesses": [
            {
                "url": "https://witness.example.com:8444",
                "key": "witness.example.com+35f0a9bb+BMhTrQ8M0rYZrqks7sT9VqJNZJnVhM55JX5Fz9gTm2Cn",
            }
        ],
        "export": {
            "target": "s3, gcs, syslog, splunk, webhook, file, api",
            "syslog": {"address": "syslog.example.com:6514"},
            "splunk": {"url": "https://splunk.example.com:8088"},
            "webhook": {"url": "https://hooks.example.com/byteport"},
            "file": {"existingClaim": "collected"},
            "api": {"url": "https://ledger.example.com"},
        },
    },
    "secrets": {
        "webhook_secret": {"name": "byteport-webhook"},
        "splunk_token": {"name": "byteport-splunk"},
        "syslog_certificate": {"name": "byteport-syslog"},
        "syslog_key": {"name": "byteport-syslog"},
        "receivers_ca": {"name": "byteport-receivers"},
    },
}
"""A small installation that sends the log everywhere."""
BEFORE_PROOF, FIRST_PROOF = "v1.35.4", "v1.36.0"
"""The last minor version whose API server cannot prove a rollback, and the first whose can: the rendering differs."""

Values = Mapping[str, Any]


@cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


def chart_without_schema(folder: Path) -> helm_python.Chart:
    """The chart as `--skip-schema-validation` has it: nothing but the templates looks at the values. It is copied there."""
    copy = folder / CHART.name
    shutil.copytree(CHART, copy, ignore=shutil.ignore_patterns("values.schema.json"))
    return helm_python.Chart.load(copy)


def rendered(
    values: Values | None = None, *, kubernetes: str = NEWEST, namespace: str = NAMESPACE, upgrade: bool = False
) -> dict[str, str]:
    """Every file of the chart as `helm template` prints it, by its path. Raises `helm_python.HelmError`."""
    options = {
        "name": RELEASE,
        "namespace": namespace,
        "kube_version": kubernetes,
        "is_install": not upgrade,
        "is_upgrade": upgrade,
    }
    return dict(_rendered(json.dumps(values or {}), json.dumps(options)))


@lru_cache(maxsize=64)
def _rendered(values: str, options: str) -> dict[str, str]:
    """Most tests look at one of a few renderings."""
    chart().validate_schema(json.loads(values))
    text = _native.call_string("helm_render", chart()._raw(), values, options)
    files: dict[str, str] = json.loads(text)
    return {name.removeprefix("byteport-agent/"): body for name, body in files.items()}


def objects_of(files: Mapping[str, str], *, beginning: str = "templates/") -> list[JSON]:
    """Every object in the files whose path begins so."""
    found: list[JSON] = []
    for name, text in files.items():
        if name.startswith(beginning) and name.endswith(".yaml"):
            found += [item for item in yaml.load_all(text, Loader=_Loader) if item]
    return found


def objects(values: Values | None = None, *, kubernetes: str = NEWEST, beginning: str = "templates/") -> list[JSON]:
    """Every object that is applied for these values."""
    return objects_of(rendered(values, kubernetes=kubernetes), beginning=beginning)


def only(items: list[JSON], kind: str, name: str | None = None) -> JSON:
    """The one object of that kind (and name)."""
    (found,) = [item for item in items if item["kind"] == kind and name in (None, item["metadata"]["name"])]
    return found


def of_kind(items: list[JSON], kind: str) -> list[JSON]:
    return [item for item in items if item["kind"] == kind]


def pod_specs(items: list[JSON]) -> Iterator[tuple[str, JSON]]:
    """Every pod that the objects make, by its owner's name."""
    for item in items:
        if item["kind"] == "Pod":
            yield item["metadata"]["name"], item["spec"]
        elif item["kind"] in ("Deployment", "DaemonSet", "Job"):
            yield item["metadata"]["name"], item["spec"]["template"]["spec"]


def containers(spec: JSON) -> list[JSON]:
    return [*spec.get("initContainers", []), *spec["containers"]]


def values_of(choices: Choices) -> dict[str, Any]:
    """The chart's values that say what `choices` says."""
    return {
        "runbooks": {word: name in choices.runbooks for name, word in VALUES.items()},
        "sight": choices.sight.value,
        "nodeHelper": {"enabled": choices.helper, "namespace": choices.helper_namespace},
        "protectedNamespaces": list(choices.protected),
        "events": {"enabled": choices.events},
    }


def default_choices(**changes: Any) -> Choices:
    """What the chart's own defaults choose: the namespace of the in-cluster Temporal is protected by itself."""
    return Choices(**{"runbooks": EVERY_RUNBOOK, "sight": Sight.NAMESPACED, "protected": ("temporal",), **changes})


def example(name: str) -> dict[str, Any]:
    """The values of one of the chart's examples."""
    plain = yaml.safe_load((EXAMPLES / name).read_text())
    return plain if isinstance(plain, dict) else {}


def _on_postgresql() -> dict[str, Any]:
    values = example("production.yaml")
    passwords = {f"database_{login}": {"name": "byteport-database"} for login in LOGINS}
    postgresql = {"address": "db.example.com:5432"}
    return {**values, "ledger": {"postgresql": postgresql}, "secrets": {**values["secrets"], **passwords}}


LOGINS = ("agent", "ledger", "export", "signer")
POSTGRES = _on_postgresql()
"""A process for every privilege, and the ledger in PostgreSQL."""


def version_of(path: Path = CHART / "Chart.yaml") -> dict[str, Any]:
    plain = yaml.safe_load(path.read_text())
    assert isinstance(plain, dict)
    return plain


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads a plain word as Helm and the API server do: `1e3` is a number there, and a string for PyYAML."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)
