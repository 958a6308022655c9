"""The simulated nodes: their objects, how they come to life, and kwok's configuration.

Comes after `stages.py` (the life of pods) and before `supervise.py`, which writes the configuration and creates the
nodes. Only the Lease keeps a node Ready: a stage that sent heartbeats would write over conditions that a person or a
test has set. kwok's own handlers for logs and exec stay off, since its exec runs programs of the host; the port that a
node names is that of `nodes/main.go`, which answers from files and runs nothing.
"""

from __future__ import annotations

from typing import Any

import yaml

from byteport.sandbox.controlplane.stages import is_unset, pod_stages, stage, wants_not

JSON = dict[str, Any]

DOWN_ANNOTATION = "sim.byteport.io/down"
"""On a Node: its Ready condition stays as somebody set it, and is not repaired."""

NODE_STATUS = """
{{ $now := Now }}
conditions:
{{ range NodeConditions }}
- type: {{ .type }}
  status: {{ .status | Quote }}
  reason: {{ .reason }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $now | Quote }}
{{ end }}
addresses:
- {type: InternalIP, address: 127.0.0.1}
- {type: Hostname, address: {{ .metadata.name }}}
daemonEndpoints: {kubeletEndpoint: {Port: NODES_PORT}}
capacity: {cpu: "16", memory: 64Gi, pods: "500", ephemeral-storage: 100Gi}
allocatable: {cpu: "16", memory: 64Gi, pods: "500", ephemeral-storage: 100Gi}
nodeInfo:
  architecture: amd64
  operatingSystem: linux
  bootID: simulated
  machineID: simulated
  systemUUID: simulated
  kernelVersion: simulated
  osImage: simulated
  containerRuntimeVersion: containerd://simulated
  kubeletVersion: {{ printf "kwok-%s" Version }}
  kubeProxyVersion: {{ printf "kwok-%s" Version }}
"""


def nodes(count: int) -> list[JSON]:
    """`count` Node objects, `node-1` and so on, one zone each up to three."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {
                    "kubernetes.io/hostname": name,
                    "kubernetes.io/os": "linux",
                    "kubernetes.io/arch": "amd64",
                    "topology.kubernetes.io/zone": f"zone-{'abc'[number % 3]}",
                },
            },
        }
        for number, name in enumerate(f"node-{number}" for number in range(1, count + 1))
    ]


def node_stages(nodes_port: int) -> list[JSON]:
    """A new node reports itself Ready, once, with the port of its logs and exec."""
    selects = [
        is_unset(f'.metadata.annotations["{DOWN_ANNOTATION}"]'),
        wants_not('[.status.conditions[]? | select(.type == "Ready")][0].status', "True"),
    ]
    template = NODE_STATUS.replace("NODES_PORT", str(nodes_port))
    report = {"patch": {"subresource": "status", "root": "status", "template": template}}
    return [stage("node-report", "Node", selects, [report])]


def kwok_configuration(nodes_port: int) -> str:
    """kwok's configuration file. What kwok does not default when it is given one is written out."""
    options = {
        "manageNodesWithAnnotationSelector": "kwok.x-k8s.io/node=fake",
        "manageAllNodes": False,
        "enableDebuggingHandlers": False,
        "nodeIP": "127.0.0.1",
        "cidr": "10.0.0.0/16",
        "nodeLeaseDurationSeconds": 40,
        "nodeLeaseParallelism": 4,
        "nodePlayStageParallelism": 4,
        "podPlayStageParallelism": 16,
        "podsOnNodeSyncParallelism": 16,
        "enablePodsOnNodeSyncStreamWatch": True,
    }
    head = {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options}
    return yaml.safe_dump_all([head, *node_stages(nodes_port), *pod_stages()], sort_keys=False)
