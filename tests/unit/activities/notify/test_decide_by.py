"""What a woken person reads in each situation of each runbook: enough to decide by, and nothing that misleads."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.notify.told import ENOUGH, Told, told
from byteport.cli.explain import documents_of
from byteport.contracts.people import Ending, Notice
from byteport.domain.explanations import not_undone
from byteport.domain.legible import duration, legible, size
from byteport.domain.plans import DeletePodPlan, RaiseFloorPlan, Refused, RollbackPlan, restore_of
from byteport.domain.policy import Mode
from byteport.domain.reasons import Reason
from byteport.runbooks.bundles import bundle_of
from byteport.runbooks.catalogue import RUNBOOKS
from byteport.runbooks.explain import Incident, assumed_policy, explain
from tests.builders.noticed import AT, PAGE_URL, PLAN, RUN, notice
from tests.house.tree import ROOT

CASES = {
    "PodCrashloopRunbook": "64-single-wedged-replica",
    "FailedDeployAutoRollbackRunbook": "36-crashloop-resets-progress-deadline",
    "DiskSpaceAutoReclaimRunbook": "38-diskpressure-unused-images",
    "CpuSpikeRunbook": "54-real-spike-scale-rate-limited",
    "MemoryPressureRunbook": "01-oom-container-limit",
}
"""One saved situation for each runbook; memory's is one that no act cures."""


def incident(runbook: str) -> Incident:
    path = ROOT / "tests" / "cases" / f"{CASES[runbook]}.json"
    bundle = bundle_of(str(path), documents_of(Path(path)), now=AT, at=None, logs={})
    (found,) = explain(bundle.world, assumed_policy(bundle.world), Mode.DRY_RUN).incidents
    return found


def about(runbook: str, **changes: object) -> Notice:
    """As the gate makes it of that situation, where the plan waits for a yes, or is none."""
    found = incident(runbook)
    plan = found.plan
    assert not isinstance(plan, Refused)
    inverse = None
    if isinstance(plan, RaiseFloorPlan):
        inverse = restore_of(plan).command
    if isinstance(plan, RollbackPlan):
        inverse = f"kubectl rollout undo deployment/{plan.target.name} -n flap --to-revision={plan.from_revision}"
    noted = () if plan is None or isinstance(plan, DeletePodPlan) else plan.notes
    plain: dict[str, object] = {
        "title": f"{found.signal} on {found.target}",
        "runbook": runbook,
        "target": found.target,
        "cause": found.cause.value,
        "reasons": found.reasons,
        "evidence": (
            *(f"{fact.about}: {fact.name} = {fact.value}" for fact in found.facts),
            *(f"note: {note.value}" for note in noted),
        ),
        "facts": len(found.facts),
        "command": found.command,
        "inverse_command": inverse,
        "rung": 0 if plan is not None else 1,
        "plan_digest": PLAN if plan is not None else None,
        "answer_by": notice().answer_by if plan is not None else None,
        "how_to_answer": f"byteport approve {PLAN}" if plan is not None else f"byteport ack {RUN}",
    }
    return notice(**(plain | changes))


def ran(call: Notice, *more: str, **changes: object) -> Notice:
    """The same after its plan was carried out."""
    tried = (f"done: {call.command}", *more)
    return call.model_copy(
        update={"plan_digest": None, "answer_by": None, "tried": tried, "reasons": (), "how_to_answer": None} | changes
    )


def titles(message: Told) -> list[str]:
    return [section.title for section in message.sections]


def under(message: Told, title: str) -> tuple[str, ...]:
    (section,) = [one for one in message.sections if one.title == title]
    return (*section.lines, *section.commands)


@pytest.mark.claim("C-495")
def test_each_runbook_has_a_situation_here() -> None:
    assert set(CASES) == {runbook.name for runbook in RUNBOOKS}


@pytest.mark.claim("C-495")
@pytest.mark.parametrize("page", [None, PAGE_URL])
@pytest.mark.parametrize("runbook", [name for name in CASES if name != "MemoryPressureRunbook"])
def test_a_plan_that_waits_says_that_a_yes_is_asked_for_what_it_does_and_how_it_is_undone(
    runbook: str, page: str | None
) -> None:
    call = about(runbook)
    message = told(call, page)
    assert message.headline.startswith("[notice, waits for a yes] ")
    assert under(message, "The plan") == (call.command,)
    assert under(message, "To undo it") == (call.inverse_command or not_undone(runbook),)
    assert f"confidence: the cause rests on {call.facts} facts; a change asks for {ENOUGH} at least" in under(
        message, "What is broken"
    )
    assert under(message, "Why it was not done alone")
    assert any(char.isdigit() for line in under(message, "What was seen") for char in line)
    assert any("the question ends at" in line for line in under(message, "How to answer"))
    ways = [*under(message, "How to answer")[1:], *([message.link.url] if message.link else [])]
    assert len(ways) == 1, ways
    assert "DIGEST" not in " ".join(line for section in message.sections for line in section.lines)


@pytest.mark.claim("C-495")
def test_what_no_act_cures_asks_for_nobodys_yes_and_says_who_has_to_act() -> None:
    message = told(about("MemoryPressureRunbook"), None)
    assert message.headline.startswith("[page 1] ")
    assert "To undo it" not in titles(message)
    assert under(message, "Why it was not done alone")
    assert under(message, "What to look at next")
    assert under(message, "How to answer") == (f"byteport ack {RUN}",)


@pytest.mark.claim("C-495")
@pytest.mark.parametrize("runbook", [name for name in CASES if name != "MemoryPressureRunbook"])
def test_what_was_done_alone_is_told_as_done_and_asks_for_nothing(runbook: str) -> None:
    call = ran(about(runbook), title="Repaired it", rung=0)
    message = told(call, PAGE_URL)
    assert message.headline == "[notice] Repaired it"
    assert "The plan" not in titles(message)
    assert "What is broken" not in titles(message)
    assert under(message, "The command that ran") == (call.command,)
    assert message.link is not None
    assert "take it over" not in message.link.words


@pytest.mark.claim("C-495")
@pytest.mark.parametrize("runbook", [name for name in CASES if name != "MemoryPressureRunbook"])
def test_what_did_not_help_is_told_as_tried_and_is_still_broken(runbook: str) -> None:
    call = ran(
        about(runbook),
        "it did not help: not_verified",
        rung=1,
        reasons=(Reason.NOT_VERIFIED,),
        how_to_answer=f"byteport ack {RUN}",
    )
    message = told(call, PAGE_URL)
    assert message.headline.startswith("[page 1] ")
    assert titles(message)[0] == "What is broken"
    assert "Why it was not done alone" not in titles(message)
    assert under(message, "Why it stopped here")
    assert message.link is not None
    assert message.link.words == "Read it and take it over"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {},
            "[page 1, waits for a yes] deploy_failed on shop/Deployment/web: on production for 14 min 30 s, bad image",
        ),
        (
            {"title": "A receiver is down", "plan_digest": None, "since": None},
            "[page 1] A receiver is down: shop/Deployment/web on production, bad image",
        ),
        (
            {"ending": Ending.OVER, "title": "Repaired shop/Deployment/web"},
            "[over] Repaired shop/Deployment/web: on production, bad image",
        ),
    ],
)
def test_a_locked_telephone_shows_what_where_and_for_how_long_once_each(changes: dict[str, object], line: str) -> None:
    assert told(notice(**changes), None).summary == line


@pytest.mark.claim("C-495")
def test_what_was_undone_is_not_offered_to_be_undone_again() -> None:
    call = notice(plan_digest=None, tried=())
    call = ran(call, f"done: {call.inverse_command}", reasons=(Reason.NOT_VERIFIED,), rung=1)
    assert under(told(call, None), "To undo it") == ("it was undone",)


@pytest.mark.claim("C-495")
@pytest.mark.parametrize(
    "run", ["storm:c", "checkpoint:c", "export:c:s3", "poll:c:aws", "retention:c", "erasure:r", "timebox:c:n:h"]
)
@pytest.mark.parametrize("ending", [None, *Ending])
def test_a_run_without_a_page_is_answered_by_its_command_and_linked_to_nothing(run: str, ending: Ending | None) -> None:
    message = told(
        notice(workflow_id=run, plan_digest=None, how_to_answer="byteport ack storm", ending=ending), PAGE_URL
    )
    assert message.link is None
    assert "byteport ack storm" in under(message, "How to answer")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Node/a: largest_bytes = 122406567936", "Node/a: largest_bytes = 122406567936 (114.0 GiB)"),
        ("Pod/s/w: limit_bytes = 52428800", "Pod/s/w: limit_bytes = 52428800 (50.0 MiB)"),
        ("ReplicaSet/s/w: over_seconds = 5640", "ReplicaSet/s/w: over_seconds = 5640 (1 h 34 min)"),
        ("Node/a: system_oom_seconds_ago = 720", "Node/a: system_oom_seconds_ago = 720 (12 min 0 s)"),
        ("Node/a: largest_bytes = 900", "Node/a: largest_bytes = 900"),
        ("Pod/s/w: restarts = 90", "Pod/s/w: restarts = 90"),
        ("note: helm_record_differs", "note: helm_record_differs"),
    ],
)
def test_a_large_number_is_told_in_a_unit_that_people_read(line: str, shown: str) -> None:
    assert legible(line) == shown


@given(st.text(max_size=200))
def test_the_words_of_a_fact_stay_and_only_what_they_mean_is_added(text: str) -> None:
    assert legible(text).startswith(text)


@given(st.integers(1024, 10**18))
def test_a_size_and_a_time_are_short(count: int) -> None:
    assert len(size(count)) <= 12
    assert len(duration(count)) <= 30


def test_the_time_of_a_notice_is_never_before_its_trouble() -> None:
    later = datetime.fromisoformat("2026-03-10T04:00:00Z")
    assert any("(for 0 s)" in line for line in under(told(notice(since=later), None), "What is broken"))
