"""A policy file that is changed: checked whole, put in place at once, the rest of it kept to the letter."""

import os
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


def test_a_note_from_a_terminal_of_another_encoding_is_taken(file: Path) -> None:
    after = change(file, setting("mode", "auto"), by="caf\udce9", reason="\udcff").after
    assert (after.changed_by, after.change_reason, load_policy(file).mode) == ("caf?", "?", Mode.AUTO)


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


@pytest.mark.parametrize("text", ["\ufeffmode: dry_run\n", "? mode\n: dry_run\n", '"m\\x6fde": dry_run\n'])
def test_a_key_that_is_written_in_a_rare_way_is_not_there_twice_afterwards(tmp_path: Path, text: str) -> None:
    """The workers refuse a policy that says a thing twice, so nothing would be done under it any more."""
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    change(path, setting("mode", "auto"))
    assert load_policy(path).mode is Mode.AUTO


def test_links_that_lead_back_to_themselves_are_told(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.symlink_to(path)
    with pytest.raises(ConfigError, match="policy_file"):
        change(path, setting("mode", "auto"))


def _another_owner(monkeypatch: pytest.MonkeyPatch, file: Path) -> list[tuple[int, int]]:
    """As if the file belonged to somebody else than who changes it; notes to whom the new one is given."""
    given: list[tuple[int, int]] = []
    plain, owner = Path.stat, os.stat_result((0, 0, 0, 0, 4321, 1234, 0, 0, 0, 0))

    def stat(path: Path, **options: Any) -> os.stat_result:
        found = plain(path, **options)
        return os.stat_result((*found[:4], owner.st_uid, owner.st_gid, *found[6:])) if path == file else found

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(os, "fchown", lambda _descriptor, uid, gid: given.append((uid, gid)))
    return given


def test_a_file_that_belongs_to_the_worker_still_does(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = _another_owner(monkeypatch, file)
    change(file, setting("mode", "auto"))
    assert given == [(4321, 1234)]


@pytest.mark.parametrize(("mode", "written"), [(0o600, False), (0o644, True)])
def test_a_file_that_the_worker_could_not_read_any_more_is_left_as_it_is(
    file: Path, monkeypatch: pytest.MonkeyPatch, mode: int, written: bool
) -> None:
    file.chmod(mode)
    _another_owner(monkeypatch, file)

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refused)
    if written:
        change(file, setting("mode", "auto"))
    else:
        with pytest.raises(ConfigError, match="not permitted"):
            change(file, setting("mode", "auto"))
    monkeypatch.undo()
    assert (load_policy(file).mode is Mode.AUTO) is written
    assert [path.name for path in file.parent.iterdir()] == [file.name]
