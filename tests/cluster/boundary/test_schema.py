"""The policies are complete for this server: every field of what they guard is named, and their types check clean."""

from __future__ import annotations

import pytest

from byteport.boundary.policies import autoscalers, deployments, shape
from tests.cluster.boundary.installed import Installed, path_of
from tests.cluster.workloads import eventually

META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
OBJECT = {"apiVersion", "kind", "metadata", "spec", "status"}
"""A status is kept as it was by the API server, whatever an update of the object itself sends."""


@pytest.mark.claim("C-212")
@pytest.mark.parametrize(
    ("group", "schema", "known"),
    [
        (
            "apps/v1",
            "io.k8s.api.apps.v1.DeploymentSpec",
            {*deployments.COMPARED_SPEC, *deployments.NOT_COMPARED},
        ),
        ("apps/v1", "io.k8s.api.core.v1.PodTemplateSpec", {"metadata", "spec"}),
        (
            "apps/v1",
            META,
            {*deployments.TEMPLATE_METADATA, "labels", "annotations"},
        ),
        ("apps/v1", META, {*shape.COMPARED_METADATA, *shape.FREE_METADATA}),
        ("autoscaling/v2", META, {*shape.COMPARED_METADATA, *shape.FREE_METADATA}),
        ("apps/v1", "io.k8s.api.apps.v1.Deployment", OBJECT),
        ("autoscaling/v2", "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler", OBJECT),
        (
            "autoscaling/v2",
            "io.k8s.api.autoscaling.v2.HorizontalPodAutoscalerSpec",
            {*autoscalers.COMPARED_SPEC, "minReplicas"},
        ),
    ],
)
def test_critique_b1_no_field_of_the_server_is_left_out(
    guarded: Installed, group: str, schema: str, known: set[str]
) -> None:
    """CEL has no "all but": a field that a newer server adds would change unseen."""
    document = guarded.plane.api.call("GET", f"/openapi/v3/apis/{group}")
    assert set(document["components"]["schemas"][schema]["properties"]) == known


@pytest.mark.claim("C-212")
def test_critique_b1_every_policy_type_checks_clean(guarded: Installed) -> None:
    for item in guarded.objects:
        if item["kind"] != "ValidatingAdmissionPolicy":
            continue

        def looked_at(path: str = path_of(item)) -> dict[str, object] | None:
            status = guarded.plane.api.call("GET", path).get("status", {})
            return status if "typeChecking" in status or "observedGeneration" in status else None

        checking = eventually(looked_at).get("typeChecking") or {}
        assert checking == {}, item["metadata"]["name"]


@pytest.mark.claim("C-012")
def test_what_the_server_stores_is_what_was_rendered(guarded: Installed) -> None:
    """So that the agent's own comparison finds no difference where nobody changed anything."""
    from byteport.boundary.whole import policies

    wanted = [item for item in guarded.objects if "Admission" in item["kind"]]
    live = {(one["kind"], one["metadata"]["name"]): guarded.plane.api.call("GET", path_of(one)) for one in wanted}
    assert policies(wanted, dict(live)) == []
