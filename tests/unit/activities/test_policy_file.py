"""A policy file that is changed: checked whole, put in place at once, the rest of it kept to the letter."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from activities.kubernetes.policy_source import load_policy
from activities.policy_file import Change, Changed, adding, change_policy, removing, rewritten, setting, unsetting
from byteport.domain.policy import Mode
from byteport.errors import ConfigError

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
WRITTEN = """\
# Policy of the shop. Ask ada before you change it.
mode: dry_run   # until the release is out

rollback_allowed:
  - shop/api      # the team asked for it
  - shop/web

# times
settle_seconds: 30
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(WRITTEN)
    return path


def change(path: Path, what: Change, by: str = "ada", reason: str = "") -> Changed:
    return change_policy(path, what, by=by, reason=reason, now=NOW)


def test_what_is_not_changed_is_kept_to_the_letter(file: Path) -> None:
    change(file, setting("settle_seconds", 60))
    text = file.read_text()
    assert text.startswith(WRITTEN.replace("settle_seconds: 30", "settle_seconds: 60"))
    change(file, setting("mode", "auto"))
    assert "  - shop/api      # the team asked for it\n" in file.read_text()


def test_the_note_says_who_when_why_and_about_what(file: Path) -> None:
    change(file, setting("mode", "auto"), reason="ready")
    policy = load_policy(file)
    assert (policy.changed_by, policy.changed_at, policy.change_reason) == ("ada", NOW, "ready")
    assert policy.changed_to == policy.version
    change(file, setting("mode", "observe"), by="bob")
    policy = load_policy(file)
    assert (policy.changed_by, policy.change_reason, policy.changed_to) == ("bob", "", policy.version)
    assert file.read_text().count("changed_by") == 1


def test_what_changes_nothing_writes_nothing(file: Path) -> None:
    assert change(file, setting("mode", "dry_run")).same
    assert change(file, unsetting("timebox_seconds")).same
    assert file.read_text() == WRITTEN


def test_taking_out_the_last_inner_setting_takes_its_section_out(file: Path) -> None:
    change(file, setting("mode_by_namespace.shop", "observe"))
    assert load_policy(file).mode_by_namespace == {"shop": Mode.OBSERVE}
    change(file, unsetting("mode_by_namespace.shop"))
    assert "mode_by_namespace" not in file.read_text()
    change(file, setting("approvals.PodCrashloopRunbook.quorum", 2))
    change(file, adding("approvals.PodCrashloopRunbook.approvers", "ada"))
    rule = load_policy(file).approval_rule("PodCrashloopRunbook")
    assert (rule.quorum, rule.approvers) == (2, frozenset({"ada"}))
    change(file, removing("approvals.PodCrashloopRunbook.approvers", "ada"))
    change(file, unsetting("approvals.PodCrashloopRunbook.quorum"))
    change(file, unsetting("approvals.PodCrashloopRunbook.approvers"))
    assert "approvals" not in file.read_text()


def test_a_reader_sees_the_old_file_or_the_new_one(file: Path) -> None:
    ended = threading.Event()
    seen: set[Mode] = set()

    def read() -> None:
        while not ended.is_set():
            seen.add(load_policy(file).mode)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        change(file, setting("mode", ("auto", "dry_run")[number % 2]))
    ended.set()
    reader.join()
    assert seen <= {Mode.AUTO, Mode.DRY_RUN}
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_two_who_change_it_at_once_do_not_undo_each_other(file: Path) -> None:
    def add(who: int) -> None:
        for number in range(10):
            change(file, adding("rollback_allowed", f"team-{who}/{number}"))

    people = [threading.Thread(target=add, args=(who,)) for who in range(3)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert len(load_policy(file).rollback_allowed) == 2 + 30


def test_mode_and_link_of_the_file_are_kept(file: Path) -> None:
    file.chmod(0o640)
    link = file.parent / "link.yaml"
    link.symlink_to(file)
    change(link, setting("mode", "auto"))
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert load_policy(file).mode is Mode.AUTO


def test_a_file_that_cannot_be_read_as_a_policy_is_left_alone(file: Path) -> None:
    file.write_text("mode: [")
    with pytest.raises(ConfigError):
        change(file, setting("mode", "auto"))
    assert file.read_text() == "mode: ["


@pytest.mark.parametrize("text", ["{mode: dry_run, settle_seconds: 30}\n", "---\nmode: dry_run\n", "'mode': dry_run"])
def test_other_ways_of_writing_it_keep_their_meaning(file: Path, text: str) -> None:
    file.write_text(text)
    before = load_policy(file)
    change(file, setting("mode", "auto"))
    after = load_policy(file)
    assert after.mode is Mode.AUTO
    assert after.settle_seconds == before.settle_seconds


VALUES = st.one_of(
    st.integers(0, 99),
    st.text("ab: #-'", max_size=6),
    st.lists(st.text("ab/", min_size=1, max_size=4), max_size=3),
    st.dictionaries(st.text("ab", min_size=1, max_size=3), st.integers(0, 9), max_size=2),
)
CONTENT = st.dictionaries(st.sampled_from(["mode", "settle_seconds", "a", "b", "c"]), VALUES, max_size=5)


@given(CONTENT, CONTENT)
def test_a_rewritten_text_says_what_was_asked_for(before: dict[str, Any], after: dict[str, Any]) -> None:
    text = "# head\n" + (yaml.safe_dump(before, sort_keys=False) if before else "") + "# tail\n"
    again = rewritten(text, before, after)
    assert (yaml.safe_load(again) or {}) == after
