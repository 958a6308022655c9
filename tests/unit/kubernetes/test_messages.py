"""The kubelet's prose as classes: the registry's answer, the node's own trouble, and the program that is not there."""

from __future__ import annotations

import pytest

from byteport.kubernetes.messages import PullTrouble, StartTrouble, pull_trouble, start_trouble

IMAGE = "ghcr.example.internal/acme/svc:1.1"
RESOLVING = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '
PULLING = f'failed to pull and unpack image "{IMAGE}": '
RUNC = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "

PULLS = [
    (RESOLVING + f"{IMAGE}: not found", PullTrouble.BAD_REFERENCE),
    (RESOLVING + "unexpected status from HEAD request: 404 Not Found", PullTrouble.BAD_REFERENCE),
    ("reading manifest 1.1 in quay.example.internal/acme/svc: manifest unknown", PullTrouble.BAD_REFERENCE),
    ("name unknown: The repository with name 'svc' does not exist in the registry", PullTrouble.BAD_REFERENCE),
    (PULLING + "no match for platform in manifest: not found", PullTrouble.BAD_REFERENCE),
    (
        PULLING + "failed to get reader from content store: content digest sha256:0a: not found",
        PullTrouble.NODE_STORE,
    ),
    (PULLING + "parent snapshot sha256:0b does not exist: not found", PullTrouble.NODE_STORE),
    ("failed to register layer: error creating overlay mount: invalid argument", PullTrouble.NODE_STORE),
    (PULLING + "failed to extract layer sha256:0c: no space left on device", PullTrouble.NO_SPACE),
    (RESOLVING + "failed to authorize: 403 Forbidden", PullTrouble.AUTH),
    ("denied: access forbidden", PullTrouble.AUTH),
    (RESOLVING + "net/http: TLS handshake timeout", PullTrouble.TIMEOUT),
    (RESOLVING + "503 Service Unavailable", PullTrouble.TIMEOUT),
    ("pull QPS exceeded", PullTrouble.RATE_LIMITED),
    ('Back-off pulling image "registry.example/not-found:1"', PullTrouble.UNKNOWN),
]


@pytest.mark.parametrize(("message", "trouble"), PULLS)
def test_a_pull_that_failed_is_classed_by_who_refused_it(message: str, trouble: PullTrouble) -> None:
    assert pull_trouble(message) is trouble


STARTS = [
    (RUNC + 'exec: "/app/sever": stat /app/sever: no such file or directory: unknown', StartTrouble.COMMAND),
    ("container create failed: executable file `start` not found in $PATH: No such file", StartTrouble.COMMAND),
    ('failed to reserve container name "a_b": name "a_b" is reserved for "0d"', StartTrouble.RUNTIME),
    ("Error: context deadline exceeded", StartTrouble.RUNTIME),
    (RUNC + "nvidia-container-cli: initialization error: nvml error: driver not loaded", StartTrouble.RUNTIME),
    (RUNC + "process_linux.go:508: setting cgroup config for procHooks process", StartTrouble.RUNTIME),
    ("cannot join network of a non running container: 0e", StartTrouble.RUNTIME),
    ("fork/exec /usr/bin/runc: resource temporarily unavailable", StartTrouble.NODE_EXHAUSTED),
    ("couldn't find key LOG_LEVEL in ConfigMap pay/api-config", StartTrouble.CONFIG_MISSING),
    ("error mounting /a to rootfs at /b: not a directory", StartTrouble.MOUNT),
    ("something that nobody has seen before", StartTrouble.UNKNOWN),
]


@pytest.mark.parametrize(("message", "trouble"), STARTS)
def test_a_container_that_was_not_made_is_classed_by_what_stood_in_its_way(message: str, trouble: StartTrouble) -> None:
    assert start_trouble(message) is trouble
