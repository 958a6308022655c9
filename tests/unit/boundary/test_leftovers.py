"""What counts as left: all of ours where nothing is installed, and beside an installation what was given to nobody."""

from __future__ import annotations

import shlex

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.leftovers import Leftover, Listed, beside_an_installation, without_an_installation
from byteport.boundary.names import (
    ACCOUNTS_GROUP,
    ACT_ROLE,
    AGENT,
    ENABLED_LABEL,
    NAMED_ROLE,
    NAMESPACE,
    SIGHT_ROLE,
    role_ref,
)
from byteport.boundary.roles import binding, installation, of_namespace, role, rule
from byteport.domain.ceilings import Ceiling
from byteport.domain.policy import Mode
from byteport.kubernetes.port import JSON
from tests.builders.administered import a_namespace

GIVEN = of_namespace("shop", Ceiling(mode=Mode.AUTO, rollback=("*",)), Choices())


def left(*rights: JSON, namespaces: tuple[JSON, ...] = ()) -> list[Leftover]:
    return without_an_installation(Listed(namespaces, rights))


def test_what_enable_gave_is_one_thing_a_namespace_and_one_command_removes_it() -> None:
    (found,) = left(*GIVEN, namespaces=(a_namespace("shop", **{ENABLED_LABEL: "true"}), a_namespace("till")))
    assert found == Leftover(
        f"in shop: RoleBinding {SIGHT_ROLE}, RoleBinding {ACT_ROLE}, Role {NAMED_ROLE}, RoleBinding {NAMED_ROLE}, "
        f"label {ENABLED_LABEL}",
        "byteport disable shop",
        gives=True,
    )


def test_a_label_alone_gives_nothing_and_is_told() -> None:
    assert left(namespaces=(a_namespace("shop", **{ENABLED_LABEL: "false"}),)) == [
        Leftover(f"in shop: label {ENABLED_LABEL}", "byteport disable shop", gives=False)
    ]


def test_every_object_of_an_installation_that_is_gone_is_told_with_what_deletes_it() -> None:
    made = installation(Choices(helper=True), (), ())
    found = left(*made)
    assert len(found) == len(made)
    made.sort(key=lambda item: not item["kind"].endswith("Binding"))
    for one, item in zip(found, made, strict=True):
        where = item["metadata"].get("namespace")
        words = ["kubectl", "delete", item["kind"].lower(), item["metadata"]["name"], *(["-n", where] if where else [])]
        assert shlex.split(one.remedy) == words
        assert one.gives is item["kind"].endswith("Binding")


@pytest.mark.parametrize(
    "subject",
    [
        {"kind": "ServiceAccount", "name": "byteport-agent", "namespace": NAMESPACE},
        {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": AGENT},
        {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": ACCOUNTS_GROUP},
    ],
)
def test_somebody_elses_binding_of_our_account_is_told_however_it_names_it(subject: JSON) -> None:
    theirs = {
        **binding("RoleBinding", "wide; rm -rf ~", role_ref("ClusterRole", "admin"), "till"),
        "subjects": [subject],
    }
    theirs["metadata"].pop("labels")
    (found,) = left(theirs)
    assert (found.gives, shlex.split(found.remedy)[3:]) == (True, ["wide; rm -rf ~", "-n", "till"])


def test_what_is_nobody_of_ours_is_not_told() -> None:
    theirs = role("Role", NAMED_ROLE, [rule("", "pods", ["get"])], "till")
    theirs["metadata"].pop("labels")
    bound = {**binding("ClusterRoleBinding", "system:x", role_ref("ClusterRole", "view")), "subjects": []}
    bound["metadata"].pop("labels")
    assert left(theirs, bound, namespaces=(a_namespace("till", team="till"),)) == []


def test_no_name_reaches_a_terminal_as_it_is() -> None:
    (found,) = left(binding("ClusterRoleBinding", "a\x1b[31m\nb", role_ref("ClusterRole", "view")))
    assert found.what.isprintable()
    assert found.remedy.isprintable()


def test_beside_an_installation_only_what_enable_made_where_nothing_is_given_is_left() -> None:
    listed = Listed((a_namespace("shop", **{ENABLED_LABEL: "true"}),), [*GIVEN, *installation(Choices(), (), ())])
    assert beside_an_installation(listed, {"shop"}) == []
    assert [one.remedy for one in beside_an_installation(listed, {"till"})] == ["byteport disable shop"]
