"""Every cause in words: what it means, and where a person looks first. Told by `explanations.py`."""

from __future__ import annotations

from collections.abc import Mapping

from byteport.domain.reason_texts import Said
from byteport.domain.reasons import Cause

_PODS = "kubectl get pods -n {namespace} -o wide"
_EVENTS = "kubectl get events -n {namespace} --sort-by=.lastTimestamp"
_HISTORY = "kubectl rollout history {kind}/{name} -n {namespace}"
_DEPLOYMENT = "kubectl describe {kind} {name} -n {namespace}"
_NODE = "kubectl describe node {name}"
_HPA = "kubectl describe hpa -n {namespace}"
_TOP = "kubectl top pods -n {namespace} --containers"

CAUSES: Mapping[Cause, Said] = {
    Cause.OOM_KILLED: Said("A container was killed at its own memory limit.", "Compare limit and working set: " + _TOP),
    Cause.IMAGE_BAD_REFERENCE: Said("The image does not exist under this name.", _DEPLOYMENT),
    Cause.IMAGE_AUTH: Said(
        "The registry refuses the credentials.", "kubectl get serviceaccount -n {namespace} -o yaml (imagePullSecrets)"
    ),
    Cause.IMAGE_RATE_LIMITED: Said("The registry limits pulls.", _EVENTS),
    Cause.IMAGE_TIMEOUT: Said("The registry does not answer in time.", _EVENTS),
    Cause.IMAGE_ABSENT: Said("The image is not on the node and may not be pulled.", _DEPLOYMENT),
    Cause.IMAGE_PULL: Said("The image cannot be pulled, and it is not clear why.", _EVENTS),
    Cause.CONFIG_ERROR: Said(
        "A ConfigMap, Secret or key that the pod names is not there.", "kubectl get configmap,secret -n {namespace}"
    ),
    Cause.START_ERROR: Said("The container cannot be started (command, file or permission).", _DEPLOYMENT),
    Cause.PROBE_KILL: Said("A liveness or startup probe kills the container.", _DEPLOYMENT),
    Cause.HOOK_FAILED: Said("A lifecycle hook fails.", _DEPLOYMENT),
    Cause.DEPENDENCY_DOWN: Said(
        "Something that it needs does not answer.", "Look at the dependency that is named, not at this workload."
    ),
    Cause.INIT_FAILED: Said(
        "An init container fails.", "kubectl logs -n {namespace} {kind}/{name} --all-containers --previous"
    ),
    Cause.EXITS_ZERO: Said(
        "The container ends well, again and again: it is no service, or its command is wrong.", _DEPLOYMENT
    ),
    Cause.OUT_OF_MEMORY: Said("The program itself ran out of memory before its limit (a heap setting).", _TOP),
    Cause.ACCESS_DENIED: Said(
        "The program is refused by something that it calls.", "kubectl logs -n {namespace} {kind}/{name} --previous"
    ),
    Cause.CERTIFICATE: Said("A certificate is not valid.", "kubectl logs -n {namespace} {kind}/{name} --previous"),
    Cause.POISON_MESSAGE: Said(
        "One input makes it crash each time.", "kubectl logs -n {namespace} {kind}/{name} --previous"
    ),
    Cause.UNSCHEDULABLE: Said("No node takes the pod.", "kubectl describe pods -n {namespace}"),
    Cause.EVICTED: Said("The kubelet drove pods away from its node.", "kubectl describe nodes"),
    Cause.NODE_RESTART: Said("The node restarted; its pods come back by themselves.", "kubectl get nodes"),
    Cause.NODE_SUSPECT: Said(
        "Several fail on one node while their siblings elsewhere are well.",
        "kubectl describe node NAME (the culprit); cordon it while you look",
    ),
    Cause.NODE_NOT_READY: Said("The node is not Ready.", "kubectl get nodes; the kubelet's own log on the node"),
    Cause.NODE_PRESSURE: Said("The node is short of disk, memory or process ids.", "kubectl describe nodes"),
    Cause.NODE_DISK: Said("The node's disk is full.", "kubectl describe nodes"),
    Cause.NODE_EXHAUSTED: Said(
        "The node has no process ids or threads left.", "Cordon the node and find what starts so many."
    ),
    Cause.NODE_MEMORY: Said(
        "The node is out of memory: what is promised there is more than it has.",
        "kubectl describe node {name}; compare requests with allocatable",
    ),
    Cause.VOLUME: Said(
        "A volume cannot be attached, mounted or written.", "kubectl get pvc -n {namespace}; " + _EVENTS
    ),
    Cause.WEDGED_REPLICA: Said("One replica stopped serving while its siblings are well.", _PODS),
    Cause.NOT_READY: Said("Pods run and are not Ready.", _PODS),
    Cause.TRANSIENT: Said("One replica crashes while its siblings with the same template are well.", _PODS),
    Cause.CRASHING: Said("It crashes, and nothing says why.", "kubectl logs -n {namespace} {kind}/{name} --previous"),
    Cause.BAD_ROLLOUT: Said("It began with the newest release.", _HISTORY),
    Cause.BAD_IMAGE: Said("The newest release names an image that cannot be had.", _HISTORY),
    Cause.RELEASE_CRASHES: Said("The newest release crashes where the older one serves.", _HISTORY),
    Cause.RELEASE_CONFIG: Said("The newest release names configuration that is not there.", _HISTORY),
    Cause.RELEASE_INIT: Said("An init container of the newest release fails.", _HISTORY),
    Cause.RELEASE_PROBE: Said("A probe of the newest release never succeeds.", _HISTORY),
    Cause.RELEASE_UNSCHEDULABLE: Said("No node takes the newest release.", _HISTORY),
    Cause.SLOW_START: Said("The release starts slowly.", _PODS),
    Cause.QUOTA: Said("A quota or limit refuses its pods.", "kubectl describe resourcequota -n {namespace}"),
    Cause.MUTATOR: Said(
        "Something between the template and the pods changes them; no template will help.",
        "kubectl get mutatingwebhookconfigurations",
    ),
    Cause.MIGRATION: Said("A data migration is under way.", "kubectl get jobs -n {namespace}"),
    Cause.CONFIG_UNSEEN: Said(
        "It began without a release: configuration outside the template, which is not read, is likely.",
        "kubectl get configmap,secret -n {namespace} --show-managed-fields -o yaml",
    ),
    Cause.RECOVERED: Said("It ended by itself.", ""),
    Cause.HEALTHY: Said("Nothing is wrong.", ""),
    Cause.AUTOSCALER_AT_MAX: Said("The autoscaler is at its maximum and would go further.", _HPA),
    Cause.AUTOSCALER_BLIND: Said(
        "The autoscaler has no metric to go by.", "kubectl get apiservice v1beta1.metrics.k8s.io; " + _HPA
    ),
    Cause.AUTOSCALER_LIMITED: Said("The autoscaler's own policy lets it grow only slowly.", _HPA),
    Cause.ALERT: Said("An alert fires about something that no runbook looks at.", ""),
    Cause.DISK_IMAGES: Said("Unused images fill the disk.", _NODE),
    Cause.DISK_CONTAINERS: Said("Containers' own layers fill the disk.", _NODE),
    Cause.DISK_LOGS: Said("Logs fill the disk.", "du -sh /var/log/pods/* on the node"),
    Cause.DISK_EMPTY_DIR: Said(
        "A pod's emptyDir fills the disk.", "Give the volume a sizeLimit; look at the pod that is named."
    ),
    Cause.DISK_HOST_PATH: Said(
        "A host path that a pod writes to fills the disk.", "Look at the pod and path that are named."
    ),
    Cause.DISK_VOLUME: Said("A volume is full, not the node's disk.", "Grow the claim, or drop old data."),
    Cause.DISK_INODES: Said("The filesystem has no inodes left.", "df -i on the node"),
    Cause.DISK_OTHER_FILESYSTEM: Said("The full filesystem is not the one with the images.", "df -h on the node"),
    Cause.DISK_THRESHOLD: Said(
        "The node says DiskPressure while its disk has room: a threshold is set so.",
        "evictionHard in the kubelet's configuration",
    ),
    Cause.DISK_CONTENTS_UNKNOWN: Said("The disk is full, and nobody could see of what.", "du on the node"),
    Cause.MEMORY_LEAK: Said("Its memory grows with time.", _TOP),
    Cause.MEMORY_CEILING: Said("Its working set is at its limit, steadily.", _TOP),
    Cause.MEMORY_LOAD: Said("Its memory follows its load, and there is much.", _HPA),
    Cause.MEMORY_RESQUEEZED: Said(
        "Something keeps setting its limits.",
        "kubectl get {kind} {name} -n {namespace} -o yaml --show-managed-fields",
    ),
    Cause.MEMORY_READING: Said("A memory figure cannot be true.", _NODE),
    Cause.CPU_LOAD: Said("It has more load than its replicas can carry.", _HPA),
    Cause.CPU_THROTTLED: Said("It is throttled at its own CPU limit.", _DEPLOYMENT),
    Cause.CPU_RETRIES: Said(
        "Retries make the load: it follows from errors elsewhere.",
        "Look at what it calls; more replicas make it worse.",
    ),
    Cause.AUTOSCALER_MISCONFIGURED: Said(
        "The autoscaler's settings contradict each other, or two writers fight over them.",
        "kubectl get hpa -n {namespace} -o yaml --show-managed-fields",
    ),
    Cause.AUTOSCALER_SATISFIED: Said("The autoscaler has what it wants.", ""),
    Cause.AUTOSCALER_ABSENT: Said("No autoscaler scales it.", _TOP),
    Cause.UNKNOWN: Said("It fits no class that is known.", _EVENTS),
    Cause.UNSUPPORTED: Said("No runbook treats this kind of object.", ""),
}
