"""What a release changed, as kinds of things; and that nothing which differs goes unnoticed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byteport.kubernetes.changes import Changes, Part, changes
from byteport.kubernetes.pods import Role
from byteport.kubernetes.templates import release_digest
from tests.builders.rollouts import template

OLD = template("registry.example/web:1")


@pytest.mark.parametrize(
    ("container", "part"),
    [
        ({"image": "registry.example/web:2"}, Part.IMAGE),
        ({"command": ["/bin/x"]}, Part.COMMAND),
        ({"args": ["-v"]}, Part.COMMAND),
        ({"env": [{"name": "A", "value": "1"}]}, Part.ENV),
        ({"envFrom": [{"configMapRef": {"name": "c"}}]}, Part.ENV),
        ({"readinessProbe": {"httpGet": {"port": 1}}}, Part.PROBES),
        ({"startupProbe": {"httpGet": {"port": 1}}}, Part.PROBES),
        ({"resources": {"limits": {"memory": "1Gi"}}}, Part.RESOURCES),
        ({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, Part.MOUNTS),
        ({"lifecycle": {"postStart": {"exec": {"command": ["x"]}}}}, Part.LIFECYCLE),
        ({"securityContext": {"runAsNonRoot": True}}, Part.SECURITY),
        ({"tty": True}, Part.OTHER),
    ],
)
def test_a_change_of_a_container_is_of_its_kind(container: dict[str, Any], part: Part) -> None:
    assert changes(OLD, template(image="registry.example/web:1", container=container)).of("web") == {part}


@pytest.mark.parametrize(
    ("before", "after", "fell"),
    [
        ("512Mi", "64Mi", True),
        ("1Gi", "1000Mi", True),
        ("1Gi", "1024Mi", False),
        ("64Mi", "512Mi", False),
        (None, "64Mi", False),
        ("64Mi", None, False),
        ("much", "64Mi", False),
    ],
)
def test_that_a_memory_limit_was_lowered_is_a_change_of_its_own(
    before: str | None, after: str | None, fell: bool
) -> None:
    old, new = (
        template("registry.example/web:1", container={"resources": {"limits": {"memory": limit} if limit else {}}})
        for limit in (before, after)
    )
    assert (Part.MEMORY_FELL in changes(old, new).of("web")) is fell


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ({"nodeSelector": {"disk": "gold"}}, {Part.SCHEDULING}),
        ({"affinity": {"podAntiAffinity": {}}}, {Part.SCHEDULING}),
        ({"priorityClassName": "high"}, {Part.SCHEDULING}),
        ({"serviceAccountName": "web"}, {Part.ACCOUNT}),
        ({"imagePullSecrets": [{"name": "s"}]}, {Part.ACCOUNT}),
        ({"securityContext": {"runAsUser": 1}}, {Part.SECURITY}),
        ({"hostNetwork": True}, {Part.NETWORK}),
        ({"readinessGates": [{"conditionType": "x"}]}, {Part.GATES}),
        ({"labels": {"team": "a"}}, {Part.LABELS}),
        ({"terminationGracePeriodSeconds": 5}, {Part.POD}),
        ({"volumes": [{"name": "v", "emptyDir": {}}]}, {Part.VOLUMES}),
        ({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}, {Part.VOLUMES, Part.CLAIMS}),
        ({"volumes": [{"name": "v", "ephemeral": {}}]}, {Part.VOLUMES, Part.CLAIMS}),
    ],
)
def test_a_change_of_the_pod_is_of_its_kind(spec: dict[str, Any], parts: set[Part]) -> None:
    found = changes(OLD, template("registry.example/web:1", **spec))
    assert (set(found.pod), found.containers) == (parts, ())


def test_an_added_sidecar_is_seen_though_every_image_is_the_same() -> None:
    sidecar = {"name": "otel", "image": "registry.example/otel:1", "restartPolicy": "Always"}
    (found,) = changes(OLD, template("registry.example/web:1", initContainers=[sidecar])).containers
    assert (found.name, found.role, found.parts) == ("otel", Role.SIDECAR, (Part.ADDED,))


def test_a_sidecar_is_no_run_once_init_container() -> None:
    init = [{"name": "a", "image": "x"}, {"name": "b", "image": "x", "restartPolicy": "Always"}]
    assert changes(OLD, template("registry.example/web:1", initContainers=init)).init_changed == ("a",)


def test_a_removed_container_is_a_change_of_the_pod() -> None:
    both = template("registry.example/web:1", beside=[{"name": "proxy", "image": "x"}])
    assert Part.CONTAINERS in changes(both, OLD).pod


def test_only_a_greater_request_has_grown() -> None:
    def asking(cpu: str) -> dict[str, Any]:
        return template("registry.example/web:1", container={"resources": {"requests": {"cpu": cpu}}})

    assert Part.REQUESTS_GREW in changes(asking("100m"), asking("0.2")).pod
    assert Part.REQUESTS_GREW not in changes(asking("200m"), asking("0.1")).pod
    assert Part.REQUESTS_GREW not in changes(asking("100m"), asking("0.1")).pod


def test_annotations_and_the_hash_label_are_no_change() -> None:
    hashed = template("registry.example/web:1", annotations={"a": "b"}, labels={"pod-template-hash": "x"})
    assert changes(OLD, hashed) == Changes()


@pytest.mark.parametrize(
    "broken", [None, {}, {"spec": None}, {"spec": {"containers": "x"}}, {"spec": {"containers": [1]}}]
)
def test_what_is_no_template_never_raises(broken: object) -> None:
    changes(broken, OLD)
    changes(OLD, broken)


FIELDS = st.sampled_from(
    [
        "image",
        "command",
        "env",
        "tty",
        "nodeSelector",
        "volumes",
        "hostNetwork",
        "terminationGracePeriodSeconds",
        "labels",
    ]
)


@settings(deadline=None)
@given(
    st.dictionaries(FIELDS, st.sampled_from(["a", "b"]), max_size=5),
    st.dictionaries(FIELDS, st.sampled_from(["a", "b"]), max_size=5),
)
def test_two_templates_are_one_release_exactly_when_nothing_has_changed(
    old: dict[str, str], new: dict[str, str]
) -> None:
    def made(chosen: dict[str, str]) -> dict[str, Any]:
        container = {
            key: [{"name": chosen[key]}] if key == "env" else chosen[key]
            for key in ("command", "env", "tty")
            if key in chosen
        }
        pod: dict[str, Any] = {
            key: chosen[key]
            for key in ("nodeSelector", "hostNetwork", "terminationGracePeriodSeconds")
            if key in chosen
        }
        if "volumes" in chosen:
            pod["volumes"] = [{"name": chosen["volumes"]}]
        labels = {"l": chosen["labels"]} if "labels" in chosen else {}
        return template(chosen.get("image", "x"), container=container, labels=labels, **pod)

    before, after = made(old), made(new)
    assert (changes(before, after) == Changes()) == (release_digest(before) == release_digest(after))
