"""What the kubelet, the scheduler and the API server say in prose, reduced to classes. The prose ends here.

Messages are free text of many versions and runtimes, so a class is only ever a hint besides the *reason*, which is an
enum: `events.py` and `pods.py` ask for a class where the reason alone leaves several meanings open (a pull that failed:
wrong name, no right to it, rate limit, or no answer?). A text that fits none is `UNKNOWN`, which never leads to an act.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TypeVar

from byteport.kubernetes import fields

Word = TypeVar("Word", bound=StrEnum)


class PullTrouble(StrEnum):
    """Why an image could not be pulled."""

    BAD_REFERENCE = "bad_reference"
    """The registry answered that there is no such image, or the reference cannot be read. May still be a hidden
    refusal: registries say *not found* to those who may not know (see `crash.py`)."""
    AUTH = "auth"
    RATE_LIMITED = "rate_limited"
    TIMEOUT = "timeout"
    """No answer: network, DNS, TLS, a 5xx."""
    NO_SPACE = "no_space"
    """The node's own disk is full."""
    NODE_STORE = "node_store"
    """The node's own store of layers is damaged or busy. It says *not found* too, of a layer and not of the image."""
    ABSENT = "absent"
    """The pull policy is Never and the node does not have it."""
    UNKNOWN = "unknown"


class Refusal(StrEnum):
    """Why the API server would not create a pod."""

    QUOTA = "quota"
    LIMIT_RANGE = "limit_range"
    POD_SECURITY = "pod_security"
    WEBHOOK = "webhook"
    NAMESPACE_TERMINATING = "namespace_terminating"
    ACCOUNT = "account"
    """Its service account, priority class or runtime class is not there."""
    NO_ROOM = "no_room"
    """It would be made, and no node would take it."""
    OTHER = "other"


class Unfit(StrEnum):
    """Why no node takes a pod. Several may hold."""

    RESOURCES = "resources"
    SELECTOR = "selector"
    AFFINITY = "affinity"
    TAINT = "taint"
    VOLUME = "volume"
    PORTS = "ports"
    OTHER = "other"


class StartTrouble(StrEnum):
    """Why a container could not be made or started."""

    CONFIG_MISSING = "config_missing"
    """A ConfigMap, a Secret or a key of it is not there."""
    COMMAND = "command"
    """The program is not in the image, is not executable, or is for another architecture."""
    NODE_EXHAUSTED = "node_exhausted"
    """The node cannot fork: process ids or threads have run out."""
    NO_SPACE = "no_space"
    RUNTIME = "runtime"
    """The node's container runtime, its drivers or its control groups fail, whatever the container is."""
    MOUNT = "mount"
    UNKNOWN = "unknown"


def _any(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


_PULL = (
    (
        PullTrouble.RATE_LIMITED,
        _any(r"toomanyrequests", r"too many requests", r"rate limit", r"\b429\b", r"pull QPS exceeded"),
    ),
    (PullTrouble.NO_SPACE, _any(r"no space left on device", r"disk quota exceeded")),
    (
        PullTrouble.NODE_STORE,
        _any(
            r"content digest", r"content store", r"\bsnapshot", r"extract(?:ing|ion)? .{0,20}layer", r"register layer",
            r"failed to extract", r"unpack .{0,300}(?:exit status|signal)", r"overlay(?:fs)?\b", r"layer .{0,90}not known",
            r"storage driver", r"containers/storage", r"file exists",
        ),
    ),
    (
        PullTrouble.AUTH,
        _any(
            r"unauthorized", r"\b40[13]\b", r"forbidden", r"authentication required", r"access denied", r"no basic auth",
            r"denied:", r"pull access denied", r"no pull access", r"insufficient_scope", r"authorization failed",
            r"token (?:has )?expired", r"credentials", r"not authorized", r"permission",
        ),
    ),
    (
        PullTrouble.TIMEOUT,
        _any(
            r"timeout", r"timed out", r"deadline exceeded", r"no such host", r"connection refused", r"connection reset",
            r"i/o timeout", r"temporary failure", r"server misbehaving", r"network is unreachable", r"no route to host",
            r"\b50[0-4]\b", r"bad gateway", r"service unavailable", r"unexpected eof", r"\beof\b", r"x509", r"tls",
            r"certificate", r"context canceled",
        ),
    ),
    (
        PullTrouble.BAD_REFERENCE,
        _any(
            r"not found",
            r"manifest unknown",
            r"name unknown",
            r"does not exist",
            r"no matching manifest",
            r"no match for platform",
            r"invalid reference format",
            r"couldn't parse image",
            r"invalid image name",
            r"failed to apply default image tag",
            r"code = NotFound",
            r"manifest invalid",
            r"invalid tag format",
        ),
    ),
)  # fmt: skip

_REFUSED = (
    (Refusal.QUOTA, _any(r"exceeded quota", r"failed quota", r"insufficient quota")),
    (
        Refusal.POD_SECURITY,
        _any(r"violates PodSecurity", r"pod ?security", r"unable to validate against any security context"),
    ),
    (Refusal.WEBHOOK, _any(r"admission webhook", r"failed calling webhook", r"denied the request")),
    (Refusal.NAMESPACE_TERMINATING, _any(r"being terminated", r"NamespaceTerminating")),
    (
        Refusal.LIMIT_RANGE,
        _any(r"(?:minimum|maximum) (?:cpu|memory|[a-z-]+) usage per", r"LimitRange", r"limit to request ratio"),
    ),
    (
        Refusal.ACCOUNT,
        _any(
            r"serviceaccount .{0,300}not found", r"error looking up service account", r"priorityclass", r"runtimeclass"
        ),
    ),
)

_UNFIT = (
    (Unfit.RESOURCES, _any(r"insufficient [a-z]", r"too many pods", r"exceed(?:s|ed)? max volume count")),
    (Unfit.SELECTOR, _any(r"didn't match pod's node affinity", r"node selector", r"didn't match node selector")),
    (Unfit.AFFINITY, _any(r"pod (?:anti-)?affinity", r"topology spread", r"anti-affinity")),
    (Unfit.TAINT, _any(r"taint", r"unschedulable")),
    (Unfit.VOLUME, _any(r"volume", r"persistentvolumeclaim")),
    (Unfit.PORTS, _any(r"free ports")),
)

_START = (
    (
        StartTrouble.NODE_EXHAUSTED,
        _any(
            r"resource temporarily unavailable",
            r"cannot allocate memory",
            r"pthread_create failed",
            r"too many open files in system",
        ),
    ),
    (StartTrouble.NO_SPACE, _any(r"no space left on device", r"disk quota exceeded")),
    (
        StartTrouble.CONFIG_MISSING,
        _any(
            r"couldn't find key",
            r"(?:secret|configmap)s? [^ ]{0,300} ?not found",
            r"references non-existent (?:config|secret) key",
            r"object [^ ]{0,300} not registered",
            r"non-existent",
        ),
    ),
    (
        StartTrouble.RUNTIME,
        _any(
            r"context deadline exceeded", r"is reserved for", r"nvidia-container|nvml|prestart hook|\bCDI\b", r"cgroup",
            r"(?:shim|containerd|crio|docker)\.sock|ttrpc|connection (?:error|refused|closed)", r"failed to get sandbox",
            r"sandbox .{0,90}not found", r"failed to set up|setup network", r"no such container", r"is already in use",
            r"cannot join network", r"snapshot", r"seccomp .{0,60}not support", r"apparmor",
        ),
    ),
    (StartTrouble.MOUNT, _any(r"mount", r"not a directory", r"subpath", r"volume")),
    (
        StartTrouble.COMMAND,
        _any(
            r"executable file .{0,300}not found",
            r"no such file or directory",
            r"exec format error",
            r"permission denied",
            r"no command specified",
            r"is a directory",
        ),
    ),
)  # fmt: skip


def pull_trouble(message: object) -> PullTrouble:
    """The class of a failed pull; UNKNOWN for words of the reason alone (`ErrImagePull`, *Back-off pulling image*)."""
    return _first(message, _PULL, PullTrouble.UNKNOWN, hide_image=True)


def refusal(message: object) -> Refusal:
    """Why a FailedCreate event says that a pod was refused."""
    return _first(message, _REFUSED, Refusal.OTHER)


def start_trouble(message: object) -> StartTrouble:
    """The class of a waiting reason or a Failed event about making or starting a container."""
    return _first(message, _START, StartTrouble.UNKNOWN)


def unfit(message: object) -> tuple[Unfit, ...]:
    """Every ground that a FailedScheduling event gives, in a fixed order; OTHER when it gives none that is known."""
    said = fields.message(message)
    found = tuple(ground for ground, pattern in _UNFIT if pattern.search(said))
    return found or (Unfit.OTHER,)


_QUOTED = re.compile(r'"[^"]{0,600}"')
_REFERENCE = re.compile(r"\S{0,300}[A-Za-z0-9]/[A-Za-z0-9]\S{0,300}")


def _first(
    message: object, classes: tuple[tuple[Word, re.Pattern[str]], ...], otherwise: Word, *, hide_image: bool = False
) -> Word:
    said = fields.message(message)
    if hide_image:
        # An image may be called `auth/token-403`: what is quoted or looks like a path says nothing about the trouble.
        said = _REFERENCE.sub(" ", _QUOTED.sub(" ", said))
    return next((kind for kind, pattern in classes if pattern.search(said)), otherwise)
