"""Whether a machine that a cloud names is the one a Node runs on: by `spec.providerID`, never by the Node's name.

A name is chosen by whoever registers the Node, and clouds give a machine's name again to the next one. The providers write
`aws:///eu-west-1a/i-0abc`, `gce://project/zone/name`, `azure:///subscriptions/…/virtualMachines/0`; their metrics name the
same machine by the end of that, or by a longer path; kube-state-metrics repeats it whole. Comes before `activities/kubernetes/outside.py`.
"""

from __future__ import annotations

import re

from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON

_GCE = re.compile(r"projects/([^/]+)/zones/([^/]+)/instances/([^/]+)")
_PROVIDER = re.compile(r"[a-z][a-z0-9-]*://")
LONGEST = 500


def runs_on(node: JSON, machine: str) -> bool:
    """Whether `machine`, as a cloud's metric or alarm names it, is this Node's. No machine at all is nobody's."""
    provider_id = fields.text(fields.at(node, "spec", "providerID"), LONGEST)
    path = _PROVIDER.sub("", provider_id, count=1)
    if _PROVIDER.match(machine):
        return bool(path.strip("/")) and machine.casefold() == provider_id.casefold()
    named = _GCE.sub(r"\1/\2/\3", machine).strip("/").casefold()  # Azure's ids differ in case from place to place
    return bool(named) and f"/{path}".casefold().endswith(f"/{named}")
