"""A failed release of a Deployment that a tool has written, or that an operator owns."""

from byteport.domain.reasons import Cause, Reason
from byteport.sandbox.controlplane import Fault
from tests.scenarios.model import PATCHES_DEPLOYMENT, SIMULATED_ONLY, Escalated, Fixed, Row, Scenario
from tests.scenarios.steps import released

CRASHES = frozenset({Cause.RELEASE_CRASHES})
HELM = {
    "metadata": {
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"},
    }
}
ARGO = {"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}}}
FLUX = {
    "metadata": {
        "labels": {"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
    }
}
OPERATOR = {
    "metadata": {
        "ownerReferences": [
            {
                "apiVersion": "example.com/v1",
                "kind": "WebApp",
                "name": "web",
                "uid": "0f0f0f0f-1111-4222-8333-444444444444",
                "controller": True,
            }
        ]
    }
}

SCENARIOS = (
    Scenario(
        name="helm-release",
        row=Row.OWNED,
        says="Helm has written it; its release record will say another revision than what runs.",
        before=(released(1, deployment=HELM, manager="helm"),),
        broken=(released(2, fault=Fault.CRASH, deployment=HELM, manager="helm"),),
        right=Fixed(PATCHES_DEPLOYMENT, notes=frozenset({Reason.HELM_RECORD_DIFFERS})),
    ),
    Scenario(
        name="gitops-argocd",
        row=Row.OWNED,
        says="Argo CD applies it from Git, and would undo whatever is done here.",
        before=(released(1, deployment=ARGO, manager="argocd-controller"),),
        broken=(released(2, fault=Fault.CRASH, deployment=ARGO, manager="argocd-controller"),),
        right=Escalated(CRASHES, names=("argocd",), reasons=frozenset({Reason.GITOPS_MANAGED})),
    ),
    Scenario(
        name="gitops-flux",
        row=Row.OWNED,
        says="Flux applies it from Git, server-side.",
        before=(released(1, deployment=FLUX, manager="kustomize-controller", server_side=True),),
        broken=(released(2, fault=Fault.CRASH, deployment=FLUX, manager="kustomize-controller", server_side=True),),
        right=Escalated(CRASHES, names=("flux",), reasons=frozenset({Reason.GITOPS_MANAGED})),
    ),
    Scenario(
        name="applied-server-side",
        row=Row.OWNED,
        says="It was applied server-side by kubectl: the next apply would meet ours as a conflict, so a person decides.",
        before=(released(1, manager="kubectl", server_side=True),),
        broken=(released(2, fault=Fault.CRASH, manager="kubectl", server_side=True),),
        right=Escalated(CRASHES, names=("kubectl",), reasons=frozenset({Reason.SERVER_SIDE_APPLIED}), planned=True),
    ),
    Scenario(
        name="owned-by-an-operator",
        row=Row.OWNED,
        says="An operator's object owns the Deployment and would write it again.",
        before=(released(1, deployment=OPERATOR, manager="webapp-operator"),),
        broken=(released(2, fault=Fault.CRASH, deployment=OPERATOR, manager="webapp-operator"),),
        right=Escalated(CRASHES, names=("WebApp/web",), reasons=frozenset({Reason.OWNED_BY_CONTROLLER})),
        shown_on=SIMULATED_ONLY,
        why_not="the garbage collector of a real cluster deletes what names an owner that does not exist",
    ),
)
