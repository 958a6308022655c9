"""A pod that may be deleted, and could not be made again."""

from byteport.domain.reasons import Cause, Reason
from byteport.sandbox.controlplane import Fault
from tests.scenarios.ground import Ground
from tests.scenarios.model import Escalated, Row, Scenario
from tests.scenarios.steps import applied, namespace_labelled, one_pod

REFUSED = frozenset({Reason.REPLACEMENT_REFUSED})
CAUSES = frozenset({Cause.TRANSIENT})


def quota(ground: Ground) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "team", "namespace": ground.namespace},
        "spec": {"hard": {"pods": "4"}},
    }


def full_quota(ground: Ground) -> dict[str, object]:
    return {**quota(ground), "spec": {"hard": {"pods": "3"}}}


def budget(ground: Ground) -> dict[str, object]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web-budget", "namespace": ground.namespace},
        "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
    }


def dead_webhook(ground: Ground) -> dict[str, object]:
    """Its Service would lie where it may be looked for: of one elsewhere nobody could tell whether it answers."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"dead-{ground.namespace}"},
        "webhooks": [
            {
                "name": "pods.policy.example.com",
                "clientConfig": {"service": {"namespace": ground.namespace, "name": "policy", "path": "/validate"}},
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "timeoutSeconds": 1,
                "admissionReviewVersions": ["v1"],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": ground.namespace}},
                "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}],
            }
        ],
    }


SCENARIOS = (
    Scenario(
        name="pod-security-refuses-the-replacement",
        row=Row.REPLACEMENT_REFUSED,
        says="The namespace's pod-security level was raised after the pods had started; one of them crashes now.",
        broken=(
            namespace_labelled({"pod-security.kubernetes.io/enforce": "restricted"}),
            one_pod(Fault.TRANSIENT),
        ),
        right=Escalated(CAUSES, reasons=REFUSED),
    ),
    Scenario(
        name="quota-refuses-the-replacement",
        row=Row.REPLACEMENT_REFUSED,
        says="A quota was lowered below what runs; one of the pods crashes, and another could not be made.",
        broken=(applied("a quota has no room", full_quota), one_pod(Fault.TRANSIENT)),
        right=Escalated(CAUSES, reasons=REFUSED),
    ),
    Scenario(
        name="disruption-budget-refuses",
        row=Row.REPLACEMENT_REFUSED,
        says="A disruption budget allows no disruption; it is never worked around by a delete.",
        broken=(applied("a budget wants all three", budget), one_pod(Fault.TRANSIENT)),
        right=Escalated(CAUSES, names=("web-budget",), reasons=frozenset({Reason.BUDGET_REFUSES})),
    ),
    Scenario(
        name="dead-webhook-refuses-the-replacement",
        row=Row.REPLACEMENT_REFUSED,
        says="An admission webhook that must be asked has nobody behind its Service any more; one pod crashes.",
        broken=(applied("a webhook is dead", dead_webhook), one_pod(Fault.TRANSIENT)),
        right=Escalated(CAUSES, reasons=REFUSED),
    ),
)
