"""What to run about each thing of the boundary that is not whole: an exact command first, then what it does not do by itself.

Pure. Comes before `whole.py` and `selfcheck.py`, which give one of these to every finding; `workers/remedies.py` has those
of everything else that `byteport doctor` looks at.
"""

from __future__ import annotations

import shlex

from byteport.boundary.names import ACCOUNT, AGENT, NAMESPACE
from byteport.domain.ceilings import Ceiling

CHART = "charts/byteport-agent"
INSTALL = f"helm install byteport {CHART} --namespace {NAMESPACE} --create-namespace"
UPGRADE = f"helm upgrade byteport {CHART} --namespace {NAMESPACE} --reset-then-reuse-values"
"""Puts back what is gone or changed, with the values that the release has."""

RUN_AS_THE_ACCOUNT = (
    f"{INSTALL}, which runs the agent as its ServiceAccount {ACCOUNT}; for a trial that only plans, without the chart, set "
    "boundary.enforced to false"
)
LIST_WHAT_IS_GRANTED = (
    f"kubectl auth can-i --list --as {AGENT}, then look at the cloud provider's own access rules for that account"
)

ENFORCE = (
    "kubectl get pods -n kube-system -l component=kube-apiserver -o yaml | grep admission-plugins shows what kube-apiserver "
    "runs without (of a provider's control plane, ask the provider): no instance may disable ValidatingAdmissionPolicy; until "
    "then take back what was given: byteport disable NAMESPACE"
)
ASK_AGAIN = "byteport doctor --installation asks again, once what is said here is mended"


def enabling(namespace: str, ceiling: Ceiling) -> str:
    """What gives a namespace again exactly as far as its ceiling says: what is not named there would be taken away."""
    named = [("--rollback", name) for name in ceiling.rollback] + [("--hpa", name) for name in ceiling.hpa]
    words = ["byteport", "enable", namespace, "--mode", ceiling.mode.value, *(word for pair in named for word in pair)]
    return shlex.join(words)


def enabling_anew(namespace: str) -> str:
    """The same where nobody can read how far it was given."""
    return f"{shlex.join(['byteport', 'enable', namespace])}, with the --mode and the names that it is to have"


def bindings(namespace: str) -> str:
    """What shows who was bound in a namespace, or everywhere, in a way that reaches our account."""
    where = f"-n {shlex.quote(namespace)} rolebindings" if namespace else "clusterrolebindings"
    return f"kubectl get {where} -o wide | grep -E 'byteport-agent|system:(serviceaccounts|authenticated)'"


def unbinding(namespace: str) -> str:
    """What finds a right too many, and takes it away."""
    kind, where = ("rolebinding", f" -n {shlex.quote(namespace)}") if namespace else ("clusterrolebinding", "")
    return f"{bindings(namespace)}, then delete what is not yours: kubectl delete {kind} NAME{where}"


def waiting_for(kind: str, name: str) -> str:
    """What shows why an object of ours does not go, before it can be made again."""
    looked = f"kubectl get {kind.lower()} {shlex.quote(name)} -o jsonpath={{.metadata.finalizers}}"
    return f"{looked} shows what keeps it; once it is gone: {UPGRADE}"
