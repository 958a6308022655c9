"""The boundary as it is on a cluster: policies, roles, one enabled namespace, and the agent's account with a pod's token.

Installed from the very objects that the chart and `byteport enable` are rendered from. The agent is nothing here but its
credential: what it may and may not do is asked of the API server, by whatever request an attacker might send with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from byteport.boundary.choices import Choices
from byteport.boundary.names import (
    ACCOUNT,
    CEILINGS,
    ENABLED_LABEL,
    HELPER_NAMESPACE,
    NAMESPACE,
    PART_OF,
    ROLLBACK_ALLOWED,
    ROLLBACK_LABEL,
)
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.roles import installation, of_namespace
from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode
from byteport.sandbox.controlplane import ApiRefused, ControlPlane
from byteport.sandbox.controlplane.rest import Api

JSON = dict[str, Any]

AGENT_POD = "byteport-agent-0"
WIDEST = Ceiling(mode=Mode.AUTO, rollback=("*",), hpa=("*",))
IN_FORCE_SECONDS = 60.0
"""Nothing waits that long when all is well."""
PATHS = {
    "ClusterRole": "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings",
    "ValidatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings",
    "MutatingAdmissionPolicy": "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicies",
    "MutatingAdmissionPolicyBinding": "/apis/admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings",
}


REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
FORBIDDEN = 403
NO_POD = "the token belongs to no pod of the agent"
BY_POLICY = "ValidatingAdmissionPolicy"
"""Stands in the message of every refusal by a policy of ours."""


class Said(NamedTuple):
    """The API server's answer."""

    status: int
    message: str
    body: JSON

    @property
    def by_policy(self) -> bool:
        """Refused by one of our policies, and not by RBAC or by validation."""
        return self.status == FORBIDDEN and BY_POLICY in self.message and "byteport" in self.message

    @property
    def by_rights(self) -> bool:
        """Refused since no role grants it."""
        return self.status == FORBIDDEN and "cannot" in self.message and BY_POLICY not in self.message


def asked(
    api: Api, method: str, path: str, body: JSON | list[JSON] | None = None, *, content_type: str = "application/json"
) -> Said:
    """One request, whatever comes of it."""
    try:
        return Said(200, "", api.call(method, path, body, content_type=content_type))
    except ApiRefused as error:
        return Said(error.status, str(error), error.answer)


def may_do(api: Api, attributes: JSON) -> bool:
    """Whether whoever asks has that right."""
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    answer = api.call("POST", REVIEWS, {**review, "spec": {"resourceAttributes": attributes}})
    return bool(answer["status"]["allowed"])


Answer = TypeVar("Answer")


def once(holds: Callable[[Answer], bool], ask: Callable[[], Answer], *, within: float = IN_FORCE_SECONDS) -> Answer:
    """The first answer of which that holds: what is written about rights and policies is in force a moment later."""
    deadline = time.monotonic() + within
    while not holds(answer := ask()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {within} s; last: {answer!r}")
        time.sleep(0.1)
    return answer


def follower() -> list[JSON]:
    """A mutating policy with ReplicaSets as its parameters that no request ever meets, and its binding."""
    version, name = "admissionregistration.k8s.io/v1", {"name": "follows-replicasets"}
    nothing = "[JSONPatch{op: 'test', path: '/kind', value: object.kind}]"
    nowhere = {"apiGroups": ["nowhere.example"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["none"]}
    spec = {
        "paramKind": {"apiVersion": "apps/v1", "kind": "ReplicaSet"},
        "matchConstraints": {"resourceRules": [nowhere]},
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": nothing}}],
    }
    bound = {"policyName": name["name"], "paramRef": {"selector": {}, "parameterNotFoundAction": "Allow"}}
    return [
        {"apiVersion": version, "kind": "MutatingAdmissionPolicy", "metadata": name, "spec": spec},
        {"apiVersion": version, "kind": "MutatingAdmissionPolicyBinding", "metadata": name, "spec": bound},
    ]


def path_of(item: JSON) -> str:
    """Where an object of the boundary lies."""
    where = PATHS[item["kind"]].format(namespace=item["metadata"].get("namespace", ""))
    return f"{where}/{item['metadata']['name']}"


@dataclass(frozen=True)
class Installed:
    """A control plane with the boundary on it."""

    plane: ControlPlane
    choices: Choices

    @property
    def objects(self) -> list[JSON]:
        """Policies first: rights are never there without them."""
        made = policies(self.choices)
        validating, mutating = names_of(made, "ValidatingAdmissionPolicy"), names_of(made, "MutatingAdmissionPolicy")
        return [*made, *installation(self.choices, validating, mutating)]

    def install(self) -> None:
        """Everything of the installation, and the agent's pod. What it is told of is nothing yet, as the chart renders it."""
        for name in (NAMESPACE, HELPER_NAMESPACE):
            self._apply(f"/api/v1/namespaces/{name}", "v1", "Namespace", name)
        account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}"
        self._apply(account, "v1", "ServiceAccount", ACCOUNT, namespace=NAMESPACE)
        ceilings = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{CEILINGS}"
        self._apply(ceilings, "v1", "ConfigMap", CEILINGS, namespace=NAMESPACE, labels=PART_OF)
        self.apply(self.objects)
        self.make_pod(AGENT_POD)

    def apply(self, items: Sequence[JSON]) -> None:
        """By server-side apply, as an administrator."""
        for item in items:
            self.plane.api.apply(path_of(item), item)

    def keep_following(self) -> None:
        """Have the API server follow ReplicaSets whatever a test takes away of the proof.

        One that stops never begins again (kubernetes/kubernetes issue 130887), and every later test of a rollback on this
        control plane would fail. The policy is about no object; what counts is that a binding names ReplicaSets.
        """
        self.apply(follower())

    def remove(self, items: Sequence[JSON]) -> None:
        """As an administrator; what is not there is no error."""
        for item in items:
            try:
                self.plane.api.call("DELETE", path_of(item))
            except ApiRefused as error:
                if error.status != 404:
                    raise

    def enable(self, namespace: str, ceiling: Ceiling = WIDEST) -> None:
        """What `byteport enable` writes."""
        self.apply(of_namespace(namespace, ceiling, self.choices))
        self.plane.kubectl("label", "namespace", namespace, f"{ENABLED_LABEL}=true", "--overwrite")

    def make_pod(self, name: str, account: str = ACCOUNT, namespace: str = NAMESPACE) -> None:
        """A pod of that account, to which tokens can be bound."""
        container = {"name": "agent", "image": "registry.example/byteport-agent:1"}
        body = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"serviceAccountName": account, "containers": [container]},
        }
        self.plane.api.call("POST", f"/api/v1/namespaces/{namespace}/pods", body)

    def token(self, *, pod: str | None = AGENT_POD, account: str = ACCOUNT, namespace: str = NAMESPACE) -> str:
        """A token of that account; bound to a pod unless `pod` is None."""
        spec: JSON = {"expirationSeconds": 7200}
        if pod is not None:
            spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", "name": pod}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        return str(self.plane.api.call("POST", path, {"spec": spec})["status"]["token"])

    def agent(self, token: str | None = None) -> Api:
        """The API server, called with the agent's own token."""
        return Api(self.plane.server, self.plane.state_dir / "pki" / "ca.crt", token or self.token())

    def await_in_force(self, namespace: str, pod: str) -> None:
        """Until the API server refuses what only the policy over everything refuses, and lets through what was given as
        far as it goes; `pod` is any of that namespace.

        Of several policies that refuse a request the message names any, so it must be one that the others let pass.
        """
        agent = self.agent(self.token(pod=None))
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction?dryRun=All"
        once(lambda said: said.by_policy and NO_POD in said.message, lambda: asked(agent, "POST", path, eviction))
        own = self.agent()  # what it is refused until the namespace's label is noticed, and what is bound there last
        once(lambda said: said.status == 200, lambda: asked(own, "POST", path, eviction))
        named = {
            "verb": "patch",
            "group": "autoscaling",
            "resource": "horizontalpodautoscalers",
            "namespace": namespace,
        }
        once(lambda may: may, lambda: may_do(own, named))

    def labelled(self, namespace: str, deployment: str) -> None:
        """As its owner allows a rollback."""
        where = ("deployment", deployment, "-n", namespace)
        self.plane.kubectl("label", *where, f"{ROLLBACK_LABEL}={ROLLBACK_ALLOWED}", "--overwrite")

    def _apply(self, path: str, version: str, kind: str, name: str, **more: str | dict[str, str]) -> None:
        metadata = {"name": name, **more}
        self.plane.api.apply(path, {"apiVersion": version, "kind": kind, "metadata": metadata})
