"""Events and messages become classes; what no class fits is a warning or nothing, never a guess."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.events import EventClass, EventReading, about, read_event
from byteport.kubernetes.messages import (
    PullTrouble,
    Refusal,
    StartTrouble,
    Unfit,
    pull_trouble,
    refusal,
    start_trouble,
    unfit,
)
from byteport.kubernetes.reading import folded
from tests.builders.mutilate import JUNK
from tests.builders.objects import event, pod

POD = pod("web-1")

CLASSES = [
    ("Unhealthy", "Liveness probe failed: readiness probe is fine", EventClass.LIVENESS_FAILED),
    ("Unhealthy", "Readiness probe failed: the liveness probe says no", EventClass.READINESS_FAILED),
    ("Unhealthy", "Startup probe failed: cat: /tmp/ready", EventClass.STARTUP_FAILED),
    ("Killing", "Container web failed liveness probe, will be restarted", EventClass.KILLED_BY_LIVENESS),
    ("Killing", "Init container otel failed startup probe", EventClass.KILLED_BY_STARTUP),
    ("Killing", "FailedPostStartHook", EventClass.HOOK_FAILED),
    ("Killing", "Stopping container liveness-agent", EventClass.KILLED),
    ("BackOff", "Back-off restarting failed container web", EventClass.CRASH_BACKOFF),
    ("BackOff", 'Back-off pulling image "web:7"', EventClass.PULL_BACKOFF),
    ("Failed", 'Failed to pull image "web:7": not found', EventClass.PULL_FAILED),
    ("Failed", "Error: ErrImagePull", EventClass.PULL_FAILED),
    ("Failed", "Error: ImagePullBackOff", EventClass.PULL_BACKOFF),
    ("Failed", "Error: couldn't find key x in Secret a/b", EventClass.START_FAILED),
    ("FailedScheduling", "0/4 nodes are available", EventClass.UNSCHEDULABLE),
    ("AReasonOfNextYear", "words", EventClass.WARNING),
]


@pytest.mark.parametrize(("reason", "message", "kind"), CLASSES)
def test_an_event_is_classed_by_its_reason_and_the_kubelets_own_words(
    reason: str, message: str, kind: EventClass
) -> None:
    assert read_event(event(POD, reason, message)).kind is kind


def test_a_probe_that_prints_a_lot_does_not_hide_which_probe_it_was() -> None:
    """The kubelet puts up to 10 KiB of a probe's output behind its own words."""
    said = "Liveness probe failed: " + "Startup probe failed: no, I am fine. " * 300
    assert read_event(event(POD, "Unhealthy", said)).kind is EventClass.LIVENESS_FAILED


def test_what_a_registry_says_at_length_does_not_hide_that_a_pull_failed() -> None:
    said = 'Failed to pull image "web:7": not found ' + "read our page. " * 500
    seen = read_event(event(POD, "Failed", said))
    assert (seen.kind, seen.pull) == (EventClass.PULL_FAILED, PullTrouble.BAD_REFERENCE)


def test_both_forms_of_an_event_are_read() -> None:
    newer = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "x", "namespace": "shop"},
        "regarding": {"kind": "Pod", "name": "web-1", "namespace": "shop", "fieldPath": "spec.containers{web}"},
        "reason": "BackOff",
        "note": "Back-off restarting failed container",
        "type": "Warning",
        "eventTime": "2026-03-10T08:00:00.000000Z",
        "series": {"count": 40, "lastObservedTime": "2026-03-10T08:59:00.123456Z"},
    }
    seen = read_event(newer)
    assert (seen.kind, seen.about, seen.container, seen.count) == (EventClass.CRASH_BACKOFF, "web-1", "web", 40)
    assert seen.last is not None
    assert seen.last.minute == 59


PULLS = [
    ("rpc error: code = NotFound desc = failed to resolve reference: web:typo: not found", PullTrouble.BAD_REFERENCE),
    ("manifest for web:9 not found: manifest unknown", PullTrouble.BAD_REFERENCE),
    ("no match for platform in manifest: not found", PullTrouble.BAD_REFERENCE),
    ("pull access denied, repository does not exist or may require authorization", PullTrouble.AUTH),
    ("unexpected status from HEAD request: 403 Forbidden", PullTrouble.AUTH),
    ("repository not found: does not exist or no pull access", PullTrouble.AUTH),
    ("toomanyrequests: You have reached your pull rate limit", PullTrouble.RATE_LIMITED),
    ("net/http: TLS handshake timeout", PullTrouble.TIMEOUT),
    ("dial tcp: lookup registry.example.internal: no such host", PullTrouble.TIMEOUT),
    ("received unexpected HTTP status: 503 Service Unavailable", PullTrouble.TIMEOUT),
    ("failed to extract layer: write: no space left on device", PullTrouble.NO_SPACE),
    ("Error: ErrImagePull", PullTrouble.UNKNOWN),
    ('Back-off pulling image "registry.example.internal/auth/timeout-403:not-found"', PullTrouble.UNKNOWN),
]


@pytest.mark.parametrize(("message", "trouble"), PULLS)
def test_a_failed_pull_is_classed_by_what_the_registry_said_and_not_by_the_images_name(
    message: str, trouble: PullTrouble
) -> None:
    assert pull_trouble(message) is trouble


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ('pods "x" is forbidden: exceeded quota: team, requested: pods=1', Refusal.QUOTA),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', Refusal.POD_SECURITY),
        ('Internal error occurred: failed calling webhook "guard.example"', Refusal.WEBHOOK),
        ("maximum memory usage per Container is 1Gi, but limit is 2Gi", Refusal.LIMIT_RANGE),
        ("namespace shop is being terminated", Refusal.NAMESPACE_TERMINATING),
        ('error looking up service account shop/web: serviceaccount "web" not found', Refusal.ACCOUNT),
        ("words of next year", Refusal.OTHER),
    ],
)
def test_a_refusal_to_create_a_pod_is_classed(message: str, why: Refusal) -> None:
    assert refusal(message) is why


def test_every_ground_of_the_scheduler_is_kept() -> None:
    said = "0/9 nodes are available: 3 Insufficient cpu, 2 node(s) had untolerated taint, 4 node(s) didn't match Pod's node affinity/selector."
    assert set(unfit(said)) >= {Unfit.RESOURCES, Unfit.TAINT, Unfit.SELECTOR}
    assert unfit("words of next year") == (Unfit.OTHER,)


def test_a_missing_key_is_configuration_and_a_fork_that_fails_is_the_node() -> None:
    assert start_trouble("couldn't find key network in Secret kube-system/cloud") is StartTrouble.CONFIG_MISSING
    assert start_trouble("fork/exec runc: resource temporarily unavailable") is StartTrouble.NODE_EXHAUSTED


def test_events_that_say_the_same_become_one_with_their_counts_added() -> None:
    same = [read_event(event(POD, "BackOff", "Back-off restarting", count=n, first=n + 5, last=n)) for n in (3, 9, 1)]
    (one,) = folded(same)
    assert one.count == 13
    assert one.first == same[1].first
    assert one.last == same[2].last


def test_an_event_of_an_unknown_uid_is_about_the_name() -> None:
    seen = (read_event(event(POD, "BackOff", "x")),)
    assert about(seen, "Pod", "web-1", POD["metadata"]["uid"]) == seen
    assert about(seen, "Pod", "web-1", "another") == ()
    assert about(seen, "Node", "web-1") == ()


@given(
    st.text(max_size=300),
    st.sampled_from(["Failed", "Killing", "Unhealthy", "FailedCreate", "FailedScheduling", "BackOff"]),
)
def test_no_word_of_a_message_leaves_the_reading(message: str, reason: str) -> None:
    def told(words: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(read_event(event(POD, reason, words)).model_dump_json())
        return found

    known = {"kind", "about_kind", "about", "about_uid", "container", "host", "count", "first", "last"}
    enums = {"pull", "refusal", "start", "unfit"}
    seen = told(message)
    assert set(seen) == known | enums
    quiet = told("")
    assert all(seen[key] == quiet[key] for key in known - {"kind"})


@pytest.mark.parametrize(
    "key",
    [
        "involvedObject",
        "message",
        "reason",
        "type",
        "count",
        "firstTimestamp",
        "lastTimestamp",
        "source",
        "metadata",
        "series",
    ],
)
def test_any_field_of_an_event_may_be_anything(key: str) -> None:
    for junk in JUNK:
        assert isinstance(read_event(event(POD, "BackOff", "x") | {key: junk}), EventReading)


@pytest.mark.parametrize(
    ("item", "host"),
    [
        ({"source": {"component": "kubelet", "host": "node-a"}}, "node-a"),
        ({"deprecatedSource": {"component": "kubelet", "host": "node-a"}}, "node-a"),
        ({"reportingController": "kubelet", "reportingInstance": "node-a"}, "node-a"),
        ({"reportingComponent": "kubelet", "reportingInstance": "node-a"}, "node-a"),
        ({"reportingController": "default-scheduler", "reportingInstance": "scheduler-1"}, ""),
        ({"reportingController": "kubelet", "reportingInstance": 7, "source": 7}, ""),
    ],
)
def test_the_node_that_says_it_is_known_in_every_form_of_an_event(item: dict[str, Any], host: str) -> None:
    assert read_event({"reason": "Pulling", **item}).host == host
