"""No value can be taken away: Helm drops a key that is set to null before the schema sees it, and no template knows of it.

An empty list of peers is every peer, and a switch that is gone is off. So every key that `values.yaml` sets is required, and
what is rendered all the same (Helm can be told to skip the schema) is looked at once more: `test_network.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart.chart import CHART, chart
from tests.chart.test_refusals import refusal

Path = tuple[str, ...]

MISSING = re.compile(r"at '(?P<where>[^']*)': missing propert(?:y|ies) (?P<names>'.*')$", re.MULTILINE)
EMPTY = re.compile(r"at '(?P<where>[^']*)': minProperties: got 0, want 1$", re.MULTILINE)
LABELS: set[Path] = {("networkPolicy", "dns", "podLabels"), ("metrics", "dashboard", "labels")}
"""Labels of somebody else's, each of which may be taken away for another, but not all of them."""


def every_key(node: dict[str, Any], above: Path = ()) -> Iterator[Path]:
    for key, value in node.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from every_key(value, (*above, key))


KEYS = list(every_key(yaml.safe_load((CHART / "values.yaml").read_text())))


def without(*paths: Path) -> dict[str, Any]:
    """Values that set each of these to null."""
    values: dict[str, Any] = {}
    for path in paths:
        node = values
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = None
    return values


def named(said: str) -> set[Path]:
    """Every key, or whole set of labels, that a refusal says is not there."""
    gone = {
        (*place(found["where"]), name)
        for found in MISSING.finditer(said)
        for name in re.findall(r"'([^']+)'", found["names"])
    }
    return gone | {place(found["where"]) for found in EMPTY.finditer(said)}


def place(pointer: str) -> Path:
    return tuple(pointer.split("/")[1:])


@pytest.mark.claim("C-145")
@pytest.mark.claim("C-148")
@pytest.mark.parametrize("depth", range(1, max(map(len, KEYS)) + 1))
def test_every_key_that_is_set_to_null_is_named_as_missing(depth: int) -> None:
    """All keys of one depth at once: each is required by itself, so that none hides behind another."""
    gone = [path for path in KEYS if len(path) == depth]
    wanted = {path[:-1] if path[:-1] in LABELS else path for path in gone}
    assert named(refusal(without(*gone))) == wanted


@pytest.mark.claim("C-148")
@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("sight",), "at '': missing property 'sight'"),
        (("networkPolicy", "enabled"), "at '/networkPolicy': missing property 'enabled'"),
        (("networkPolicy", "apiServer", "cidrs"), "at '/networkPolicy/apiServer': missing property 'cidrs'"),
        (("networkPolicy", "dns", "podLabels", "k8s-app"), "at '/networkPolicy/dns/podLabels': minProperties"),
        (("policy", "disk_percent"), "at '/policy/disk_percent': got null, want integer"),
        (
            ("metrics", "scrapeFrom", "podLabels", "app"),
            "at '/metrics/scrapeFrom/podLabels/app': got null, want string",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_null_is_refused_in_one_line_also_where_no_default_stands(path: Path, line: str) -> None:
    (found,) = [one for one in refusal(without(path)).splitlines() if one.startswith("- ")]
    assert line in found


def test_helm_drops_a_key_that_is_null_before_the_schema_sees_it() -> None:
    """Without that, `required` would be needless: the schema would see a null, which has the wrong type."""
    assert "sight" not in chart().merge_values({"sight": None})


def test_a_label_of_somebody_elses_can_be_another() -> None:
    labels = {"k8s-app": None, "dns.operator.openshift.io/daemonset-dns": "default"}
    merged = chart().merge_values({"networkPolicy": {"dns": {"podLabels": labels}}})
    assert merged["networkPolicy"]["dns"]["podLabels"] == {"dns.operator.openshift.io/daemonset-dns": "default"}
    chart().validate_schema({"networkPolicy": {"dns": {"podLabels": labels}}})
