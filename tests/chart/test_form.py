"""The chart is well formed: it lints, renders with no values at all, and every object is one that Kubernetes takes."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import helm_python
import kubernetes_validate
import kubernetes_validate.utils
import pytest

from byteport.kubernetes.port import JSON
from tests.chart.chart import (
    BEFORE_PROOF,
    CHART,
    EXAMPLES,
    FIRST_PROOF,
    NEWEST,
    OLDEST,
    example,
    objects,
    version_of,
)

MONITORING = "monitoring.coreos.com/v1"
"""Kinds of the Prometheus operator: no part of Kubernetes, looked at by hand in `test_metrics.py`."""

EVERYTHING: dict[str, Any] = {
    **example("production.yaml"),
    "nodeHelper": {"enabled": True},
    "sight": "cluster",
}

VERSIONS = (OLDEST, BEFORE_PROOF, FIRST_PROOF, NEWEST)

_schema = cache(kubernetes_validate.utils.schema_contents)


@pytest.fixture(autouse=True)
def _schemas_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library reads a file of megabytes for every object."""
    monkeypatch.setattr(kubernetes_validate.utils, "schema_contents", _schema)


@pytest.mark.parametrize("values", [{}, *(example(path.name) for path in sorted(EXAMPLES.glob("*.yaml")))])
def test_it_lints_without_an_error_or_a_warning(values: dict[str, Any]) -> None:
    report = helm_python.lint(CHART, values, strict=True, namespace="byteport-agent", kube_version=NEWEST)
    said = [message for message in report["messages"] if message["severity"] > 1]
    assert (said, report["errors"]) == ([], [])


@pytest.mark.parametrize("kubernetes", VERSIONS)
@pytest.mark.parametrize("values", [{}, example("air-gap.yaml"), EVERYTHING], ids=["none", "air-gap", "everything"])
def test_every_object_is_one_that_kubernetes_takes(values: dict[str, Any], kubernetes: str) -> None:
    wrong = [
        complaint
        for item in objects(values, kubernetes=kubernetes)
        if item["apiVersion"] != MONITORING and (complaint := _complaint(item, kubernetes))
    ]
    assert wrong == []


@pytest.mark.parametrize("kubernetes", VERSIONS)
def test_each_version_is_looked_at_by_its_own_schema(kubernetes: str) -> None:
    """Where the library has none of that version it takes an older one without a word."""
    published = {kubernetes_validate.utils.major_minor(one) for one in kubernetes_validate.utils.all_versions()}
    assert kubernetes_validate.utils.major_minor(kubernetes.removeprefix("v")) in published


def test_the_proof_of_rollbacks_is_rendered_from_the_first_version_that_takes_it() -> None:
    proving = [any(item["kind"].startswith("Mutating") for item in objects(kubernetes=one)) for one in VERSIONS]
    assert proving == [False, False, True, True]


def _complaint(item: JSON, kubernetes: str) -> str:
    """What the published schema of that version says against an object, unknown fields included."""
    try:
        kubernetes_validate.validate(item, kubernetes, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{item['kind']} {item['metadata']['name']}: {'.'.join(map(str, error.path))}: {error.message}"
    return ""


def test_no_object_is_there_twice() -> None:
    keys = [
        (item["apiVersion"], item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
        for item in objects(EVERYTHING)
    ]
    assert sorted(map(str, set(keys))) == sorted(map(str, keys))


def test_everything_of_a_namespace_names_one_of_ours_or_one_that_was_given() -> None:
    given = {one["name"] for one in EVERYTHING["namespaces"]}
    named = {item["metadata"].get("namespace", "") for item in objects(EVERYTHING)}
    assert named - given == {"", "byteport-agent", "byteport-node", "default"}


@pytest.mark.claim("C-146")
def test_review_25_an_uninstall_leaves_nothing_of_it_behind() -> None:
    """Nothing is kept, nothing finalises, and what is no part of the release (a hook) removes itself."""
    for item in objects(EVERYTHING):
        metadata = item["metadata"]
        notes = metadata.get("annotations", {})
        assert "helm.sh/resource-policy" not in notes
        assert "finalizers" not in metadata
        if "helm.sh/hook" in notes:
            assert "hook-succeeded" in notes["helm.sh/hook-delete-policy"]
    assert not (CHART / "crds").exists()


def test_every_object_is_labelled_as_ours() -> None:
    bare = [
        (item["kind"], item["metadata"]["name"])
        for item in objects(EVERYTHING)
        if item["metadata"].get("labels", {}).get("app.kubernetes.io/part-of") != "byteport"
    ]
    assert bare == []


def test_it_asks_for_a_kubernetes_that_has_what_it_rests_on() -> None:
    assert version_of()["kubeVersion"] == ">=1.30.0-0"
    assert helm_python.Chart.load(CHART).metadata["appVersion"] == version_of()["appVersion"]


def test_two_renderings_are_the_same_bytes() -> None:
    assert json.dumps(objects(EVERYTHING)) == json.dumps(objects(EVERYTHING))
