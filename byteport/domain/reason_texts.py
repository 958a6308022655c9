"""Every reason in words: what it means, and what to do when it stands in the way. Told by `explanations.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from byteport.domain.reasons import Reason


class Said(NamedTuple):
    """What a word means, and what a person does about it; `next` is empty where nothing is to be done."""

    meaning: str
    next: str


ANSWERS = "byteport approve DIGEST, or byteport reject DIGEST"
"""For whoever is asked and has not got the command itself."""
_PODS = "kubectl get pods -n {namespace} -o wide"
_EVENTS = "kubectl get events -n {namespace} --sort-by=.lastTimestamp"
_HISTORY = "kubectl rollout history {kind}/{name} -n {namespace}"
_DEPLOYMENT = "kubectl describe {kind} {name} -n {namespace}"
_NODE = "kubectl describe node {name}"
_HPA = "kubectl describe hpa -n {namespace}"
_TOP = "kubectl top pods -n {namespace} --containers"

REASONS: Mapping[Reason, Said] = {
    Reason.CAUSE_NEEDS_A_PERSON: Said(
        "None of the acts cures this cause; it needs a change that only a person makes.", ""
    ),
    Reason.CANNOT_TELL: Said(
        "Something that must be known before the act could not be read: a right is missing, an answer did not come, or there are more pods than fit into one look.",
        "See which read was refused: byteport doctor",
    ),
    Reason.UNKNOWN_CAUSE: Said("What is wrong fits no class that is known.", "Read the pod's own words: " + _EVENTS),
    Reason.TOO_LITTLE_EVIDENCE: Said("A change needs two independent facts; there was one.", _EVENTS),
    Reason.STRANGE_OBJECT: Said(
        "An object of the target's own holds what cannot be: a time in the future, or a word that nobody knows.",
        "Compare the clocks (date -u here and on the control plane); kubectl get {kind} {name} -n {namespace} -o yaml",
    ),
    Reason.VICTIM_OF_ANOTHER: Said(
        "The target only suffers; the trouble is in what it depends on. Deleting the sufferers would make it worse.",
        "Look at the object that is named as the culprit.",
    ),
    Reason.NO_CONTROLLER: Said("Nothing would make the pod again: a bare pod that is deleted is gone for good.", _PODS),
    Reason.NOT_A_DEPLOYMENT: Said(
        "Only pods of a Deployment's ReplicaSet are treated; StatefulSets, DaemonSets and Jobs have state or an order of "
        "their own.",
        _PODS,
    ),
    Reason.OWNED_BY_CONTROLLER: Said(
        "Another controller owns the object and would set it back, or start its own procedure over again.",
        "Make the change where the owner is configured.",
    ),
    Reason.GITOPS_MANAGED: Said(
        "The object is kept by a GitOps tool, which would undo the change at its next sync.",
        "Revert in the repository that the tool deploys from.",
    ),
    Reason.SERVER_SIDE_APPLIED: Said(
        "Somebody applies this template server-side; after our change their next apply would meet a conflict.",
        "After approving, the next apply needs --force-conflicts, or the same revert at its source.",
    ),
    Reason.OWNER_ASKS_APPROVAL: Said("The owner has asked by annotation that a person says yes first.", ""),
    Reason.BEING_DELETED: Said(
        "The object, its owner or its namespace is being deleted: there is nothing to repair.", ""
    ),
    Reason.PROTECTED_NAMESPACE: Said(
        "The namespace is protected: the cluster's own, ours, or one that the policy names. Nothing in it is ever touched.",
        "",
    ),
    Reason.NAMESPACE_NOT_ENABLED: Said(
        'The namespace was not given to the agent, or has no label byteport.io/enabled: "true"; it is not even looked '
        "into.",
        "An administrator may give it: byteport enable {namespace}",
    ),
    Reason.OUTSIDE_SCOPE: Said(
        "The plan does not belong to this failure's runbook.", "This is a defect: please report it."
    ),
    Reason.POD_IS_READY: Said("The pod is Ready: it serves, and deleting it would take that away.", _PODS),
    Reason.NO_HEALTHY_SIBLING: Said(
        "No other replica is well, so a fresh pod would most likely fail in the same way.",
        "kubectl logs -n {namespace} {kind}/{name} --previous",
    ),
    Reason.BUDGET_REFUSES: Said(
        "A PodDisruptionBudget refuses the deletion.",
        "kubectl get pdb -n {namespace}; for crash-looping pods consider unhealthyPodEvictionPolicy: AlwaysAllow",
    ),
    Reason.REPLACEMENT_REFUSED: Said(
        "The replacement would not be admitted (quota, limits, pod security, a webhook): deleting would lose the pod.",
        "kubectl get resourcequota,limitrange -n {namespace}; " + _EVENTS,
    ),
    Reason.HOLDS_CLAIM: Said(
        "The pod holds a volume; a new one may have to wait for it, or meets the same contents.",
        "kubectl get pvc -n {namespace}",
    ),
    Reason.HOLDS_LEASE: Said(
        "The pod holds a Lease: deleting it would force a failover.", "kubectl get lease -n {namespace}"
    ),
    Reason.COMMON_CAUSE: Said(
        "Several targets fail for the same cause (a node, zone, registry or dependency): it is nobody's own.",
        "Look at the object that is named as the culprit first.",
    ),
    Reason.NODE_NOT_READY: Said(
        "The pod's node is not Ready; what its pods look like says nothing now.", "kubectl get nodes"
    ),
    Reason.NODE_UNSCHEDULABLE: Said(
        "The pod's node is cordoned or drives pods away: somebody is at work there.", "kubectl get nodes"
    ),
    Reason.ROLLOUT_UNDER_WAY: Said(
        "A rollout is under way: two hands on one workload.", "kubectl rollout status {kind}/{name} -n {namespace}"
    ),
    Reason.NO_LOG_STORE: Said(
        "A pod's last logs die with it, and the policy names no log store.",
        "Save the logs, or say that they are kept elsewhere: byteport policy set log_store_named true",
    ),
    Reason.NOT_ALLOW_LISTED: Said(
        "The administrator has not named this object among those that may be changed without a person.",
        "byteport policy add rollback_allowed {namespace}/{name} (of an autoscaler: raise_allowed)",
    ),
    Reason.PAUSED: Said(
        "The Deployment is paused: somebody stopped it on purpose.",
        "kubectl rollout resume {kind}/{name} -n {namespace}",
    ),
    Reason.NO_HISTORY: Said("There is no earlier revision: it was made anew, or its history limit is 0.", _HISTORY),
    Reason.NO_KNOWN_GOOD_REVISION: Said("No earlier revision is known to have worked.", _HISTORY),
    Reason.TEMPLATES_EQUAL: Said(
        "The revisions do not differ but for annotations: the release is not the cause, and going back changes nothing.",
        "Look for what changed beside the template: configuration, secrets, dependencies.",
    ),
    Reason.REVISION_HAS_SERVED: Said(
        "The newest revision has served: data may be in its format, so going back is a person's decision.",
        _HISTORY,
    ),
    Reason.NO_FAILURE_EVIDENCE: Said("The release makes no progress, but nothing of its own fails.", _DEPLOYMENT),
    Reason.NOT_WITH_RELEASE: Said(
        "The errors did not begin with the newest release: they were there before it, or came more than an hour after, or it is"
        " the one that a rollback went back to.",
        _HISTORY,
    ),
    Reason.TARGET_NOT_AVAILABLE_NOW: Said(
        "The revision to go back to has no available pod now, so nobody knows whether it still works.",
        _HISTORY,
    ),
    Reason.REFERENCES_MISSING: Said(
        "The revision to go back to names configuration, claims or accounts that no Ready pod uses now.",
        "kubectl get configmap,serviceaccount,pvc -n {namespace}",
    ),
    Reason.MIGRATION_UNDER_WAY: Said(
        "A migration belongs to this release: old code on new data may do more harm than the failure.",
        "kubectl get jobs -n {namespace}",
    ),
    Reason.SLOW_START: Said(
        "It starts slowly (pulling, an init container, a readiness gate), and nothing fails.", _PODS
    ),
    Reason.QUOTA_BLOCKS: Said(
        "Quota or capacity keeps the pods away, not the release.", "kubectl describe resourcequota -n {namespace}"
    ),
    Reason.SHARED_SERVICE: Said(
        "Two Deployments stand behind one Service: its errors may be the other's.",
        "kubectl get deployments,services -n {namespace}",
    ),
    Reason.CANARY: Said("It is one track of a canary; its owner's tool decides about it.", ""),
    Reason.SEVERAL_RELEASES_FAILED: Said("Several releases in a row failed; it goes back to an older one.", _HISTORY),
    Reason.HELM_RECORD_DIFFERS: Said(
        "Helm's record of the release now differs from the cluster.",
        "helm history {name} -n {namespace}; helm rollback puts the record right",
    ),
    Reason.TOO_EARLY: Said("It has not lasted long enough to be told from an ordinary start.", ""),
    Reason.SCALED_TO_ZERO: Said("It is scaled to zero on purpose.", ""),
    Reason.NODE_NOT_ENABLED: Said(
        'The node has no label byteport.io/enabled: "true" of its own.',
        "An administrator may enable it: kubectl label node {name} byteport.io/enabled=true",
    ),
    Reason.HELPER_ABSENT: Said(
        "No node helper answers on this node, so nobody can look at its disk, or free it.",
        "kubectl get pods -A -l app.kubernetes.io/name=byteport-node-helper -o wide; install the helper, or run df -h on the node",
    ),
    Reason.CONDITION_AND_DF_DISAGREE: Said(
        "The kubelet's DiskPressure and df do not agree: its thresholds or another filesystem may be the cause.",
        "Compare evictionHard in the kubelet's configuration with df -h and df -i on the node.",
    ),
    Reason.NOTHING_PRUNABLE: Said("Too few of its images are unused: pruning would not make room.", _NODE),
    Reason.PULL_UNDER_WAY: Said("An image is being pulled: what looks unused may be about to be used.", ""),
    Reason.COLLECTOR_AT_WORK: Said("The kubelet's own image collection is given its chance first.", ""),
    Reason.IMAGES_NOT_PULLABLE: Said(
        "Images on the node could not be pulled again (imagePullPolicy: Never, a registry that fails): pruning would destroy them.",
        "kubectl get events -A --field-selector reason=Failed",
    ),
    Reason.PRUNE_FORBIDDEN: Said(
        'The node\'s owner forbids it: byteport.io/prune: "false".',
        "kubectl describe node {name}",
    ),
    Reason.NOT_IMAGES: Said("Images are not what fills the disk.", "Look at the pod and path that are named."),
    Reason.OTHER_FILESYSTEM: Said(
        "Images lie on another filesystem than the full one: pruning frees nothing there.", "df -h on the node"
    ),
    Reason.INODES: Said(
        "Inodes run out, not bytes; removing a few large files does not help.",
        "df -i on the node, and count the files in the path that is named",
    ),
    Reason.TOO_FULL: Said("The disk is 95 % full or more: one wrong step and the node fails.", _NODE),
    Reason.DOCKER_PRUNE: Said(
        "Docker's prune also removes stopped containers and networks, and frees little: only on a person's yes.",
        "",
    ),
    Reason.RERUNS_INIT_CONTAINERS: Said(
        "Stopped containers of live pods would be removed, and the kubelet would run their init containers again beside a running app.",
        "docker ps -a --filter status=exited on the node",
    ),
    Reason.FREES_LITTLE: Said("Of images, Docker's prune removes only those without a name: it frees little.", ""),
    Reason.AT_MAX: Said(
        "The autoscaler is at its maximum: a higher floor changes nothing.",
        "Capacity is a decision: raise maxReplicas, or find what uses it. " + _HPA,
    ),
    Reason.NO_AUTOSCALER: Said("No autoscaler scales this workload.", _TOP),
    Reason.METRICS_MISSING: Said(
        "The autoscaler has no metrics: a floor chosen without data is a guess.",
        "kubectl get apiservice v1beta1.metrics.k8s.io; " + _HPA,
    ),
    Reason.METRICS_OLD: Said("The measurements are too old to act on.", _TOP),
    Reason.NOT_LOAD: Said("The use does not fall when there are more replicas: more of them would not help.", _TOP),
    Reason.THROTTLED_WITHOUT_LOAD: Said(
        "It is throttled at its CPU limit while there is little load: the limit is too small, not the number.",
        _DEPLOYMENT,
    ),
    Reason.NODE_UNDER_PRESSURE: Said(
        "A node of it is under pressure: more pods would make that worse.", "kubectl describe nodes"
    ),
    Reason.FLOOR_ZERO: Said("Its floor or its replicas are 0: its owner put it to sleep on purpose.", _HPA),
    Reason.MIN_OVER_MAX: Said(
        "Its minimum and maximum leave no room, or two writers fight over them.",
        "kubectl get hpa -n {namespace} -o yaml",
    ),
    Reason.NO_ROOM: Said(
        "Quota, limits or the nodes have no room for more pods.",
        "kubectl describe resourcequota -n {namespace}; kubectl describe nodes",
    ),
    Reason.HIGH_PRIORITY: Said("Its pods have a high priority: more of them could drive others away.", ""),
    Reason.OTHER_METRIC_BINDS: Said("Another metric than the one reported decides how many replicas there are.", _HPA),
    Reason.FLOOR_ENOUGH: Said("The autoscaler's own arithmetic asks for no more than there are.", _HPA),
    Reason.LIMIT_TOO_SMALL: Said(
        "The container needs more memory than its limit from the start.",
        "Raise resources.limits.memory above the working set that is named.",
    ),
    Reason.LEAKS: Said(
        "Its memory grows with time and not with load: a leak, which more replicas or a restart only delay.",
        "Take a heap profile before the next restart.",
    ),
    Reason.RESQUEEZED: Said(
        "Something sets its resources again and again.",
        "kubectl get {kind} {name} -n {namespace} -o yaml --show-managed-fields",
    ),
    Reason.ABSURD_READING: Said("A measurement cannot be true; what follows from it is not acted on.", _NODE),
    Reason.STILL_PENDING: Said(
        "The pods that a higher floor asked for found no room for two minutes: the floor was put back.",
        "kubectl get pods -n {namespace} --field-selector=status.phase=Pending",
    ),
    Reason.MODE_OBSERVES: Said("Here the agent only observes.", "byteport policy show"),
    Reason.MODE_DRY_RUN: Said("Here every act waits for a person's yes.", ANSWERS),
    Reason.HALTED: Said(
        "The kill switch is on: nothing is done.", "byteport resume, once the reason for the halt is gone"
    ),
    Reason.FROZEN: Said("A freeze window is open: nothing is done without a person's yes.", ""),
    Reason.STORM: Said(
        "Many targets are in trouble at once: acting alone is paused, and one page goes out for all.",
        "Look at the largest common factor that the storm's page names.",
    ),
    Reason.CHAOS_EXPERIMENT: Said(
        "A chaos experiment runs on the target: its trouble is made on purpose.",
        "Wait until the experiment has ended, or stop it with the tool that runs it.",
    ),
    Reason.LIMIT_REACHED: Said(
        "As many acts as are allowed in an hour have been done here.", "byteport records --target {ref}"
    ),
    Reason.DID_NOT_HOLD: Said(
        "The last fix of this kind on this target did not hold: it is not repeated alone.",
        "byteport records --target {ref}",
    ),
    Reason.TARGET_LEASED: Said(
        "Another remediation was at work on the same workload all the while.", "byteport runs --open"
    ),
    Reason.LEDGER_UNAVAILABLE: Said(
        "The audit log could not be written: without a record of the intent there is no act.", "byteport doctor"
    ),
    Reason.ALARM: Said("An alarm stands that stops every act.", "byteport alarm list; byteport alarm clear NAME"),
    Reason.INEFFECTIVE: Said(
        "Two acts of this kind did not help within the hour: a third is not tried alone.", "byteport records"
    ),
    Reason.BOUNDARY_NOT_WHOLE: Said(
        "What the API server must hold the agent to is not whole: a right too many or too few, or a policy that is gone "
        "or weakened. Nothing is done alone until it is.",
        "byteport doctor",
    ),
    Reason.CEILING_OBSERVES: Said(
        "The namespace was given to the agent only to observe.", "byteport enable {namespace} --mode dry_run"
    ),
    Reason.NOT_NAMED: Said(
        "The namespace's administrator did not name this object, so that the API server refuses the change even to an "
        "agent that a person agrees with.",
        "byteport enable {namespace} --rollback {name}, or --hpa NAME for an autoscaler",
    ),
    Reason.ROLLBACK_UNPROVEN: Said(
        "Before Kubernetes 1.36 the API server cannot prove that a rollback restores a revision's own template: each one "
        "waits for a person's yes, unless the settings accept that.",
        ANSWERS,
    ),
    Reason.APPROVED: Said("A person said yes.", ""),
    Reason.REJECTED: Said("A person said no.", ""),
    Reason.EXPIRED: Said("Nobody answered in time.", ""),
    Reason.TARGET_CHANGED: Said(
        "The target is not what the plan was made for any more: somebody changed it meanwhile.",
        "kubectl get {kind} {name} -n {namespace} -o yaml --show-managed-fields",
    ),
    Reason.TARGET_GONE: Said("The target is not there any more, or another has its name.", ""),
    Reason.RECOVERED: Said("The trouble ended by itself.", ""),
    Reason.CLOSED: Said("A person has taken it over.", ""),
    Reason.UNKNOWN_OUTCOME: Said(
        "The call was sent and no answer came: nobody knows whether it took effect.",
        "Look at the object, and at the API server's audit log for the action id.",
    ),
    Reason.NOT_PERMITTED: Said(
        "The agent may not do this: a right is missing, or a policy forbids it.", "byteport doctor"
    ),
    Reason.PROOF_STALE: Said(
        "The API server does not know the revision as one that serves, though the agent had just read that it does: a bug "
        "of Kubernetes (its issue 130887), once the proof's binding has been gone.",
        "Restart kube-apiserver, each instance behind a load balancer; then: byteport doctor --installation. Meanwhile, by "
        "hand: kubectl rollout undo {kind}/{name} -n {namespace} --to-revision=N",
    ),
    Reason.NOT_VERIFIED: Said("The act was done, and the target did not become healthy in time.", _DEPLOYMENT),
    Reason.NO_REPLACEMENT: Said(
        "No new pod was made within a minute of the deletion: this is an outage of our making.",
        "kubectl describe replicaset -n {namespace}; " + _EVENTS,
    ),
    Reason.CANCELLED: Said("Somebody cancelled the run.", ""),
    Reason.HEALTHY: Said("Nothing is wrong.", ""),
    Reason.HANDED_OVER: Said("Another runbook treats this; it has a run of its own.", "byteport runs"),
    Reason.NO_RUNBOOK: Said("No runbook treats this.", ""),
    Reason.RUNBOOK_OFF: Said(
        "The runbook that treats this is switched off, and its rights with it.",
        "An administrator may switch it on: runbooks in the chart's values, boundary.runbooks in the settings.",
    ),
    Reason.FAILED: Said("Something of ours failed; nothing was done on it.", "byteport doctor; the worker's log"),
}
