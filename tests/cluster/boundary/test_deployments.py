"""What the agent's token can do to Deployments: the template of a serving ReplicaSet of its own, and nothing along with it.

Each forgery is tried by every way in which a Deployment can be written, and the API server refuses it, not our own check.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.policies.deployments import OF_REPLICA_SET, rollbacks
from byteport.kubernetes.patches import ACTION_ID, CHANGE_CAUSE, ROLLBACK_TO, VERIFIED
from byteport.sandbox.controlplane import Fault
from tests.cluster.boundary.installed import Installed, Said, asked, once
from tests.cluster.boundary.managers import as_agent
from tests.cluster.workloads import Namespace, eventually, fault_annotations

JSON = dict[str, Any]

WEB = "web"
FRESH = "ab" * 32
OK = 200


class Release:
    """A Deployment whose newest revision fails while its old one serves, allowed to be rolled back by its owner."""

    def __init__(self, guarded: Installed, shop: Namespace, grown: Callable[[Release], None] | None = None) -> None:
        """`grown` is what becomes of it before its first revision is taken for the one that serves."""
        self.guarded, self.shop = guarded, shop
        shop.deploy(WEB, replicas=2, progress_deadline_s=600)
        if grown:
            grown(self)
        shop.await_available(WEB)
        guarded.labelled(shop.name, WEB)
        self.fail("registry.example/app:2")
        self.serving, self.broken = eventually(self._both)

    def fail(self, image: str) -> None:
        """Release a revision that fails; what serves goes on serving."""
        fault: list[JSON] = [
            {"op": "add", "path": "/spec/template/metadata/annotations", "value": fault_annotations(Fault.CRASH)},
            {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image},
        ]
        self.shop.patch_deployment(WEB, fault)

    @property
    def path(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.shop.name}/deployments/{WEB}"

    def now(self) -> JSON:
        return self.shop.deployment(WEB)

    def _settled(self) -> JSON | None:
        """Its revision is an annotation that the controller writes after each change of the template."""
        now = self.now()
        return now if now["status"].get("observedGeneration") == now["metadata"]["generation"] else None

    def _both(self) -> tuple[JSON, JSON] | None:
        sets = self.guarded.plane.api.call("GET", f"/apis/apps/v1/namespaces/{self.shop.name}/replicasets")["items"]
        ours = [one for one in sets if one["metadata"]["name"].startswith(f"{WEB}-")]
        serving = [one for one in ours if one.get("status", {}).get("availableReplicas")]
        broken = [one for one in ours if not one.get("status", {}).get("availableReplicas")]
        return (serving[0], broken[0]) if serving and broken else None

    def rolled_back(self, to: JSON | None = None) -> JSON:
        """The Deployment as an honest rollback would leave it, once its controller has written what it had to."""
        wanted, target = eventually(self._settled), to or self.serving
        template = copy.deepcopy(target["spec"]["template"])
        template["metadata"]["labels"].pop("pod-template-hash", None)
        wanted["spec"]["template"] = template
        annotations = wanted["metadata"].setdefault("annotations", {})
        annotations |= {ACTION_ID: FRESH, ROLLBACK_TO: target["metadata"]["name"]}
        for kept_by_the_server in ("resourceVersion", "managedFields", "generation"):
            wanted["metadata"].pop(kept_by_the_server, None)
        return wanted


@pytest.fixture
def release(guarded: Installed, shop: Namespace) -> Release:
    return released(guarded, shop)


def released(guarded: Installed, shop: Namespace, grown: Callable[[Release], None] | None = None) -> Release:
    """Returns when the API server knows its ReplicaSets, and would let an honest rollback through."""
    made = Release(guarded, shop, grown)
    once(lambda said: said.status == OK, lambda: by_json_patch(made, made.rolled_back(), query="?dryRun=All"))
    return made


def by_json_patch(release: Release, wanted: JSON, query: str = "") -> Said:
    now = release.now()
    for kept_by_the_server in ("resourceVersion", "managedFields", "generation"):
        now["metadata"].pop(kept_by_the_server, None)
    operations = [
        {"op": "add", "path": f"/{part}/{key}", "value": wanted[part][key]}
        for part in ("metadata", "spec")
        for key in wanted[part]
        if wanted[part][key] != now[part].get(key)
    ]
    operations += [
        {"op": "remove", "path": f"/{part}/{key}"}
        for part in ("metadata", "spec")
        for key in now[part]
        if key not in wanted[part]
    ]
    path = as_agent(release.path + query)
    return asked(release.guarded.agent(), "PATCH", path, operations, content_type="application/json-patch+json")


def _patch(release: Release, wanted: JSON, content_type: str, query: str = "") -> Said:
    """What a merge does not name stays, so that what is to be gone is named as null."""
    template, applied = copy.deepcopy(wanted["spec"]["template"]), "apply" in content_type
    if not applied:
        noted = template["metadata"].setdefault("annotations", {})
        noted |= dict.fromkeys(
            release.now()["spec"]["template"]["metadata"].get("annotations", {}).keys() - noted.keys()
        )
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            key: wanted["metadata"][key]
            for key in wanted["metadata"]
            if key not in ("uid", "creationTimestamp") and not (key == "managedFields" and applied)
        },
        "spec": wanted["spec"] | {"template": template},
    }
    return asked(release.guarded.agent(), "PATCH", as_agent(release.path + query), body, content_type=content_type)


def by_merge_patch(release: Release, wanted: JSON) -> Said:
    return _patch(release, wanted, "application/merge-patch+json")


def by_strategic_merge_patch(release: Release, wanted: JSON) -> Said:
    return _patch(release, wanted, "application/strategic-merge-patch+json")


def by_server_side_apply(release: Release, wanted: JSON) -> Said:
    return _patch(release, wanted, "application/apply-patch+yaml", "?force=true")


Way = Callable[[Release, JSON], Said]
WAYS: tuple[Way, ...] = (by_json_patch, by_merge_patch, by_strategic_merge_patch, by_server_side_apply)


@pytest.mark.claim("C-222")
@pytest.mark.parametrize("way", [by_json_patch, by_merge_patch, by_strategic_merge_patch])
def test_critique_0_7_and_b2_an_honest_rollback_is_let_through_and_stamped_by_the_api_server(
    release: Release, way: Way
) -> None:
    """A server-side apply is none of its ways, and is refused: it would leave an entry that deletes."""
    said = way(release, release.rolled_back())
    assert said.status == 200, said
    assert said.body["metadata"]["annotations"][VERIFIED] == release.serving["metadata"]["name"]


def another_image(wanted: JSON) -> None:
    wanted["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/attacker:1"


def another_command(wanted: JSON) -> None:
    wanted["spec"]["template"]["spec"]["containers"][0]["command"] = ["sh", "-c", "id"]


def another_account(wanted: JSON) -> None:
    wanted["spec"]["template"]["spec"]["serviceAccountName"] = "admin"


def a_container_more(wanted: JSON) -> None:
    more = {"name": "more", "image": "registry.example/attacker:1"}
    wanted["spec"]["template"]["spec"]["containers"].append(more)


def another_template_label(wanted: JSON) -> None:
    wanted["spec"]["template"]["metadata"]["labels"]["sidecar.example/inject"] = "true"


def an_empty_template_label(wanted: JSON) -> None:
    """Sidecar injectors and controllers ask whether a label is there, whatever it says."""
    wanted["spec"]["template"]["metadata"]["labels"]["sidecar.example/inject"] = ""


def the_label_of_replica_sets(wanted: JSON) -> None:
    wanted["spec"]["template"]["metadata"]["labels"][OF_REPLICA_SET] = "5d59d67564"


def an_empty_template_annotation(wanted: JSON) -> None:
    wanted["spec"]["template"]["metadata"].setdefault("annotations", {})["example.com/inject"] = ""


def an_empty_node_selector(wanted: JSON) -> None:
    wanted["spec"]["template"]["spec"]["nodeSelector"] = {"example.com/pool": ""}


def another_template_annotation(wanted: JSON) -> None:
    wanted["spec"]["template"]["metadata"].setdefault("annotations", {})["example.com/inject"] = "true"


def a_template_finalizer(wanted: JSON) -> None:
    wanted["spec"]["template"]["metadata"]["finalizers"] = ["example.com/hold"]


def a_template_owner(wanted: JSON) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1b1d5a0e-0000-4000-8000-000000000001"}
    wanted["spec"]["template"]["metadata"]["ownerReferences"] = [owner]


def a_template_name(wanted: JSON) -> None:
    wanted["spec"]["template"]["metadata"]["name"] = "mine"


def a_template_prefix(wanted: JSON) -> None:
    wanted["spec"]["template"]["metadata"]["generateName"] = "mine-"


def a_template_namespace(wanted: JSON) -> None:
    wanted["spec"]["template"]["metadata"]["namespace"] = "kube-system"


def a_template_birth(wanted: JSON) -> None:
    wanted["spec"]["template"]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"


def replicas_along(wanted: JSON) -> None:
    wanted["spec"]["replicas"] = 0


def strategy_along(wanted: JSON) -> None:
    wanted["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%", "maxSurge": 0}}


def pause_along(wanted: JSON) -> None:
    wanted["spec"]["paused"] = True


def a_deadline_along(wanted: JSON) -> None:
    wanted["spec"]["progressDeadlineSeconds"] = 7


def history_along(wanted: JSON) -> None:
    wanted["spec"]["revisionHistoryLimit"] = 0


def readiness_along(wanted: JSON) -> None:
    wanted["spec"]["minReadySeconds"] = 30


def a_label_along(wanted: JSON) -> None:
    wanted["metadata"].setdefault("labels", {})["byteport.io/more"] = "true"


def a_foreign_annotation_along(wanted: JSON) -> None:
    wanted["metadata"]["annotations"]["example.com/owner"] = "me"


def a_finalizer_along(wanted: JSON) -> None:
    wanted["metadata"]["finalizers"] = ["example.com/hold"]


def an_owner_along(wanted: JSON) -> None:
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1b1d5a0e-0000-4000-8000-000000000001"}
    wanted["metadata"]["ownerReferences"] = [owner]


def a_prefix_of_its_name_along(wanted: JSON) -> None:
    wanted["metadata"]["generateName"] = "x"


def a_prefix_of_any_length_along(wanted: JSON) -> None:
    """Nobody would have room to write anything to the object any more."""
    wanted["metadata"]["generateName"] = "x" * 1_000_000


def a_link_to_itself_along(wanted: JSON) -> None:
    wanted["metadata"]["selfLink"] = "x"


def a_cause_of_any_length(wanted: JSON) -> None:
    wanted["metadata"]["annotations"][CHANGE_CAUSE] = "x" * 200_000


def a_stamp_of_any_length(wanted: JSON) -> None:
    wanted["metadata"]["annotations"][VERIFIED] = "x" * 200_000
    another_image(wanted)


def no_action_id(wanted: JSON) -> None:
    wanted["metadata"]["annotations"].pop(ACTION_ID)


def an_action_id_that_is_none(wanted: JSON) -> None:
    wanted["metadata"]["annotations"][ACTION_ID] = "x"


def no_name_of_a_revision(wanted: JSON) -> None:
    wanted["metadata"]["annotations"].pop(ROLLBACK_TO)


def a_revision_that_is_none(wanted: JSON) -> None:
    wanted["metadata"]["annotations"][ROLLBACK_TO] = "web-0000000000"


def a_forged_stamp(wanted: JSON) -> None:
    another_image(wanted)
    wanted["metadata"]["annotations"][VERIFIED] = wanted["metadata"]["annotations"][ROLLBACK_TO]


TEMPLATE_METADATA_FORGERIES: tuple[Callable[[JSON], None], ...] = (
    a_template_finalizer,
    a_template_owner,
    a_template_name,
    a_template_prefix,
    a_template_namespace,
    a_template_birth,
)

FORGERIES: tuple[Callable[[JSON], None], ...] = (
    another_image,
    another_command,
    another_account,
    a_container_more,
    another_template_label,
    another_template_annotation,
    an_empty_template_label,
    the_label_of_replica_sets,
    an_empty_template_annotation,
    an_empty_node_selector,
    *TEMPLATE_METADATA_FORGERIES,
    replicas_along,
    strategy_along,
    pause_along,
    a_deadline_along,
    history_along,
    readiness_along,
    a_label_along,
    a_foreign_annotation_along,
    a_finalizer_along,
    an_owner_along,
    a_prefix_of_its_name_along,
    a_prefix_of_any_length_along,
    a_link_to_itself_along,
    a_cause_of_any_length,
    a_stamp_of_any_length,
    no_action_id,
    an_action_id_that_is_none,
    no_name_of_a_revision,
    a_revision_that_is_none,
    a_forged_stamp,
)


@pytest.mark.claim("C-203")
def test_review_5_and_critique_0_7_every_forgery_is_refused_by_every_way_to_write_a_deployment(
    release: Release,
) -> None:
    let_through = []
    for forge in FORGERIES:
        for way in WAYS:
            wanted = release.rolled_back()
            forge(wanted)
            said = way(release, wanted)
            if not said.by_policy:
                let_through.append(f"{forge.__name__} {way.__name__}: {said.status} {said.message[:120]}")
    assert let_through == []


@pytest.mark.claim("C-203")
def test_an_api_server_that_cannot_prove_still_lets_nothing_foreign_into_a_templates_metadata(release: Release) -> None:
    """A finalizer there would be on every new pod, and none of them could ever be deleted."""
    guarded = release.guarded
    weaker = rollbacks(Choices(helper=True, proves_rollbacks=False))

    def dry(*forged: Callable[[JSON], None]) -> Said:
        wanted = release.rolled_back()
        another_image(wanted)
        for forge in forged:
            forge(wanted)
        return by_json_patch(release, wanted, query="?dryRun=All")

    guarded.apply(weaker)
    try:
        once(lambda said: said.status == OK, dry)
        assert [forge.__name__ for forge in TEMPLATE_METADATA_FORGERIES if not dry(forge).by_policy] == []
    finally:
        guarded.apply(rollbacks(Choices(helper=True)))
        once(lambda said: said.by_policy, dry)


@pytest.mark.claim("C-203")
def test_critique_0_7_forward_to_the_revision_that_does_not_serve_is_refused(release: Release) -> None:
    assert by_json_patch(release, release.rolled_back()).status == 200
    forward = release.rolled_back(to=release.broken)
    forward["metadata"]["annotations"][ACTION_ID] = "cd" * 32
    said = by_json_patch(release, forward)
    assert said.by_policy
    assert "serving ReplicaSet" in said.message


@pytest.mark.claim("C-203")
def test_critique_0_7_a_stamp_that_was_left_on_the_object_proves_nothing_a_second_time(release: Release) -> None:
    assert by_json_patch(release, release.rolled_back()).status == 200
    wanted = release.rolled_back()
    another_image(wanted)
    wanted["metadata"]["annotations"][ACTION_ID] = "cd" * 32
    assert all(way(release, wanted).by_policy for way in WAYS)


@pytest.mark.claim("C-203")
def test_what_runs_now_is_named_and_no_new_template_comes_with_it(release: Release) -> None:
    """Else the token would restart what serves, as often as it likes, with labels that nobody wrote."""
    assert by_json_patch(release, release.rolled_back()).status == OK
    for forge in (an_empty_template_label, the_label_of_replica_sets, an_empty_template_annotation):
        wanted = release.rolled_back()
        forge(wanted)
        wanted["metadata"]["annotations"][ACTION_ID] = "cd" * 32
        assert [way.__name__ for way in WAYS if not way(release, wanted).by_policy] == [], forge.__name__


@pytest.mark.claim("C-203")
def test_critique_b1_an_action_id_is_used_once(release: Release) -> None:
    assert by_json_patch(release, release.rolled_back()).status == 200
    release.fail("registry.example/app:3")
    said = by_json_patch(release, release.rolled_back())
    assert said.by_policy
    assert "fresh action id" in said.message


@pytest.mark.claim("C-203")
@pytest.mark.parametrize("what", ["no label", "owned", "paused", "namespace"])
def test_critique_b1_what_its_owner_did_not_allow_is_refused(release: Release, what: str) -> None:
    plane, shop = release.guarded.plane, release.shop
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "operator"}}
    made = plane.api.call("POST", f"/api/v1/namespaces/{shop.name}/configmaps", config)
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "operator", "uid": made["metadata"]["uid"]}
    match what:
        case "no label":
            plane.kubectl("label", "deployment", WEB, "-n", shop.name, "byteport.io/rollback-")
        case "owned":
            shop.patch_deployment(WEB, [{"op": "add", "path": "/metadata/ownerReferences", "value": [owner]}])
        case "paused":
            shop.patch_deployment(WEB, [{"op": "add", "path": "/spec/paused", "value": True}])
        case "namespace":
            plane.kubectl("label", "namespace", shop.name, "byteport.io/enabled-")
        case _:
            raise AssertionError(what)
    once(lambda said: said.by_policy, lambda: by_json_patch(release, release.rolled_back()))


@pytest.mark.claim("C-203")
@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
@pytest.mark.parametrize("sub", ["", "/scale", "/status"])
def test_review_4_replacing_making_deleting_and_subresources_are_not_granted(
    release: Release, method: str, sub: str
) -> None:
    path = release.path.rsplit("/", 1)[0] if method == "POST" and not sub else release.path + sub
    said = asked(release.guarded.agent(), method, path, release.rolled_back())
    assert said.by_rights, said


@pytest.mark.claim("C-203")
@pytest.mark.parametrize("sub", ["/scale", "/status"])
def test_review_4_a_subresource_is_not_patched(release: Release, sub: str) -> None:
    patch = {"spec": {"replicas": 0}} if sub == "/scale" else {"status": {"replicas": 0}}
    agent = release.guarded.agent()
    said = asked(agent, "PATCH", release.path + sub, patch, content_type="application/merge-patch+json")
    assert said.by_rights


@pytest.mark.claim("C-203")
def test_critique_0_7_another_deployment_is_another_rollback(release: Release) -> None:
    """A ReplicaSet of another Deployment is no revision of this one, whatever its template is."""
    other = release.shop
    other.deploy("other", replicas=1)
    other.await_available("other")
    sets = release.guarded.plane.api.call("GET", f"/apis/apps/v1/namespaces/{other.name}/replicasets")["items"]
    foreign = next(one for one in sets if one["metadata"]["name"].startswith("other-"))
    wanted = release.rolled_back(to=foreign)
    wanted["spec"]["template"]["metadata"]["labels"] = {"app": WEB}
    assert by_json_patch(release, wanted).by_policy
