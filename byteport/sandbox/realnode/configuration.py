"""What the node's programs are configured to do, as text, with the paths that they see from inside.

Comes after `image.py`; `node.py` writes it down before the node's namespaces are made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from byteport.sandbox.realnode.image import SANDBOX_IMAGE

JSON = dict[str, Any]

RUN = Path("/run/byteport")
"""The node's own files, inside."""
PROGRAMS = Path("/run/programs")
"""Debian's packages, inside, laid out as Debian does."""
TOOLS = Path("/run/tools")
"""Where the kubelet is, inside."""
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
POD_RANGE = "10.244.0.0/24"
"""Addresses of pods, in the node's own network and nowhere else."""

TUNABLES = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""Settings of the whole machine that a kubelet writes. Inside they are files of the node's own with these values."""


def containerd() -> str:
    """containerd's configuration, version 2. The plugin that would make /opt/containerd is off."""
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]

[grpc]
address = "{CONTAINERD_SOCKET}"

[{cri}]
sandbox_image = "{SANDBOX_IMAGE}"
disable_apparmor = true
restrict_oom_score_adj = true
stream_server_address = "127.0.0.1"

[{cri}.cni]
bin_dir = "{PROGRAMS}/usr/lib/cni"
conf_dir = "{RUN}/cni"

[{cri}.containerd]
default_runtime_name = "runc"
snapshotter = "overlayfs"

[{cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[{cri}.containerd.runtimes.runc.options]
BinaryName = "{PROGRAMS}/usr/sbin/runc"
SystemdCgroup = false
"""


def pod_network() -> str:
    """A pair of links a pod, routed and not translated: no bridge, and no rule of a firewall."""
    point_to_point = {
        "type": "ptp",
        "ipMasq": False,
        "ipam": {"type": "host-local", "subnet": POD_RANGE, "dataDir": "/var/lib/cni/networks"},
    }
    return json.dumps({"cniVersion": "0.4.0", "name": "byteport-node", "plugins": [point_to_point]}, indent=1) + "\n"


def kubelet(port: int, longest_backoff_seconds: int) -> str:
    """The kubelet's configuration. Who shows a certificate of the control plane's authority may do everything here."""
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": "127.0.0.1",
            "port": port,
            "readOnlyPort": 0,
            "healthzPort": 0,
            "tlsCertFile": str(RUN / "kubelet.crt"),
            "tlsPrivateKeyFile": str(RUN / "kubelet.key"),
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(RUN / "ca.crt")},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "evictionHard": {},
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "failSwapOn": False,
            "serializeImagePulls": False,
            "resolvConf": "",
            "nodeStatusUpdateFrequency": "5s",
            "syncFrequency": "10s",
            "crashLoopBackOff": {"maxContainerRestartPeriod": f"{longest_backoff_seconds}s"},
        },
        sort_keys=False,
    )
