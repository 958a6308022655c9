"""The agent's boundary on a control plane: policies, roles, its account, and a token that is bound to a pod of its own.

So that the agent is held here as on any cluster: what its runbooks do not need is refused by the API server, whose audit
log tells the agent's writes from everybody else's. Used by `start.py`, which loads it late. Namespaces are given by what
`byteport enable` gives them by.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activities.kubernetes.administer import administrator
from activities.kubernetes.paths import object_path
from byteport.boundary.choices import EVERY_RUNBOOK, Choices
from byteport.boundary.installed import RESOURCES
from byteport.boundary.names import ACCOUNT, AGENT_PODS, NAMESPACE
from byteport.boundary.policies.catalogue import names_of, policies
from byteport.boundary.roles import installation
from byteport.domain.ceilings import Ceiling, Sight
from byteport.errors import BytePortError, PreconditionFailed
from byteport.kubernetes.hands import Hands
from byteport.sandbox.controlplane.noticed import await_noticed, await_rights_noticed
from byteport.sandbox.controlplane.rest import Api, ApiRefused
from workers.administration import carry_out, plan_enabling

if TYPE_CHECKING:
    from byteport.sandbox.controlplane.start import ControlPlane

JSON = dict[str, Any]

POD = f"{AGENT_PODS}0"
"""While it lives, the token does."""
TOKEN_LIFETIME = timedelta(days=30)
"""Nobody renews it: longer than a control plane on somebody's machine is left running."""
IN_FORCE_SECONDS = 60.0
POLL_SECONDS = 0.05
RUNS = 5
"""How often a namespace is given anew when somebody else's change came between."""
NOT_FOUND = 404

_ACCOUNT_PATH = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}"


class NotInForce(BytePortError):
    """A right that was granted is still refused, or what a policy forbids still allowed, after a minute."""

    code = "boundary_not_in_force"


class NotGiven(BytePortError):
    """A namespace cannot be given to the agent; the message says why."""

    code = "namespace_not_given"


def install(plane: ControlPlane, choices: Choices) -> str:
    """Make the control plane hold the agent to `choices`; gives a token of its account.

    Policies first: rights are never there without them. Called again, what the choices no longer have is taken away.
    Returns when all of it is in force; raises `NotInForce` when it is not.
    """
    admin = plane.api
    for name in (NAMESPACE, *([choices.helper_namespace] if choices.helper else [])):
        admin.apply(f"/api/v1/namespaces/{name}", _named("v1", "Namespace", name))
    admin.apply(_ACCOUNT_PATH, _named("v1", "ServiceAccount", ACCOUNT, namespace=NAMESPACE))
    wanted = objects(choices)
    for item in wanted:
        admin.apply(path_of(item), item)
    kept = {path_of(item) for item in wanted}
    for item in objects(_widest(choices)):
        if path_of(item) not in kept:
            _remove(admin, path_of(item))
    admin.apply(f"/api/v1/namespaces/{NAMESPACE}/pods/{POD}", _pod())
    token = _token(admin)
    _await_noticed(admin)
    _await_rights(Api(admin.server, plane.authority, token), wanted)
    return token


def objects(choices: Choices) -> list[JSON]:
    """Everything of an installation, in the order in which it is applied."""
    made = policies(choices)
    validating, mutating = names_of(made, "ValidatingAdmissionPolicy"), names_of(made, "MutatingAdmissionPolicy")
    return [*made, *installation(choices, validating, mutating)]


def path_of(item: JSON) -> str:
    """Where an object of the boundary lies."""
    metadata = item["metadata"]
    return object_path(RESOURCES[item["kind"]], metadata.get("namespace", ""), metadata["name"])


async def enable(kubeconfig: Path, namespace: str, ceiling: Ceiling) -> None:
    """As `byteport enable NAMESPACE --yes` by the administrator. Raises `NotGiven` with every reason why not.

    What somebody else moved meanwhile is looked at anew, as a person does who runs the command again.
    """
    async with await administrator(kubeconfig) as hands:
        for _ in range(RUNS - 1):
            with suppress(PreconditionFailed):
                await _enable(hands, namespace, ceiling)
                return
        await _enable(hands, namespace, ceiling)


async def _enable(hands: Hands, namespace: str, ceiling: Ceiling) -> None:
    planned = await plan_enabling(hands, namespace, ceiling)
    if planned.problems:
        raise NotGiven("; ".join(problem.text for problem in planned.problems))
    for change in planned.changes:
        await carry_out(hands, change)


def _widest(choices: Choices) -> Choices:
    more = {"runbooks": EVERY_RUNBOOK, "sight": Sight.CLUSTER, "helper": True, "events": True, "proves_rollbacks": True}
    return choices.model_copy(update=more)


def _remove(admin: Api, path: str) -> None:
    try:
        admin.call("DELETE", path)
    except ApiRefused as error:
        if error.status != NOT_FOUND:
            raise


def _pod() -> JSON:
    """Never moved or evicted, whatever becomes of its simulated node."""
    spec = {
        "serviceAccountName": ACCOUNT,
        "tolerations": [{"operator": "Exists"}],
        "containers": [{"name": "agent", "image": "registry.example/byteport-agent:1"}],
    }
    return {**_named("v1", "Pod", POD, namespace=NAMESPACE), "spec": spec}


def _token(admin: Api) -> str:
    bound = {"kind": "Pod", "apiVersion": "v1", "name": POD}
    request = {"spec": {"expirationSeconds": int(TOKEN_LIFETIME.total_seconds()), "boundObjectRef": bound}}
    return str(admin.call("POST", f"{_ACCOUNT_PATH}/token", request)["status"]["token"])


def _await_noticed(admin: Api) -> None:
    """What was taken away, too: a right is refused as soon as this returns."""
    try:
        await_noticed(admin)
        await_rights_noticed(admin)
    except TimeoutError as error:
        raise NotInForce(str(error)) from error


def _await_rights(agent: Api, items: Iterable[JSON]) -> None:
    deadline = time.monotonic() + IN_FORCE_SECONDS
    for asked in _reviews(items):
        while not _is_allowed(agent, asked):
            if time.monotonic() > deadline:
                raise NotInForce(f"{ACCOUNT} may not yet {asked['verb']} {asked['resource']}")
            time.sleep(POLL_SECONDS)


def _reviews(items: Iterable[JSON]) -> Iterator[JSON]:
    """A question for each rule that one of the bindings gives."""
    found = list(items)
    roles = {(item["kind"], item["metadata"]["name"]): item["rules"] for item in found if "rules" in item}
    for item in found:
        if "subjects" not in item:
            continue
        ref, where = item["roleRef"], item["metadata"].get("namespace", "")
        for rule in roles[ref["kind"], ref["name"]]:
            yield _review(rule, where)


def _review(rule: Mapping[str, Sequence[str]], namespace: str) -> JSON:
    resource, _, subresource = rule["resources"][0].partition("/")
    return {
        "verb": rule["verbs"][0],
        "group": rule["apiGroups"][0],
        "resource": resource,
        "subresource": subresource,
        "name": next(iter(rule.get("resourceNames", ())), ""),
        "namespace": namespace,
    }


def _is_allowed(agent: Api, asked: JSON) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    answer = agent.call("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


def _named(api_version: str, kind: str, name: str, **metadata: str) -> JSON:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}}
