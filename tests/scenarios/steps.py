"""The ways to break things, as words: each is a `Step` that a scenario lists. Comes after `ground.py`, before `rows/`."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from byteport.domain.signals import Signal, SignalType, Source
from byteport.domain.targets import Target
from byteport.kubernetes.port import DEPLOYMENTS, NAMESPACES, NODES, PODS
from byteport.sandbox.controlplane import (
    BACKOFF_ANNOTATION,
    CONTAINER_ANNOTATION,
    EXIT_CODE_ANNOTATION,
    FAULT_ANNOTATION,
    MESSAGE_ANNOTATION,
    Fault,
)
from byteport.sandbox.controlplane.simulation import DOWN_ANNOTATION
from byteport.sandbox.simulated import SimulatedCluster
from byteport.sandbox.simulated.clocks import stamp
from byteport.temporal import intake
from tests.agent.places import APP
from tests.agent.simulated import SimulatedPlace
from tests.scenarios.ground import STEP_SECONDS, Ground, is_ready
from tests.scenarios.model import Step

JSON = dict[str, Any]

Object = Callable[[Ground], JSON]
"""Makes an object for a scenario's own namespace."""

VICTIM = "victim"
RESTARTS = 3


def step(says: str, do: Callable[[Ground], Awaitable[None]]) -> Step:
    """A step of a scenario's own."""
    return Step(says, do)


# -- releases ----------------------------------------------------------------------------------------------------------


def released(
    version: int,
    *,
    app: str = APP,
    fault: Fault | None = None,
    exit_code: int | None = None,
    message: str | None = None,
    replicas: int | None = None,
    spec: JSON | None = None,
    deployment: JSON | None = None,
    manager: str = "kubectl-client-side-apply",
    server_side: bool = False,
    elsewhere: bool = False,
) -> Step:
    """A version is applied; `fault` comes with it."""
    annotations = {} if exit_code is None else {EXIT_CODE_ANNOTATION: str(exit_code)}
    annotations |= {} if message is None else {MESSAGE_ANNOTATION: message}

    async def do(ground: Ground) -> None:
        await ground.release(
            version,
            app=app,
            namespace=ground.outside if elsewhere else None,
            fault=str(fault) if fault is not None else None,
            replicas=replicas,
            annotations=annotations,
            spec=spec,
            deployment=deployment,
            manager=manager,
            server_side=server_side,
        )

    return Step(f"version {version} of {app} is released" + (f", which has the fault {fault}" if fault else ""), do)


def serves(app: str = APP) -> Step:
    """Wait until it does."""
    return Step(f"{app} serves", lambda ground: ground.serves(app))


def fails_to_progress(app: str = APP) -> Step:
    """Wait until its controller gives up."""
    return Step(
        f"{app} is past its progress deadline", lambda ground: ground.condition("ProgressDeadlineExceeded", app=app)
    )


def changed(name: str = APP, *, why: str, manager: str = "kubectl-edit", **patch: Any) -> Step:
    """The Deployment is edited."""
    return Step(why, lambda ground: ground.merge(DEPLOYMENTS, name, patch, manager=manager))


def applied(why: str, make: Object, *, manager: str = "kubectl-client-side-apply") -> Step:
    """Another object is applied."""
    return Step(why, lambda ground: ground.put(make(ground), manager=manager))


def deleted_and_applied_again(version: int, fault: Fault) -> Step:
    """The Deployment is deleted, and a broken version of it applied."""

    async def do(ground: Ground) -> None:
        await ground.remove(DEPLOYMENTS, APP)

        async def gone() -> bool:
            return not await ground.pods()

        await ground.until("web to be gone", gone)
        await ground.release(version, fault=str(fault))

    return Step(f"web is deleted, and version {version} applied, which has the fault {fault}", do)


def scaled(replicas: int) -> Step:
    """`kubectl scale`."""
    return Step(
        f"web is scaled to {replicas}", lambda ground: ground.merge(DEPLOYMENTS, APP, {"spec": {"replicas": replicas}})
    )


# -- pods --------------------------------------------------------------------------------------------------------------


def one_pod(fault: Fault, *, app: str = APP, exit_code: int | None = None) -> Step:
    """The oldest pod begins to fail by itself; what replaces it is healthy. It is the `victim`."""

    async def do(ground: Ground) -> None:
        await _sicken(ground, (await ground.pods(app))[:1], fault, exit_code)

    return Step(f"one pod of {app} begins to have the fault {fault}", do)


def every_pod(fault: Fault, *, app: str = APP, exit_code: int | None = None, container: str | None = None) -> Step:
    """All live pods begin to fail, though nothing was released."""

    async def do(ground: Ground) -> None:
        await _sicken(ground, await ground.pods(app), fault, exit_code, container)

    return Step(f"every pod of {app} begins to have the fault {fault}", do)


async def _sicken(
    ground: Ground, pods: list[JSON], fault: Fault, exit_code: int | None, container: str | None = None
) -> None:
    ground.names.setdefault(VICTIM, pods[0]["metadata"]["name"])
    ground.names.setdefault("node", pods[0]["spec"].get("nodeName", ""))
    annotations = {FAULT_ANNOTATION: str(fault), BACKOFF_ANNOTATION: str(ground.backoff_seconds)}
    if exit_code is not None:
        annotations[EXIT_CODE_ANNOTATION] = str(exit_code)
    if container is not None:
        annotations[CONTAINER_ANNOTATION] = container
    for pod in pods:
        await ground.merge(PODS, pod["metadata"]["name"], {"metadata": {"annotations": annotations}})


def a_pod_is_deleted() -> Step:
    """Somebody deletes a pod by hand, and the controller makes another."""

    async def do(ground: Ground) -> None:
        await ground.remove(PODS, (await ground.pods())[0]["metadata"]["name"])
        await ground.serves()

    return Step("somebody deletes a healthy pod by hand", do)


def prints(text: str, *, app: str = APP) -> Step:
    """What the containers of an app print before they end."""
    return Step(f"{app} prints {text[:60]!r}", lambda ground: ground.log(text, pod=app, container=app))


# -- namespaces and nodes ----------------------------------------------------------------------------------------------


def namespace_labelled(labels: Mapping[str, str | None]) -> Step:
    """The namespace's labels are changed."""
    said = ", ".join(f"{key}={value}" for key, value in labels.items())

    async def do(ground: Ground) -> None:
        await ground.merge(NAMESPACES, ground.namespace, {"metadata": {"labels": dict(labels)}}, namespace="")

    return Step(f"the namespace is labelled {said}", do)


def enrolled_only_now() -> Step:
    """The namespace is enabled after all of this has gone on for a while."""
    return Step("the namespace is enabled only now", lambda ground: ground.place.enable())


def not_enrolled() -> Step:
    """The label is not there at first."""
    return Step("the namespace is not enabled yet", lambda ground: ground.place.enable(enabled=False))


def its_node(why: str, *, spec: JSON | None = None, conditions: Mapping[str, str] | None = None) -> Step:
    """Something happens to the node of the victim (of the oldest pod, while there is no victim)."""

    async def do(ground: Ground) -> None:
        name = ground.names.setdefault("node", (await ground.pods())[0]["spec"]["nodeName"])
        if spec is not None:
            await ground.merge(NODES, name, {"spec": spec}, namespace="")
        if conditions is not None:
            await ground.merge(NODES, name, {"metadata": {"annotations": {DOWN_ANNOTATION: "true"}}}, namespace="")
            at = stamp(ground.place.clock())
            said = [
                {
                    "type": type_,
                    "status": status,
                    "reason": "Scenario",
                    "lastTransitionTime": at,
                    "lastHeartbeatTime": at,
                }
                for type_, status in conditions.items()
            ]
            await ground.set_status(NODES, name, {"conditions": said}, namespace="")

    return Step(why, do)


def older_than(seconds: float) -> Step:
    """Wait until every pod of web was made so long ago; where time can be turned, it is."""

    async def do(ground: Ground) -> None:
        async def look() -> bool:
            made = [datetime.fromisoformat(pod["metadata"]["creationTimestamp"]) for pod in await ground.pods()]
            return all((ground.place.clock() - at).total_seconds() > seconds for at in made)

        await ground.until(f"all pods to be older than {seconds:.0f} s", look, within=seconds + STEP_SECONDS)

    return Step(f"all pods are older than {seconds:.0f} s", do)


def probes_fail(count: int = 7) -> Step:
    """The kubelet says of every pod of web that is not Ready that its readiness probe fails, again and again."""

    async def do(ground: Ground) -> None:
        at = ground.place.clock()
        for pod in await ground.pods():
            if is_ready(pod):
                continue
            metadata = pod["metadata"]
            about = {key: metadata[key] for key in ("namespace", "name", "uid")}
            await ground.put(
                {
                    "apiVersion": "v1",
                    "kind": "Event",
                    "metadata": {"name": f"{metadata['name']}.probe", "namespace": metadata["namespace"]},
                    "involvedObject": {"apiVersion": "v1", "kind": "Pod", **about},
                    "type": "Warning",
                    "reason": "Unhealthy",
                    "message": "Readiness probe failed: dial tcp 10.0.0.9:8081: connect: connection refused",
                    "source": {"component": "kubelet", "host": pod["spec"].get("nodeName", "")},
                    "firstTimestamp": stamp(at - timedelta(seconds=5 * count)),
                    "lastTimestamp": stamp(at),
                    "count": count,
                }
            )

    return Step("the kubelet says again and again that readiness probes fail", do)


# -- time, people and alerts -------------------------------------------------------------------------------------------


def time_passes(seconds: float) -> Step:
    """Only where time can be turned."""
    return Step(f"{seconds:.0f} s pass", lambda ground: ground.place.elapse(seconds))


def reported(
    type_: SignalType, *, times: int = 1, value: float = 5, of: str = "", app: str = APP, by: Source = Source.PERSON
) -> Step:
    """A person, or another source, reports a symptom of `web`, or of the chosen `node`, so many times."""

    async def do(ground: Ground) -> None:
        agent = ground.agent
        assert agent is not None
        kind, namespace, name = ("Node", "", ground.names[of]) if of else ("Deployment", ground.namespace, app)
        uid = (await ground.get(NODES if of else DEPLOYMENTS, name, namespace=namespace))["metadata"]["uid"]
        target = Target(cluster_uid=agent.place.uid, namespace=namespace, kind=kind, name=name, uid=uid)
        for _ in range(times):
            signal = Signal(
                type=type_,
                value=value,
                threshold=1,
                target=target,
                observed_at=ground.place.clock(),
                source=by,
                reporter="ada" if by is Source.PERSON else "",
                evidence_digest=secrets.token_hex(32),
            )
            await intake.report_signal(
                agent.client,
                agent.installation,
                signal,
                ladder=agent.settings.ladder,
                reobserve_after_seconds=agent.settings.reobserve_after_seconds,
            )

    return Step(f"{type_.value} is reported" + (f" {times} times" if times > 1 else ""), do)


# -- what only the simulated cluster has -------------------------------------------------------------------------------


def simulated(says: str, do: Callable[[SimulatedCluster, Ground], Awaitable[object]]) -> Step:
    """Something that an administrator, or misfortune, does to the simulated cluster."""

    async def done(ground: Ground) -> None:
        place = ground.place
        assert isinstance(place, SimulatedPlace)
        await do(place.cluster, ground)

    return Step(says, done)
