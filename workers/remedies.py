"""What to run about each thing that `byteport doctor`, or a process's start, can find amiss: an exact command first.

What is not whole of the boundary itself has its own (`byteport/boundary/remedies.py`). Comes before `preflight.py`: a check
that is not ok takes one of these, so that nobody is told of a defect without the way out of it.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from byteport.boundary.names import NAMESPACE
from byteport.boundary.remedies import INSTALL, UPGRADE
from byteport.contracts.checkpoints import ALARM, WHAT_TO_RUN, Refused
from byteport.kubernetes.autoscalers import FLOOR_BEFORE, FLOOR_RAISED, FLOOR_UNTIL
from byteport.temporal.registration import command


class Amiss(StrEnum):
    """Everything that can be amiss beside the boundary's own findings."""

    OTHER_PACKAGES = "other_packages"
    OTHER_CLUSTER = "other_cluster"
    CLUSTER_UNREAD = "cluster_unread"
    SERVER_UNVERIFIED = "server_unverified"
    RIGHTS_MISSING = "rights_missing"
    """Of a credential without the chart's roles, as in a trial."""
    RIGHTS_OPTIONAL = "rights_optional"
    CHART_RIGHTS = "chart_rights"
    """The same where the chart's roles should give them."""
    SWITCH_OFF = "switch_off"
    ROLLBACK_UNPROVEN = "rollback_unproven"
    ROLLBACK_WEAKER = "rollback_weaker"
    OTHER_ACCOUNT = "other_account"
    NOT_IMPERSONATING = "not_impersonating"
    NOT_INSTALLED = "not_installed"
    OTHER_VERSION = "other_version"
    PROOF_STALE = "proof_stale"
    PROOF_UNASKED = "proof_unasked"
    """Nobody who may not act as the agent can ask."""
    PROOF_UNHEARD = "proof_unheard"
    """It was asked, and something else was the answer."""
    FLOOR_OVERDUE = "floor_overdue"
    FLOOR_TAKEN_OVER = "floor_taken_over"
    FLOOR_UNREADABLE = "floor_unreadable"
    FLOORS_UNREAD = "floors_unread"
    LEFTOVERS_UNREAD = "leftovers_unread"
    LEFTOVERS_MANY = "leftovers_many"
    POLICY_UNSET = "policy_unset"
    POLICY_UNREAD = "policy_unread"
    KEYS_UNREAD = "keys_unread"
    GRANT_KEY_UNSET = "grant_key_unset"
    GRANT_KEYS_DIFFER = "grant_keys_differ"
    SIGNERS_UNSET = "signers_unset"
    SIGNERS_UNREAD = "signers_unread"
    SIGNERS_NOBODY = "signers_nobody"
    TEMPORAL_UNREACHED = "temporal_unreached"
    SEARCH_ATTRIBUTES = "search_attributes"
    NOT_WATCHED = "not_watched"
    WATCH_LATE = "watch_late"
    LOG_UNSET = "log_unset"
    LOG_ABSENT = "log_absent"
    LOG_EMPTY = "log_empty"
    LOG_UNREAD = "log_unread"
    LEDGER_RIGHTS = "ledger_rights"
    """Of the login to PostgreSQL, or of what guards the log there."""
    LEDGER_UNREAD = "ledger_unread"
    LOG_BROKEN = "log_broken"
    CLOCKS_DIFFER = "clocks_differ"
    CHAIN_AHEAD = "chain_ahead"
    """The last record is of a time to come."""
    BODIES_TOO_OLD = "bodies_too_old"
    ERASURE_LATE = "erasure_late"
    LOG_SHRANK = "log_shrank"
    LOG_FORKED = "log_forked"
    LOG_REKEYED = "log_rekeyed"
    LOG_UNREADABLE = "log_unreadable"
    LOG_ALARMED = "log_alarmed"
    SIGNER_LOST = "signer_lost"
    SIGNER_ELSEWHERE = "signer_elsewhere"
    SIGNER_SILENT = "signer_silent"
    WITNESS_SILENT = "witness_silent"
    SECRET_UNREAD = "secret_unread"  # noqa: S105  a word for it
    SECRETS_UNREAD = "secrets_unread"
    CLOUD_RIGHTS = "cloud_rights"
    CLOUDS_UNASKED = "clouds_unasked"
    """None of them can even be asked for."""
    PROVIDER_UNSET = "provider_unset"
    """Of the identity provider of the approvals page."""
    PROVIDER_UNLISTED = "provider_unlisted"
    PROVIDER_UNREAD = "provider_unread"
    PROVIDER_KEYS = "provider_keys"
    DEMO_REFUSED = "demo_refused"
    """The API server would not take the demo's objects."""


_LOGS = f"kubectl logs --namespace {NAMESPACE} deployment/byteport-agent"
_RESTART = f"kubectl rollout restart --namespace {NAMESPACE} deployment/byteport-agent"
_FROM_OUTSIDE = "byteport doctor --installation"
_SETTINGS = "byteport doctor --settings"
_LINE = """echo "ada@example.com namespaces=\\"byteport-approval\\" $(cat ~/.ssh/id_ed25519.pub)" >> """

REMEDIES: Mapping[Amiss, str] = {
    Amiss.OTHER_PACKAGES: "python3 -m venv byteport-env, and install byteport and nothing else into it",
    Amiss.OTHER_CLUSTER: "kubectl config get-contexts shows the clusters of your kubeconfig: name the right one in "
    "cluster.context; or, if this is the right one, set cluster.uid to {uid}",
    Amiss.CLUSTER_UNREAD: "kubectl get namespace kube-system, with the same kubeconfig and context, asks the same question",
    Amiss.SERVER_UNVERIFIED: "kubectl config view --minify shows the cluster with insecure-skip-tls-verify: take that line "
    "out, and name its certificate-authority",
    Amiss.RIGHTS_MISSING: "kubectl auth can-i {right} --all-namespaces says when your cluster's administrator has "
    f"granted it to this credential; with the chart's roles there is nothing to grant: {INSTALL}",
    Amiss.RIGHTS_OPTIONAL: "kubectl auth can-i {right} --all-namespaces says when it is granted; without it the "
    "agent works and leaves what it cannot tell to a person",
    Amiss.CHART_RIGHTS: UPGRADE,
    Amiss.SWITCH_OFF: "byteport resume, once whoever halted it agrees",
    Amiss.ROLLBACK_UNPROVEN: f"{UPGRADE} --set boundary.accept_weaker_rollback=true, if that is enough for you; a cluster "
    "of Kubernetes 1.36 needs no such word",
    Amiss.ROLLBACK_WEAKER: f"{UPGRADE} --set boundary.accept_weaker_rollback=false has each rollback wait for a yes until "
    "the cluster is of Kubernetes 1.36",
    Amiss.OTHER_ACCOUNT: f"{_LOGS} shows what the agent finds with its own credential",
    Amiss.NOT_IMPERSONATING: f"kubectl auth can-i impersonate serviceaccounts/byteport-agent --namespace {NAMESPACE} must "
    f"say yes; with a kubeconfig that may: {_FROM_OUTSIDE} --kubeconfig FILE",
    Amiss.NOT_INSTALLED: f"{INSTALL}, or name the right cluster: {_FROM_OUTSIDE} --context NAME",
    Amiss.OTHER_VERSION: f"byteport --version must be the chart's (helm list --namespace {NAMESPACE}); else: {UPGRADE}",
    Amiss.PROOF_STALE: "crictl stop $(crictl ps --quiet --name kube-apiserver) on each node of the control plane has the "
    "kubelet start it anew (where the control plane is a provider's, ask for its restart); after the next release of that "
    f"Deployment: {_FROM_OUTSIDE}",
    Amiss.PROOF_UNASKED: f"kubectl auth can-i impersonate serviceaccounts/byteport-agent --namespace {NAMESPACE} must say "
    f"yes, and for userextras/authentication.kubernetes.io/pod-name; then: {_FROM_OUTSIDE}",
    Amiss.PROOF_UNHEARD: f"{_FROM_OUTSIDE} asks again, once what is said here is mended",
    Amiss.FLOOR_OVERDUE: "kubectl patch hpa {name} -n {namespace} --type merge -p {patch} && "
    f"kubectl annotate hpa {{name}} -n {{namespace}} {FLOOR_BEFORE}- {FLOOR_RAISED}- {FLOOR_UNTIL}-",
    Amiss.FLOOR_TAKEN_OVER: f"kubectl annotate hpa {{name}} -n {{namespace}} {FLOOR_BEFORE}- {FLOOR_RAISED}- {FLOOR_UNTIL}-, "
    "once minReplicas is what it should be: somebody has set it since",
    Amiss.FLOOR_UNREADABLE: f"kubectl annotate hpa {{name}} -n {{namespace}} {FLOOR_BEFORE}- {FLOOR_RAISED}- {FLOOR_UNTIL}-, "
    "once minReplicas is what it should be: what it was before is not on record there",
    Amiss.FLOORS_UNREAD: "kubectl auth can-i list horizontalpodautoscalers.autoscaling --namespace NAMESPACE must say yes "
    "to this credential in each namespace that was given",
    Amiss.LEFTOVERS_UNREAD: "kubectl auth can-i list rolebindings.rbac.authorization.k8s.io --all-namespaces must say yes, and "
    f"for roles, clusterroles, clusterrolebindings, namespaces and horizontalpodautoscalers; then: {_FROM_OUTSIDE}",
    Amiss.LEFTOVERS_MANY: "byteport disable --all takes away what enable gave in every namespace; then, for what is left: "
    f"{_FROM_OUTSIDE}",
    Amiss.POLICY_UNSET: "echo 'mode: dry_run' > policy.yaml, and name that file in policy_file",
    Amiss.POLICY_UNREAD: "byteport policy show reads the same file ({path}), once what is said here is mended; where it is "
    "absent: echo 'mode: dry_run' > {path}",
    Amiss.KEYS_UNREAD: "byteport keys init makes each key that is not there; of one that is, mend what is said here",
    Amiss.GRANT_KEY_UNSET: f"{_SETTINGS} lists ledger.grant_key and cluster.grant_public_key with their variables; "
    "then: byteport keys init",
    Amiss.GRANT_KEYS_DIFFER: "ssh-keygen -y -f {private} > {public}",
    Amiss.SIGNERS_UNSET: f"{_LINE}allowed_signers, and name that file in approvals.allowed_signers",
    Amiss.SIGNERS_UNREAD: f"{_LINE}{{path}} makes the file or adds a line; of others, mend what is said here",
    Amiss.SIGNERS_NOBODY: f"{_LINE}{{path}}",
    Amiss.TEMPORAL_UNREACHED: "temporal operator namespace describe --address {address} --namespace {namespace}, with the "
    "same certificates or API key, must answer",
    Amiss.SEARCH_ATTRIBUTES: command("{namespace}"),
    Amiss.NOT_WATCHED: f"byteport worker, whose start begins it; in a cluster: {_RESTART}",
    Amiss.WATCH_LATE: f"byteport worker, if none runs; in a cluster: {_LOGS}",
    Amiss.LOG_UNSET: f"{_SETTINGS} lists ledger.path with its variable",
    Amiss.LOG_ABSENT: "byteport worker makes it at the first record; if there was one, put it back: without it nothing is "
    "known of what was done",
    Amiss.LOG_EMPTY: "byteport worker makes the first one; if there were any, somebody has taken them away: put the file back",
    Amiss.LEDGER_RIGHTS: "psql --dbname {database} --command {statement}, as an administrator",
    Amiss.LEDGER_UNREAD: "psql {url} --command 'SELECT 1', with the same password and certificates, must answer; an administrator "
    "makes the tables: byteport ledger migrate --url postgresql://ADMIN@HOST/DATABASE",
    Amiss.LOG_UNREAD: "ls -l {path} shows whose it is and who may read it: its owner alone must",
    Amiss.LOG_BROKEN: "byteport verify-log --all names every record at fault",
    Amiss.LOG_SHRANK: WHAT_TO_RUN[Refused.SHRANK],
    Amiss.LOG_FORKED: WHAT_TO_RUN[Refused.FORKED],
    Amiss.LOG_REKEYED: WHAT_TO_RUN[Refused.REKEYED],
    Amiss.LOG_UNREADABLE: WHAT_TO_RUN[Refused.UNREADABLE],
    Amiss.LOG_ALARMED: f"byteport alarm list shows since when, and why; once it is mended: byteport alarm clear {ALARM}",
    Amiss.SIGNER_LOST: WHAT_TO_RUN[Refused.LOST],
    Amiss.SIGNER_ELSEWHERE: "byteport doctor, run where the signer runs, looks at these too",
    Amiss.SIGNER_SILENT: "byteport worker --process signer signs it; temporal workflow describe --workflow-id {workflow} "
    "shows whether the run that calls it goes on, and its details say what is in its way; a worker's start begins it",
    Amiss.WITNESS_SILENT: "byteport log-key prints what the witness's operator needs, if it does not know this log; the logs of the "
    "process that exports say what it answers; or take it out of audit.witnesses",
    Amiss.CLOCKS_DIFFER: "psql --command 'SELECT clock_timestamp()', beside date here, shows which is wrong: mend that one "
    "before anything more is recorded",
    Amiss.CHAIN_AHEAD: "byteport records shows since which record, and so of whom: mend that machine's clock; until its time has "
    "come nothing recorded since is pruned, no erasure is begun, and limits count as of one hour",
    Amiss.BODIES_TOO_OLD: "temporal workflow describe --workflow-id {workflow} shows whether the daily run goes on, and what is "
    "in its way; a worker's start begins it, and a receiver that is down holds it up",
    Amiss.ERASURE_LATE: "byteport erase list shows it; byteport hold list shows the legal holds that may keep it; where it waits "
    "for a receiver, get that one to take the log, or take it out of audit.export.target",
    Amiss.SECRET_UNREAD: "byteport secrets check {name} asks for it again; docs/quickstart has, for each backend, what it must allow, "
    "and to whom",
    Amiss.CLOUD_RIGHTS: "byteport doctor --metrics, run in the pod of the worker `cloud`, whose identity it is, looks again; docs/reference/integrations.md "
    "has what is to be granted for {source}, word for word",
    Amiss.CLOUDS_UNASKED: f"{_SETTINGS} lists clouds.sources and what each of them needs, with their variables",
    Amiss.SECRETS_UNREAD: f"{_SETTINGS} lists secret.backend and what each backend needs, with their variables; then: byteport secrets check",
    Amiss.PROVIDER_UNSET: f"{_SETTINGS} lists what console.* and approvals.issuers need, with their variables",
    Amiss.PROVIDER_UNLISTED: "byteport doctor --settings shows console.issuer and console.client_id: write both into {path}, to the letter, with "
    "the provider's JWKS beside it and the people whose answers count; docs/how-to/approve-in-the-browser.md has such a file",
    Amiss.PROVIDER_UNREAD: "curl --fail --silent --show-error {issuer}/.well-known/openid-configuration must show an `issuer` that is console.issuer "
    "to the letter, and a `jwks_uri`; what vouches for its certificate is console.ca_file",
    Amiss.PROVIDER_KEYS: "curl --fail --silent --show-error --output {file} {url}, once you have seen that the new keys are the provider's own; "
    "in a cluster the ConfigMap byteport-signers has that file",
    Amiss.DEMO_REFUSED: "kubectl auth can-i create deployments.apps --all-namespaces, and the same for namespaces, must say yes",
}


def remedy(amiss: Amiss, **words: str | Path | Sequence[str]) -> str:
    """The line for one thing, with words of it (names, paths, several in a row) quoted for a shell."""
    return REMEDIES[amiss].format_map({key: _quoted(word) for key, word in words.items()})


def _quoted(word: str | Path | Sequence[str]) -> str:
    return shlex.quote(str(word)) if isinstance(word, str | Path) else shlex.join(word)
