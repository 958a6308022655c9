"""What the objects of the benchmark's cluster look like: as a real API server shows them, managed fields and all."""

from __future__ import annotations

from typing import Any

from byteport.kubernetes.enrolment import ENABLED_LABEL

JSON = dict[str, Any]

PODS_PER_DEPLOYMENT = 50
AT = "2026-03-10T09:00:00Z"


def owned(value: Any) -> JSON:
    """The managed fields of a value, as the API server writes them."""
    found: JSON = {}
    for key, inner in value.items():
        found[f"f:{key}"] = _owned(inner)
    return found


def _owned(inner: Any) -> JSON:
    if isinstance(inner, dict):
        return owned(inner)
    if isinstance(inner, list) and inner and isinstance(inner[0], dict):
        key = next((name for name in ("name", "type", "uid", "mountPath", "ip") if name in inner[0]), None)
        if key:
            return {f'k:{{"{key}":"{one.get(key)}"}}': {".": {}, **owned(one)} for one in inner}
    return {}


def _meta(by: dict[str, Any], **more: Any) -> JSON:
    managers = [
        {
            "manager": manager,
            "operation": "Update",
            "apiVersion": "v1",
            "time": AT,
            "fieldsType": "FieldsV1",
            "fieldsV1": owned(part),
            **({"subresource": "status"} if "f:status" in owned(part) else {}),
        }
        for manager, part in by.items()
    ]
    own = {"name": "@NAME@", "namespace": "@NAMESPACE@", "uid": "@UID@", "resourceVersion": "@VERSION@"}
    return {**own, "creationTimestamp": AT, **more, "managedFields": managers}


def _container(name: str) -> JSON:
    probe = {"httpGet": {"path": "/ready", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "failureThreshold": 3}
    return {
        "name": name,
        "image": f"registry.example.internal/shop/{name}:1.18.3",
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": f"SETTING_{number}", "value": f"value-of-{number}"} for number in range(3)],
        "resources": {"limits": {"cpu": "500m", "memory": "256Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "volumeMounts": [
            {"name": "token", "readOnly": True, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
        ],
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }


def _status(name: str, how: str) -> JSON:
    state: JSON = {"running": {"startedAt": AT}}
    if how == "crashing":
        state = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}}
    if how == "stuck":
        state = {"waiting": {"reason": "ContainerCreating"}}
    return {
        "name": name,
        "state": state,
        "lastState": {},
        "ready": how == "healthy",
        "restartCount": 9 if how == "crashing" else 0,
        "image": f"registry.example.internal/shop/{name}:1.18.3",
        "imageID": f"registry.example.internal/shop/{name}@sha256:{'0123456789abcdef' * 4}",
        "containerID": f"containerd://{'fedcba9876543210' * 4}",
        "started": how == "healthy",
    }


def pod(how: str) -> JSON:
    ready = str(how == "healthy")
    spec = {
        "containers": [_container("app"), _container("proxy")],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "web",
        "nodeName": "@NODE@",
        "schedulerName": "default-scheduler",
        "tolerations": [
            {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in ("not-ready", "unreachable")
        ],
        "volumes": [
            {
                "name": "token",
                "projected": {
                    "sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}],
                    "defaultMode": 420,
                },
            }
        ],
        "preemptionPolicy": "PreemptLowerPriority",
    }
    kinds = {
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "Ready": ready,
        "ContainersReady": ready,
        "PodScheduled": "True",
    }
    status = {
        "phase": "Running" if how != "stuck" else "Pending",
        "conditions": [
            {"type": kind, "status": value, "observedGeneration": 1, "lastProbeTime": None, "lastTransitionTime": AT}
            for kind, value in kinds.items()
        ],
        "hostIP": "10.0.3.7",
        "podIP": "10.64.12.9",
        "podIPs": [{"ip": "10.64.12.9"}],
        "startTime": AT,
        "qosClass": "Burstable",
        "containerStatuses": [_status("app", how), _status("proxy", how)],
    }
    labels = {"app.kubernetes.io/name": "web", "app.kubernetes.io/part-of": "shop", "pod-template-hash": "6d5f7c9b4"}
    reference = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "@OWNER@",
        "uid": "@OWNERUID@",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    by = {
        "kube-controller-manager": {"metadata": {"labels": labels, "ownerReferences": [reference]}, "spec": spec},
        "kubelet": {"status": status},
    }
    meta = _meta(
        by,
        generateName="@OWNER@-",
        labels=labels,
        annotations={"checksum/config": "0123456789abcdef" * 4},
        ownerReferences=[reference],
    )
    return {"metadata": meta, "spec": spec, "status": status}


def deployment() -> JSON:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod("healthy")["spec"]}
    spec = {
        "replicas": PODS_PER_DEPLOYMENT,
        "selector": {"matchLabels": {"app": "web"}},
        "template": template,
        "progressDeadlineSeconds": 600,
    }
    conditions = [
        {
            "type": "Available",
            "status": "True",
            "reason": "MinimumReplicasAvailable",
            "lastTransitionTime": AT,
            "lastUpdateTime": AT,
        },
        {
            "type": "Progressing",
            "status": "True",
            "reason": "NewReplicaSetAvailable",
            "lastTransitionTime": AT,
            "lastUpdateTime": AT,
        },
    ]
    count = PODS_PER_DEPLOYMENT
    status = {
        "observedGeneration": 3,
        "replicas": count,
        "updatedReplicas": count,
        "readyReplicas": count,
        "availableReplicas": count,
        "conditions": conditions,
    }
    return {
        "metadata": _meta({"helm": {"spec": spec}, "kube-controller-manager": {"status": status}}, generation=3),
        "spec": spec,
        "status": status,
    }


def replica_set() -> JSON:
    above = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "@NAME@", "uid": "@UID@", "controller": True}
    return {
        "metadata": _meta({}, ownerReferences=[above]) | {"uid": "uid-@NAME@"},
        "spec": {"replicas": PODS_PER_DEPLOYMENT},
    }


def autoscaler() -> JSON:
    resource = {"name": "cpu", "current": {"averageUtilization": 41, "averageValue": "41m"}}
    target = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    kinds = {"AbleToScale": "True", "ScalingActive": "True", "ScalingLimited": "False"}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "@NAME@"},
        "minReplicas": 3,
        "maxReplicas": 60,
        "metrics": [{"type": "Resource", "resource": target}],
    }
    status = {
        "currentReplicas": 50,
        "desiredReplicas": 50,
        "lastScaleTime": AT,
        "currentMetrics": [{"type": "Resource", "resource": resource}],
        "conditions": [
            {"type": kind, "status": value, "reason": "DesiredWithinRange", "lastTransitionTime": AT}
            for kind, value in kinds.items()
        ],
    }
    return {
        "metadata": _meta({"kubectl": {"spec": spec}, "kube-controller-manager": {"status": status}}),
        "spec": spec,
        "status": status,
    }


def node() -> JSON:
    kinds = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}
    status = {
        "capacity": {"cpu": "16", "memory": "65000000Ki", "pods": "110"},
        "conditions": [
            {"type": kind, "status": value, "lastHeartbeatTime": AT, "lastTransitionTime": AT}
            for kind, value in kinds.items()
        ],
        "images": [
            {"names": [f"registry.example.internal/shop/image-{number}:1"], "sizeBytes": 10**8} for number in range(50)
        ],
    }
    labels = {"kubernetes.io/hostname": "@NAME@", ENABLED_LABEL: "true"}
    meta = _meta({"kubelet": {"status": status}}, labels=labels)
    return {"metadata": {key: value for key, value in meta.items() if key != "namespace"}, "spec": {}, "status": status}


def measured() -> JSON:
    usage = [{"name": name, "usage": {"cpu": "40m", "memory": "90Mi"}} for name in ("app", "proxy")]
    meta = {"name": "@NAME@", "namespace": "@NAMESPACE@", "creationTimestamp": AT, "labels": {"app": "web"}}
    return {"metadata": meta, "timestamp": AT, "window": "30s", "containers": usage}
