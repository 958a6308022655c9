"""The switch as `byteport resume` makes it anew: the binding that is rendered, and a part of the release that its role is of.

Helm takes over no object that does not say whose it is, and takes nothing away that is in none of its manifests. So the
binding carries what its role, which a halt leaves alone, says of the release; and it goes when the role does. Pure. Comes
before `byteport/cli/turning.py`, which makes it; the chart's `validate.yaml` reads the same note at an upgrade.
"""

from __future__ import annotations

from typing import Any

from byteport.boundary.names import MAY_ACT, MAY_ACT_NOTE, role_ref
from byteport.boundary.roles import V1, binding
from byteport.kubernetes import fields
from byteport.kubernetes.port import JSON

MANAGED_BY = "app.kubernetes.io/managed-by"
HELM = "Helm"
RELEASE = ("meta.helm.sh/release-name", "meta.helm.sh/release-namespace")


def made_anew(role: JSON) -> JSON:
    """The binding of that ClusterRole, as it stands on the cluster."""
    item = binding("ClusterRoleBinding", MAY_ACT, role_ref("ClusterRole", MAY_ACT))
    metadata: dict[str, Any] = dict(item["metadata"])
    notes = {key: text for key in RELEASE if (text := fields.name(fields.annotated(role).get(key)))}
    if fields.labels(role).get(MANAGED_BY) == HELM and len(notes) == len(RELEASE):
        metadata["labels"] = {**metadata["labels"], MANAGED_BY: HELM}
        metadata["annotations"] = notes
    if uid := fields.uid(fields.metadata(role).get("uid")):
        # The role is the release's in any case: with it goes what `helm uninstall` knows nothing of.
        owner = {"apiVersion": V1, "kind": "ClusterRole", "name": MAY_ACT, "uid": uid}
        metadata["ownerReferences"] = [owner]
    return {**item, "metadata": metadata}


def kept_away(role: JSON) -> bool:
    """Whether the values that the role was last rendered with keep the switch away."""
    return fields.annotated(role).get(MAY_ACT_NOTE) == "false"
