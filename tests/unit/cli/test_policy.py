"""`byteport policy`: shown, changed and checked, with who changed it."""

import json
from pathlib import Path

import pytest

from byteport.cli.exits import Exit
from tests.unit.cli.conftest import Run


@pytest.fixture
def policy(configured: Path) -> Path:
    file = configured.parent / "policy.yaml"
    file.write_text("# ours\nmode: dry_run\n")
    return file


def test_a_mode_is_set_for_all_and_for_one_namespace(byteport: Run, policy: Path) -> None:
    said = byteport("policy", "set", "mode", "auto", "--as", "ada", "-m", "ready")
    assert said.code == Exit.OK
    assert said.out.startswith("mode: dry_run -> auto\n")
    assert byteport("policy", "set", "mode_by_namespace.shop", "dry_run").out.startswith(
        "mode_by_namespace.shop: (not set) -> dry_run\n"
    )
    shown = json.loads(byteport("policy", "show", "--json").out)
    assert shown["settings"]["mode"] == "auto"
    assert shown["settings"]["mode_by_namespace"] == {"shop": "dry_run"}
    assert policy.read_text().startswith("# ours\nmode: auto\n")


def test_an_allow_list_grows_and_shrinks(byteport: Run, policy: Path) -> None:
    assert byteport("policy", "add", "rollback_allowed", "shop/api").out.startswith("rollback_allowed: + shop/api\n")
    assert byteport("policy", "add", "rollback_allowed", "shop/api").out == "nothing to change\n"
    assert byteport("policy", "remove", "rollback_allowed", "shop/api").out.startswith("rollback_allowed: - shop/api\n")
    said = byteport("policy", "remove", "rollback_allowed", "shop/api")
    assert (said.code, said.err) == (Exit.USAGE, "error: rollback_allowed: does not hold shop/api\n")


def test_who_changed_it_and_why_is_shown(byteport: Run, policy: Path) -> None:
    byteport("policy", "set", "mode", "auto", "--as", "ada", "-m", "ready")
    assert "changed by ada at " in byteport("policy", "show").out
    assert json.loads(byteport("policy", "show", "--json").out)["changed"]["reason"] == "ready"
    policy.write_text(policy.read_text().replace("mode: auto", "mode: observe"))
    assert "changed by" not in byteport("policy", "show").out
    assert json.loads(byteport("policy", "show", "--json").out)["changed"] is None


@pytest.mark.parametrize(
    ("arguments", "key", "says"),
    [
        (("set", "mode", "yolo"), "mode", "observe"),
        (("set", "moode", "auto"), "moode", "no such setting"),
        (("set", "mode_by_namespace.shop", "yolo"), "mode_by_namespace.shop", "observe"),
        (("set", "mode.shop", "auto"), "mode", "no settings inside"),
        (("set", "settle_seconds", "9999"), "settle_seconds", "less"),
        (("set", "changed_by", "eve"), "changed_by", "no such setting"),
        (("add", "mode", "auto"), "mode", "is no list"),
        (("set", "approvals.X.quorum", "9"), "approvals.X.quorum", "less"),
        (("set", "mode", "[auto"), "VALUE", "list"),
    ],
)
def test_what_is_no_policy_is_refused_and_nothing_is_written(
    byteport: Run, policy: Path, arguments: tuple[str, ...], key: str, says: str
) -> None:
    before = policy.read_text()
    said = byteport("policy", *arguments)
    assert said.code == Exit.USAGE
    assert said.err.startswith(f"error: {key}: ")
    assert says in said.err
    assert policy.read_text() == before


def test_without_a_file_there_is_nothing_to_show_and_the_first_setting_makes_it(
    byteport: Run, configured: Path
) -> None:
    assert byteport("policy", "show").code == Exit.USAGE
    assert byteport("policy", "set", "mode", "observe").code == Exit.OK
    assert json.loads(byteport("policy", "show", "--json").out)["settings"]["mode"] == "observe"
