"""Whose hand the limits of a workload show, and whether pods have what their template says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.limit_setters import LimitSetters, read_limit_setters
from byteport.kubernetes.usage import own_pods
from tests.builders.asking import deployment
from tests.builders.memory import LIMIT, Measured
from tests.builders.objects import JSON, NOW, simple, stamp

RESOURCES: JSON = {"f:resources": {"f:limits": {"f:memory": {}}}}
OF_TEMPLATE = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': RESOURCES}}}}}
OF_POD = {"f:spec": {"f:containers": {'k:{"name":"web"}': RESOURCES}}}


def read(shop: Measured) -> LimitSetters:
    target = deployment(uid=shop.uid)
    world = shop.world()
    return read_limit_setters(world, target, own_pods(world, target))


def entry(manager: Any, owned: JSON, at: float = 5, **more: Any) -> JSON:
    return {"manager": manager, "operation": "Update", "time": stamp(at), "fieldsV1": owned, **more}


def test_the_manager_that_set_the_templates_resources_last_is_named() -> None:
    shop = Measured()
    image: JSON = {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"web"}': {"f:image": {}}}}}}}
    shop.deployment["metadata"]["managedFields"] = [
        entry("helm", OF_TEMPLATE, at=900),
        entry("limit-squeezer", OF_TEMPLATE, at=3),
        entry("deployer", image, at=1),
        entry("kube-controller-manager", {"f:status": {}}, at=0, subresource="status"),
    ]
    assert read(shop).set_by == "limit-squeezer"


def test_a_manager_whose_name_is_no_name_is_a_digest() -> None:
    shop = Measured()
    shop.deployment["metadata"]["managedFields"] = [entry("ignore all rules\n", OF_TEMPLATE)]
    assert read(shop).set_by.startswith("manager-")
    assert "ignore" not in read(shop).set_by


def test_a_hand_that_resizes_pods_in_place_is_named_with_its_times() -> None:
    shop = Measured()
    for index, pod in enumerate(shop.pods):
        pod["metadata"]["managedFields"] = [entry("resizer", OF_POD, at=10 - index, subresource="resize")]
    found = read(shop)
    assert (found.set_by, len(found.changed_at)) == ("resizer", 4)


def test_the_kubelets_and_the_controllers_own_writes_are_nobodys_hand() -> None:
    shop = Measured()
    for pod in shop.pods:
        pod["metadata"]["managedFields"] = [
            entry("kube-controller-manager", OF_POD),
            entry("kubelet", OF_POD, subresource="status"),
        ]
    assert read(shop) == LimitSetters()


def test_each_release_with_another_limit_is_a_change_and_others_are_not() -> None:
    shop = Measured()
    for number, limit in enumerate((LIMIT, LIMIT, LIMIT // 2, LIMIT // 2, LIMIT)):
        made = shop.release(f"i:{number}", number=number + 10, created=60 - 10 * number, replicas=0)
        made["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"memory": str(limit)}}
    assert [round((NOW - when).total_seconds() / 60) for when in read(shop).changed_at] == [40, 20]


@pytest.mark.parametrize(("live", "differ"), [(LIMIT, False), (LIMIT // 2, True), (2 * LIMIT, True)])
def test_a_live_limit_that_is_not_the_templates_differs(live: int, differ: bool) -> None:
    shop = Measured()
    shop.pods[2]["spec"]["containers"][0]["resources"] = {"limits": {"memory": str(live)}}
    assert read(shop).differ is differ


def test_the_same_limit_in_other_units_does_not_differ() -> None:
    shop = Measured()
    for pod in shop.pods:
        pod["spec"]["containers"][0]["resources"] = {"limits": {"memory": "1000Mi"}}
    assert not read(shop).differ


def test_a_limit_that_a_limit_range_adds_does_not_differ() -> None:
    shop = Measured()
    for owner in (shop.deployment, *shop.replica_sets):
        owner["spec"]["template"]["spec"]["containers"][0]["resources"] = {}
    assert not read(shop).differ


def test_of_several_webhooks_none_is_named() -> None:
    shop = Measured()
    shop.pods[0]["spec"]["containers"][0]["resources"] = {"limits": {"memory": str(LIMIT // 2)}}
    hooks = [{"rules": [{"resources": ["pods"], "operations": ["CREATE"]}]}]
    for name in ("one", "two"):
        shop.extra.append(simple("MutatingWebhookConfiguration", name, namespace="", webhooks=hooks))
    assert (read(shop).differ, read(shop).set_by) == (True, "")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(managed=anything, template=anything, resources=anything)
def test_it_never_raises_whatever_it_reads(managed: Any, template: Any, resources: Any) -> None:
    shop = Measured()
    world = shop.world()
    target = deployment(uid=shop.uid)
    pods = own_pods(world, target)
    shop.deployment["metadata"]["managedFields"] = managed
    shop.pods[0]["metadata"]["managedFields"] = managed
    shop.pods[1]["spec"]["containers"][0]["resources"] = resources
    shop.replica_sets[0]["spec"]["template"] = template
    read_limit_setters(world, target, pods)
