"""The policy mount: read fresh, never half understood, and never more permissive than it says."""

import os
from pathlib import Path

import pytest

from activities.kubernetes.policy_source import FilePolicySource, load_policy, parse_policy
from byteport.domain.policy import PROTECTED_NAMESPACES, Mode
from byteport.errors import ConfigError, Unavailable


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def refusal(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_policy(text.encode(), "policy.yaml")
    return caught.value


def test_a_policy_is_what_the_file_says(tmp_path: Path) -> None:
    file = written(
        tmp_path / "policy.yaml",
        """
mode: auto
mode_by_namespace: {shop: dry_run}
rollback_allowed: [shop/web]
settle_seconds: 5
approvals:
  FailedDeployAutoRollbackRunbook: {quorum: 2, approvers: [ada, grace]}
""",
    )
    policy = load_policy(file)
    assert policy.mode_for("PodCrashloopRunbook", "shop") is Mode.DRY_RUN
    assert policy.rollback_allowed == {"shop/web"}
    assert policy.approval_rule("FailedDeployAutoRollbackRunbook").quorum == 2


def test_a_changed_file_is_in_force_at_the_next_reading(tmp_path: Path) -> None:
    source = FilePolicySource(written(tmp_path / "policy.yaml", "mode: auto\n"))
    assert source.read().mode is Mode.AUTO
    written(tmp_path / "policy.yaml", "mode: observe\n")
    assert source.read().mode is Mode.OBSERVE


def test_a_mount_that_is_swapped_by_a_link_is_in_force_at_the_next_reading(tmp_path: Path) -> None:
    """A projected volume changes all its files at once by renaming a symbolic link; size and times may be equal."""
    first, second = written(tmp_path / "a", "mode: auto   \n"), written(tmp_path / "b", "mode: observe\n")
    for file in (first, second):
        os.utime(file, (1, 1))
    link = tmp_path / "policy.yaml"
    link.symlink_to(first)
    source = FilePolicySource(link)
    assert source.read().mode is Mode.AUTO
    (tmp_path / "next").symlink_to(second)
    (tmp_path / "next").rename(link)
    assert source.read().mode is Mode.OBSERVE


def test_an_unchanged_file_is_not_parsed_again(tmp_path: Path) -> None:
    source = FilePolicySource(written(tmp_path / "policy.yaml", "mode: auto\n"))
    assert source.read() is source.read()


def test_a_broken_file_fails_closed_and_the_last_good_policy_is_not_used(tmp_path: Path) -> None:
    source = FilePolicySource(written(tmp_path / "policy.yaml", "mode: auto\n"))
    source.read()
    written(tmp_path / "policy.yaml", "mode: sometimes\n")
    for _ in range(2):
        with pytest.raises(Unavailable, match="mode"):
            source.read()
    written(tmp_path / "policy.yaml", "mode: dry_run\n")
    assert source.read().mode is Mode.DRY_RUN


def test_a_missing_file_fails_closed(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="does not exist; write one, `mode: dry_run` is enough"):
        FilePolicySource(tmp_path / "policy.yaml").read()
    with pytest.raises(ConfigError, match=r"policy\.yaml"):
        load_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("mode: sometimes", "mode"),
        ("mode: off", "mode"),
        ("settle_seconds: -1", "settle_seconds"),
        ("verify_deadline_seconds: 1000000", "verify_deadline_seconds"),
        ("approvals: {X: {quorum: 0}}", "approvals.X.quorum"),
        ("rolback_allowed: [a/b]", "rolback_allowed"),
        ("disk_percent: 84", "disk_percent"),
        ("disk_verified_percent: 85", "disk_verified_percent"),
        ("mode_by_runbook: {DiskSpaceReclaimRunbook: observe}", "mode_by_runbook.DiskSpaceReclaimRunbook"),
        ("mode_by_namespace: {Shop: observe}", "mode_by_namespace.Shop"),
        ("mode_by_namespace: {shop/web: observe}", "mode_by_namespace.shop/web"),
        ("approvals: {Rollback: {quorum: 2}}", "approvals.Rollback"),
        ("protected_namespaces: [Temporal]", "protected_namespaces"),
        ("rollback_allowed: [web]", "rollback_allowed"),
        ("rollback_allowed: ['*']", "rollback_allowed"),
        ("rollback_allowed: ['*/*']", "rollback_allowed"),
        ("rollback_allowed: [shop/Deployment/web]", "rollback_allowed"),
        ('raise_allowed: ["shop/web\\n"]', "raise_allowed"),
        ("- mode", "policy_file"),
        ("", "policy_file"),
        ("{}", "policy_file"),
        ("mode: [", "policy_file"),
        ("mode: auto\nmode: observe", "policy_file"),
        ("mode_by_namespace: {shop: observe, shop: auto}", "policy_file"),
        ("? [a, b]\n: 1", "policy_file"),
        ("[" * 5000, "policy_file"),
    ],
)
def test_a_mistake_is_one_error_that_names_the_key(text: str, key: str) -> None:
    error = refusal(text)
    assert error.key == key
    assert "\n" not in error.message


@pytest.mark.claim("C-106")
def test_the_value_that_was_wrong_is_not_repeated() -> None:
    assert "hunter2" not in refusal("settle_seconds: hunter2").message


def test_a_file_that_is_not_text_is_refused() -> None:
    with pytest.raises(ConfigError):
        parse_policy(b"\xff\xfe\x00", "policy.yaml")


def test_a_file_of_a_megabyte_is_refused() -> None:
    with pytest.raises(ConfigError, match="larger"):
        parse_policy(b"#" * ((1 << 20) + 1), "policy.yaml")


@pytest.mark.claim("C-023")
def test_the_file_adds_protected_namespaces_and_cannot_take_any_away() -> None:
    policy = parse_policy(b"protected_namespaces: [temporal]", "policy.yaml")
    assert policy.protected_namespaces == PROTECTED_NAMESPACES | {"temporal"}
    assert parse_policy(b"protected_namespaces: []", "policy.yaml").protected_namespaces == PROTECTED_NAMESPACES
