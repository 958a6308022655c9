"""Whose Deployment it is: who would undo a change of ours, who must be asked, and whose next deploy it would break.

A rollback on what Git, an operator or a pipeline owns is reverted within seconds and starts more rollouts than it ends.
`rollout_reading.py` puts this beside a rollout; the rollback runbook turns each finding into a reason that names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from byteport.domain.base import Frozen, Instant
from byteport.kubernetes import fields
from byteport.kubernetes.templates import annotations_of
from byteport.kubernetes.world import JSON

WORD = "byteport.io/rollback"
"""Label or annotation by which an owner narrows what may be done alone: `allowed` or `approval`. It never widens."""


class Word(StrEnum):
    NONE = "none"
    ALLOWED = "allowed"
    APPROVAL = "approval"
    """Also anything that is not understood."""


class Ownership(Frozen):
    """Marks of owners on one Deployment. Names only, each empty when there is none."""

    gitops: str = ""
    """The tool that re-applies Git."""
    controller: str = ""
    """`Kind/name` of an owner, or the tool that says it manages the object."""
    helm: bool = False
    applied_by: str = ""
    """The manager that applied template fields server-side: its next apply would meet ours as a conflict."""
    template_manager: str = ""
    """Who wrote template fields last, of all managers."""
    template_set_at: Instant | None = None
    robot: str = ""
    """A manager of the template that is no person's tool and has released more than once within a day."""
    word: Word = Word.NONE
    canary: str = ""
    """The label that makes it one of a pair of canary and stable."""
    rolled_back_to: str = ""
    """ReplicaSet of our stamp. A hint: stamps are copied and come back by themselves."""


_GITOPS = {
    "argocd.argoproj.io": "argocd",
    "toolkit.fluxcd.io": "flux",
    "fluxcd.io": "flux",
    "configmanagement.gke.io": "config-sync",
    "configsync.gke.io": "config-sync",
    "fleet.cattle.io": "fleet",
    "objectset.rio.cattle.io": "fleet",
    "kapp.k14s.io": "kapp",
    "pipecd.dev": "pipecd",
    "apps.open-cluster-management.io": "open-cluster-management",
    "werf.io": "werf",
}
_OPERATORS = {
    "keda.sh": "keda",
    "flagger.app": "flagger",
    "olm.managed": "olm",
    "olm.owner": "olm",
    "operators.coreos.com": "olm",
    "serving.knative.dev": "knative",
    "crossplane.io": "crossplane",
    "kro.run": "kro",
    "rollouts.argoproj.io": "argo-rollouts",
    "rollout.argoproj.io": "argo-rollouts",
    "spinnaker.io": "spinnaker",
    "core.oam.dev": "kubevela",
    "kruise.io": "kruise",
}
_GITOPS_MANAGERS = re.compile(
    r"argocd|kustomize-controller|helm-controller|flux|configsync|config-sync|fleet|kapp|gitops", re.IGNORECASE
)
_OPERATOR_MANAGERS = re.compile(r"operator|controller|flagger|keda|knative|crossplane|spinnaker|olm\b", re.IGNORECASE)
_PEOPLE = re.compile(
    r"kubectl.*|oc|k9s|lens|node-fetch|mozilla|headlamp|dashboard.*|rancher|helm|before-first-apply|unknown|byteport.*"
    r"|openapi-generator|swagger-codegen|python.*|curl|go-http-client|okhttp|fabric8.*|hashicorp|terraform.*|pulumi.*"
    r"|ansible.*|jenkins.*|gitlab.*|github.*|circleci.*|drone.*|tekton.*|buildkite.*|skaffold.*|tilt.*",
    re.IGNORECASE,
)
"""People's own tools, scripts, and pipelines that a person starts: they do not put back what was changed."""
_MANAGER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}\Z")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}\Z")
_CANARY_KEYS = frozenset({"track", "canary", "deployment-track", "release-track", "rollout-track"})
_DAY = timedelta(hours=24)


def read_ownership(deployment: JSON, releases: list[datetime], now: datetime) -> Ownership:
    """The marks of owners on `deployment`; `releases` are the times at which its ReplicaSets were made."""
    marks = {**fields.labels(deployment), **annotations_of(deployment)}
    writers = list(_template_writers(deployment))
    last = max(writers, key=lambda writer: (writer.at is not None, writer.at or now), default=None)
    managers = [writer.name for writer in writers]
    recent = [released for released in releases if now - released <= _DAY]
    robots = [writer.name for writer in writers if not _PEOPLE.fullmatch(writer.name) and _within(writer.at, now)]
    words = {item.get(WORD) for item in (fields.labels(deployment), annotations_of(deployment))} - {None, ""}
    keeper = keeper_of(deployment, managers)
    return Ownership(
        gitops=keeper.gitops,
        controller=keeper.controller,
        helm=_says_helm(marks),
        applied_by=next((w.name for w in writers if w.applies and not w.name.startswith("byteport")), ""),
        template_manager=last.name if last else "",
        template_set_at=last.at if last else None,
        robot=robots[0] if robots and len(recent) >= 2 else "",
        word=Word.NONE if not words else Word.ALLOWED if words == {"allowed"} else Word.APPROVAL,
        canary=_canary(deployment),
        rolled_back_to=fields.name(annotations_of(deployment).get("byteport.io/rollback-to")),
    )


class Keeper(Frozen):
    """Who puts an object back to what it should be; empty for nobody."""

    gitops: str = ""
    controller: str = ""


def keeper_of(item: JSON, managers: Sequence[str]) -> Keeper:
    """Who keeps `item`, by its marks, its owner references, and the `managers` of the fields that matter."""
    marks = {**fields.labels(item), **annotations_of(item)}
    gitops = _marked(marks, _GITOPS) or next((name for name in managers if _GITOPS_MANAGERS.search(name)), "")
    return Keeper(gitops=gitops, controller=_controller(item, marks, list(managers)))


def manager_name(value: object) -> str:
    """A field manager's name, or a digest of what cannot be one; empty for none."""
    return value if isinstance(value, str) and _MANAGER.match(value) else f"manager-{fields.mark(value)}"


def _within(at: datetime | None, now: datetime) -> bool:
    return at is None or now - at <= _DAY


class _Writer(Frozen):
    name: str
    applies: bool
    at: Instant | None


def _template_writers(deployment: JSON) -> Iterator[_Writer]:
    """Everybody who owns a field of the template, by the API server's own book-keeping."""
    for entry in fields.entries(fields.metadata(deployment).get("managedFields")):
        if entry.get("subresource") or not fields.at(entry.get("fieldsV1"), "f:spec", "f:template"):
            continue
        known = manager_name(entry.get("manager"))
        yield _Writer(name=known, applies=entry.get("operation") == "Apply", at=fields.instant(entry.get("time")))


def _controller(deployment: JSON, marks: Mapping[str, Any], managers: list[str]) -> str:
    for reference in fields.entries(fields.metadata(deployment).get("ownerReferences")):
        kind, name = reference.get("kind"), fields.name(reference.get("name"))
        return f"{kind if isinstance(kind, str) and kind.isalnum() else 'Owner'}/{name or 'unnamed'}"
    says = marks.get("app.kubernetes.io/managed-by")
    if isinstance(says, str) and says and says.lower() != "helm":
        return says if _MANAGER.match(says) else f"manager-{fields.mark(says)}"
    operators = (name for name in managers if _OPERATOR_MANAGERS.search(name) and not _PEOPLE.fullmatch(name))
    return _marked(marks, _OPERATORS) or next(operators, "")


def _marked(marks: Mapping[str, Any], tools: Mapping[str, str]) -> str:
    for key in marks:
        domain = str(key).partition("/")[0]
        for known, tool in tools.items():
            if domain == known or domain.endswith(f".{known}"):
                return tool
    return ""


def _says_helm(marks: Mapping[str, Any]) -> bool:
    says = marks.get("app.kubernetes.io/managed-by")
    return (isinstance(says, str) and says.lower() == "helm") or "meta.helm.sh/release-name" in marks


def _canary(deployment: JSON) -> str:
    """The label, on the Deployment or its template, that says *one of several tracks*; or a name that says canary."""
    for labels in (fields.labels(deployment), fields.labels(fields.at(deployment, "spec", "template"))):
        for key, value in labels.items():
            short = str(key).rpartition("/")[2].lower()
            if short in _CANARY_KEYS or (isinstance(value, str) and value.lower() == "canary"):
                return key if isinstance(key, str) and _KEY.match(key) else "label"
    name = fields.name(fields.metadata(deployment).get("name"))
    return "name" if re.search(r"(?:^|-)canary(?:-|\Z)", name) else ""
