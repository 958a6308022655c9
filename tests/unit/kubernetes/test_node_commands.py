"""Which words may be run in the node helper: those on the list, those of one strict form, and no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.plans import PRUNE_ARGV
from byteport.kubernetes.node_commands import (
    DF,
    FREE,
    MEASURED,
    du,
    empty_dir,
    host_path,
    is_helper,
    is_prune,
    is_read,
    pod_logs,
    pod_uid_of,
)
from tests.builders.objects import pod

UID = "5b1f0c6e-0000-4000-8000-000000146868"


@pytest.mark.parametrize("argv", [DF, FREE, *map(du, MEASURED)])
def test_what_is_on_the_list_may_be_run(argv: tuple[str, ...]) -> None:
    assert is_read(argv)
    assert not is_prune(argv)


def test_a_pods_own_directories_may_be_measured() -> None:
    for path in (empty_dir(UID, "cache"), pod_logs("shop", "web-1", UID)):
        assert path is not None
        assert is_read(du(path))
        assert pod_uid_of(path) == UID


def test_a_hostpath_may_be_measured_only_where_a_pod_of_the_node_declares_it() -> None:
    assert not is_read(du("/srv/data"))
    assert is_read(du("/srv/data"), frozenset({"/srv/data"}))


@pytest.mark.claim("C-047")
@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("df",),
        ("df", "-h", "/"),
        ("df", "-i"),
        ("sh", "-c", "df -h"),
        ("du", "-sh"),
        ("du", "-sh", "/"),
        ("du", "-sh", "/etc"),
        ("du", "-sh", "/var/lib/kubelet/"),
        ("du", "-sh", "/var/lib/kubelet/../../etc"),
        ("du", "-sh", "/var/lib/kubelet", "/etc"),
        ("du", "-sh", "--files0-from=/etc/shadow"),
        ("du", "-s", "-h", "/var/log"),
        ("du", "-sh", f"/var/lib/kubelet/pods/{UID}/volumes/kubernetes.io~empty-dir/../x"),
        ("du", "-sh", f"/var/lib/kubelet/pods/{UID}/volumes/kubernetes.io~secret/token"),
        ("du", "-sh", f"/var/log/pods/shop_web-1_{UID}/app"),
        ("du", "-sh", f"/var/log/pods/shop_web-1_{UID}\n"),
        ("crictl", "rmi", "--prune"),
        ("docker", "system", "prune", "-f"),
    ],
)
def test_everything_else_is_no_look(argv: tuple[str, ...]) -> None:
    assert not is_read(argv)


@pytest.mark.claim("C-047")
@pytest.mark.parametrize("argv", PRUNE_ARGV.values())
def test_the_two_prunes_are_known_word_for_word(argv: tuple[str, ...]) -> None:
    assert is_prune(argv)
    assert not is_prune((*argv, "--all"))
    assert not is_prune(argv[:-1])


@pytest.mark.claim("C-047")
@pytest.mark.parametrize(
    "path",
    [
        "relative",
        "/",
        "",
        "/proc/1/root",
        "/sys",
        "/dev/sda",
        "/etc/kubernetes",
        "/root",
        "/home/ada",
        "/run/containerd",
        "/a/../b",
        "/a/./b",
        "/a//b",
        "/a b",
        "/a\nb",
        "/a\x00b",
        "/a;b",
        "/$(b)",
        "/-rf",
        "/a" * 400,
        None,
        7,
    ],
)
def test_a_hostpath_that_climbs_hides_or_is_nobodys_business_is_not_measured(path: object) -> None:
    assert host_path(path) is None


@pytest.mark.parametrize(("given", "kept"), [("/srv/data", "/srv/data"), ("/srv/data/", "/srv/data"), ("/a_b", "/a_b")])
def test_a_plain_hostpath_is(given: str, kept: str) -> None:
    assert host_path(given) == kept


@pytest.mark.claim("C-110")
@pytest.mark.parametrize(("uid", "volume"), [("x", "cache"), (UID, "../x"), (UID, "Cache"), (UID, ""), ("", "cache")])
def test_names_that_no_pod_has_make_no_path(uid: str, volume: str) -> None:
    assert empty_dir(uid, volume) is None


@pytest.mark.claim("C-047")
@given(st.lists(st.text(max_size=40), max_size=5))
def test_no_words_that_are_made_up_pass(words: list[str]) -> None:
    assert not is_prune(words)
    assert not is_read(words)


@pytest.mark.claim("C-110")
@given(st.text(max_size=80))
def test_whatever_path_is_let_through_names_no_parent_and_no_option(text: str) -> None:
    path = host_path(f"/{text}")
    assert path is None or (path.startswith("/") and ".." not in path.split("/") and not path.startswith("/-"))


def test_the_helper_is_known_by_its_namespace_and_its_label() -> None:
    labels = {"app.kubernetes.io/name": "byteport-node-helper"}
    assert is_helper(pod("a", namespace="byteport-node", labels=labels), "byteport-node")
    assert not is_helper(pod("a", namespace="shop", labels=labels), "byteport-node")
    assert not is_helper(pod("a", namespace="byteport-node"), "byteport-node")
