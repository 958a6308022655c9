"""One real node for the real control plane: a kubelet with containerd, on this machine, apart from it.

It needs root on Linux and lives in namespaces of its own (network, mounts, processes, control groups), so that the
machine's links, firewall, mounts, settings and files stay as they are; when it is ended, however, nothing is left.
Logs, exec, kills for memory, probes and image pulls are then a real kubelet's. `node.py` has `RealNode`, `machine.py`
says whether this machine can have one. Before it come `byteport/sandbox/controlplane` and `tests/node`.
"""

from byteport.sandbox.realnode.image import IMAGE, MISSING_IMAGE, TAGS
from byteport.sandbox.realnode.machine import why_not
from byteport.sandbox.realnode.node import NodeFailed, RealNode, ensure_programs

__all__ = ["IMAGE", "MISSING_IMAGE", "TAGS", "NodeFailed", "RealNode", "ensure_programs", "why_not"]
