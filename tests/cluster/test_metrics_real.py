"""The metrics API of the control plane, and the real autoscaler controller that goes by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from byteport.sandbox.controlplane import Answer, ApiRefused, ControlPlane, KubectlFailed, MetricsState
from tests.cluster.accounts import account_with
from tests.cluster.workloads import Namespace, eventually

JSON = dict[str, Any]

METRICS = "/apis/metrics.k8s.io/v1beta1"

pytestmark = pytest.mark.timeout(300)
"""A test waits for several looks of the autoscaler, and for what it does."""


@pytest.fixture
def serving(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """The metrics API, which serves again when the test ends."""
    yield control_plane
    control_plane.set_metrics(MetricsState.SERVING)


def _used(namespace: Namespace) -> list[tuple[str, str]]:
    items = namespace.plane.api.call("GET", f"{METRICS}/namespaces/{namespace.name}/pods")["items"]
    found = [item["containers"][0]["usage"] for item in items]
    return [(usage["cpu"], usage["memory"]) for usage in found]


def _deploy(namespace: Namespace, replicas: int = 2) -> None:
    """Pods that ask for one core each."""
    namespace.deploy("web", replicas=replicas)
    resources = {"requests": {"cpu": "1", "memory": "1Gi"}}
    patch = [{"op": "add", "path": "/spec/template/spec/containers/0/resources", "value": resources}]
    namespace.patch_deployment("web", patch)
    namespace.await_available("web")


def _autoscaler(namespace: Namespace, **spec: Any) -> None:
    target = {"type": "Utilization", "averageUtilization": 50}
    body = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": 2,
            "maxReplicas": 8,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
            **spec,
        },
    }
    namespace.plane.api.call("POST", _autoscalers(namespace), body)


def _autoscalers(namespace: Namespace) -> str:
    return f"/apis/autoscaling/v2/namespaces/{namespace.name}/horizontalpodautoscalers"


def _set_floor(namespace: Namespace, floor: int) -> None:
    patch = [{"op": "replace", "path": "/spec/minReplicas", "value": floor}]
    path = f"{_autoscalers(namespace)}/web"
    namespace.plane.api.call("PATCH", path, patch, content_type="application/json-patch+json")


def _replicas(namespace: Namespace) -> int:
    return int(namespace.deployment("web")["spec"]["replicas"])


def _reason(namespace: Namespace, type_: str) -> str:
    item = namespace.plane.api.call("GET", f"{_autoscalers(namespace)}/web")
    conditions = (item.get("status") or {}).get("conditions") or []
    return next((str(one["reason"]) for one in conditions if one["type"] == type_), "")


def test_pods_and_nodes_use_what_they_are_annotated_with(namespace: Namespace) -> None:
    _deploy(namespace)
    plane = namespace.plane
    assert set(_used(namespace)) == {("1m", "1Mi")}
    plane.set_load(namespace.name, "web", cpu_total="3", memory_total="2Gi")
    eventually(lambda: set(_used(namespace)) == {("1500m", "1Gi")})
    pod = namespace.pods("web")[0]["metadata"]["name"]
    plane.set_usage(namespace.name, pod, cpu="70m")
    eventually(lambda: sorted(_used(namespace)) == [("1500m", "1Gi"), ("70m", "1Gi")])
    plane.set_node_usage("node-1", cpu="15", memory="63Gi")
    usage = plane.api.call("GET", f"{METRICS}/nodes/node-1")["usage"]
    plane.set_node_usage("node-1")
    assert usage == {"cpu": "15", "memory": "63Gi"}


def test_kubectl_top_shows_them(namespace: Namespace) -> None:
    _deploy(namespace, replicas=1)
    assert "1m" in namespace.plane.kubectl("top", "pods", "--namespace", namespace.name)
    with pytest.raises(ApiRefused) as refused:
        namespace.plane.api.call("GET", f"{METRICS}/namespaces/{namespace.name}/pods/nobody")
    assert refused.value.status == 404


def test_who_may_not_read_metrics_is_refused(namespace: Namespace) -> None:
    rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
    kubeconfig = account_with(namespace.plane, [rule])
    with pytest.raises(KubectlFailed, match=r"(?i)forbidden"):
        namespace.plane.kubectl("get", "--raw", f"{METRICS}/nodes", kubeconfig=kubeconfig)


@pytest.mark.parametrize(("state", "status"), [(MetricsState.ABSENT, 404), (MetricsState.BROKEN, 503)])
def test_they_can_be_taken_away(serving: ControlPlane, state: MetricsState, status: int) -> None:
    serving.set_metrics(state)
    with pytest.raises(ApiRefused) as refused:
        serving.api.call("GET", f"{METRICS}/nodes")
    assert refused.value.status == status
    serving.set_metrics(MetricsState.SERVING)
    assert serving.api.call("GET", f"{METRICS}/nodes")["items"]


def test_the_autoscaler_goes_up_to_a_raised_floor_and_back_when_it_is_restored(namespace: Namespace) -> None:
    _deploy(namespace)
    namespace.plane.set_load(namespace.name, "web", cpu_total="1")
    _autoscaler(namespace)
    eventually(lambda: _reason(namespace, "ScalingActive") == "ValidMetricFound", within=90)
    assert _replicas(namespace) == 2
    _set_floor(namespace, 5)
    eventually(lambda: _replicas(namespace) == 5, within=90)
    namespace.await_available("web")
    _set_floor(namespace, 2)
    eventually(lambda: _replicas(namespace) == 2, within=90)


def test_the_autoscaler_obeys_a_raised_floor_without_metrics(namespace: Namespace, serving: ControlPlane) -> None:
    _deploy(namespace)
    serving.set_metrics(MetricsState.ABSENT)
    _autoscaler(namespace)
    eventually(lambda: _reason(namespace, "ScalingActive") == "FailedGetResourceMetric", within=90)
    _set_floor(namespace, 4)
    eventually(lambda: _replicas(namespace) == 4, within=90)


def test_the_autoscaler_scales_a_load_until_its_pods_share_it(namespace: Namespace) -> None:
    _deploy(namespace)
    _autoscaler(namespace)
    namespace.plane.set_load(namespace.name, "web", cpu_total="2")
    eventually(lambda: _replicas(namespace) == 4, within=90)
    eventually(lambda: set(_used(namespace)) == {("500m", "1Mi")})


def test_what_a_command_did_is_seen_by_the_next_one(namespace: Namespace) -> None:
    namespace.deploy("web")
    namespace.await_available("web")
    plane, pod = namespace.plane, namespace.pod("web")["metadata"]["name"]
    df, prune = ("df", "-h"), ("crictl", "rmi", "--prune")
    plane.write_exec(namespace.name, "web", "app", df, stdout="90%\n")
    then = [Answer(df, stdout="40%\n"), Answer(prune)]
    plane.write_exec(namespace.name, "web", "app", prune, stdout="Deleted: build:1\n", then=then)

    def run(argv: tuple[str, ...]) -> str:
        return plane.kubectl("exec", "--namespace", namespace.name, pod, "--", *argv)

    assert [run(argv) for argv in (df, df, prune, df, prune)] == ["90%\n", "90%\n", "Deleted: build:1\n", "40%\n", ""]
    assert plane.replies.answers(namespace.name, "web", "app") == {df: "40%\n", prune: ""}
