"""The switch as `byteport resume` makes it anew, and the policy that asks for it: what `byteport halt` rests on.

What is made is the binding that is rendered, and a part of the release that its role is of.

Helm takes over no object that does not say whose it is, and takes nothing away that is in none of its manifests. So the
binding carries what its role, which a halt leaves alone, says of the release; and it goes when the role does. Pure. Comes
before `byteport/cli/turning.py`, which makes it; the chart's `validate.yaml` reads the same note at an upgrade.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from byteport.boundary.choices import Choices
from byteport.boundary.names import ACCOUNTS_GROUP, MAY_ACT, MAY_ACT_NOTE, accounts_of, role_ref
from byteport.boundary.policies import everything
from byteport.boundary.roles import V1, binding
from byteport.boundary.whole import Finding, policies
from byteport.domain.policy import PROTECTED_NAMESPACES
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


class Bearer(NamedTuple):
    """The policy that asks for the switch, and its binding, against what is rendered."""

    choices: Choices
    """As far as that policy says them."""
    findings: Sequence[Finding]


def bearer(policy: JSON | None, its_binding: JSON | None) -> Bearer:
    """What stands of it. Which namespaces it names is the administrator's choice, which its own text tells."""
    choices = _chosen(policy or {})
    live = {
        ("ValidatingAdmissionPolicy", everything.NAME): policy,
        ("ValidatingAdmissionPolicyBinding", everything.NAME): its_binding,
    }
    return Bearer(choices, policies(everything.writes(choices), live))


def _chosen(policy: JSON) -> Choices:
    """What cannot be read is the default, and then the policy differs from what is rendered."""
    rules = _texts(policy, "validations")
    named = {
        one for text in re.findall(r"request\.namespace in \[([^\]]*)\]", rules) for one in re.findall(_WORD, text)
    }
    groups = set(re.findall(_WORD, _texts(policy, "matchConditions"))) - {ACCOUNTS_GROUP}
    prefix = accounts_of("")
    helpers = sorted(one.removeprefix(prefix) for one in groups if one.startswith(prefix))
    read: dict[str, Any] = {
        "protected": tuple(sorted(named - PROTECTED_NAMESPACES)),
        "helper": bool(helpers),
        "events": everything.EVENTS in rules,
    }
    try:
        return Choices.model_validate(read | ({"helper_namespace": helpers[0]} if helpers else {}))
    except ValidationError:
        return Choices()


_WORD = r"'([^']*)'"


def _texts(policy: JSON, key: str) -> str:
    return "\n".join(str(one.get("expression")) for one in fields.entries(fields.at(policy, "spec", key)))
