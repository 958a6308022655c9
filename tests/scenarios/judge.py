"""What was right against what was done: three verdicts that are never added up, and harm beside them.

The agent's own word (records, pages, states of its runs) says what it decided; the cluster says what it did. Where the
two disagree, the cluster is believed. Comes after `harm.py`; `report.py` counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

from byteport.audit.records import Record
from byteport.audit.words import Event, Result
from byteport.contracts.people import Notice
from tests.agent.places import APP
from tests.scenarios.ground import NEIGHBOUR, Ground, is_complete
from tests.scenarios.harm import Written
from tests.scenarios.model import PATCHES_DEPLOYMENT, Escalated, Fixed, Once, Right, Scenario, Silent, Stormed

JSON = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """What there is to see when a scenario has come to its end."""

    records: list[Record]
    notices: list[Notice]
    open_runs: list[str]
    """What is still going on, in a line each."""
    writes: list[Written]
    deployments: dict[str, JSON]
    """Of the scenario's namespace, by name."""
    harm: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    unproven: str = ""
    """What the cluster itself says is not repaired."""


@dataclass(frozen=True)
class Judgement:
    """One run of one scenario."""

    scenario: Scenario
    right: bool
    wrong: tuple[str, ...]
    """Why it is not right."""
    broken: tuple[str, ...]
    """Harm: each is one too many."""
    did: str
    """What was done, in a line."""
    told: tuple[str, ...] = ()
    """What people were told, a line a notice."""
    injected_at: datetime | None = None
    signal_at: datetime | None = None
    verified_at: datetime | None = None
    seconds: float = 0.0


def judge(scenario: Scenario, ground: Ground, seen: Seen) -> tuple[list[str], list[str]]:
    """Why it is wrong, and what is broken; both empty when all is right."""
    broken = [*seen.harm, *seen.violations]
    wrong = [*_about_neighbours(seen)]
    match scenario.right:
        case Fixed() as right:
            wrong += _fixed(right, ground, seen)
        case Escalated() as right:
            wrong += _escalated(right, ground, seen)
        case Silent():
            wrong += _silent(seen)
        case Stormed() as right:
            wrong += _stormed(right, seen)
        case never:
            assert_never(never)
    return wrong, broken


def verified(records: list[Record]) -> list[Record]:
    """Acts that were seen to have helped."""
    return [one for one in records if one.event is Event.FINISHED and one.result is Result.SUCCESS]


def escalations(records: list[Record]) -> list[Record]:
    return [one for one in records if one.event is Event.ESCALATED]


def called_in_vain(right: Fixed, records: list[Record]) -> list[Record]:
    """What a person was called for though it was to be fixed; to be asked for a yes is no such call where one is due."""
    asked = right.by is Once.APPROVED
    return [one for one in escalations(records) if not (asked and one.result is Result.PENDING_APPROVAL)]


def name_of(record: Record) -> str:
    """The name of the object that it is about."""
    return record.target.rpartition("/")[2]


def told(seen: Seen, right: Right) -> str:
    """What was done, for the report."""
    parts = [f"{one.verb} {one.plural}/{one.name}" for one in seen.writes]
    parts += [f"verified {name_of(one)}" for one in verified(seen.records)]
    parts += [f"escalated {name_of(one)}: {one.cause} ({one.reason})" for one in escalations(seen.records)]
    parts += [f"skipped {name_of(one)} ({one.reason})" for one in seen.records if one.event is Event.SKIPPED]
    return "; ".join(dict.fromkeys([*parts, *seen.open_runs])) or "nothing"


def lines_of(notices: list[Notice]) -> tuple[str, ...]:
    """Each notice in a line."""
    return tuple(
        f"[{one.rung}] {one.target}: {one.cause} ({', '.join(one.reasons)}) {'; '.join((*one.evidence, *one.tried))}"
        for one in notices
    )


def _about_neighbours(seen: Seen) -> Iterator[str]:
    for notice in seen.notices:
        if notice.target.rpartition("/")[2] == NEIGHBOUR:
            yield f"somebody was told of the healthy neighbour: {notice.cause}"


def _fixed(right: Fixed, ground: Ground, seen: Seen) -> Iterator[str]:
    for name in right.on:
        wanted = ground.names.get(name, name)
        if not any((one.verb, one.plural, one.name, one.refused) == (*right.act, wanted, False) for one in seen.writes):
            yield f"{right.act.verb} {right.act.plural}/{wanted} was not done"
    yield from _repaired(right, ground, seen)
    for one in called_in_vain(right, seen.records):
        yield f"a person was called: {one.cause} ({one.reason})"
    for note in sorted(right.notes):
        if not any(note in notice.reasons or note.value in " ".join(notice.evidence) for notice in seen.notices):
            yield f"nobody was told {note.value}"


def _repaired(right: Fixed, ground: Ground, seen: Seen) -> Iterator[str]:
    """Verified by the agent's own word, and true."""
    done = {name_of(one) for one in verified(seen.records)}
    for target in right.repairs:
        name = ground.names.get(target, target)
        if name not in done:
            yield f"the repair of {name} was not verified"
        if name in seen.deployments and not is_complete(seen.deployments[name]):
            yield f"{name} does not serve"
    restored = right.act == PATCHES_DEPLOYMENT and right.restores and APP in right.repairs
    if restored and _bare(seen.deployments[APP]["spec"]["template"]) != (
        None if ground.good is None else _bare(ground.good)
    ):
        yield f"{APP} does not run the template that was good"
    if seen.unproven:
        yield seen.unproven


def _escalated(right: Escalated, ground: Ground, seen: Seen) -> Iterator[str]:
    own = [one for one in escalations(seen.records) if name_of(one) != NEIGHBOUR]
    if not own:
        yield "nobody was called"
        return
    causes = {cause.value for cause in right.causes}
    matching = [one for one in own if one.cause in causes]
    if not matching:
        yield f"the cause was called {own[0].cause}, not {' or '.join(sorted(causes))}"
    said = {word for one in own for word in (one.reason or "").split(", ")}
    if right.reasons and said.isdisjoint(reason.value for reason in right.reasons):
        yield f"none of the reasons {sorted(right.reasons)} among {sorted(said)}"
    text = "\n".join(f"{one.cause} {one.title} {' '.join(one.evidence)}" for one in seen.notices)
    for name in right.names:
        wanted = ground.names.get(name, name).replace("{namespace}", ground.namespace)
        if wanted not in text:
            yield f"nobody was told of {wanted}"
    waiting = any(one.result is Result.PENDING_APPROVAL for one in own)
    if right.planned and not waiting:
        yield "no plan was offered"
    if verified(seen.records):
        yield "it acted"


def storm_pages(notices: list[Notice]) -> list[Notice]:
    """The first page of each storm."""
    return [one for one in notices if one.title.startswith("Storm") and one.rung == 1]


def _stormed(right: Stormed, seen: Seen) -> Iterator[str]:
    pages = storm_pages(seen.notices)
    if len(pages) != 1:
        yield f"{len(pages)} pages for the storm"
    alone = {one.target for one in seen.notices if one.rung >= 1 and not one.title.startswith("Storm")}
    if len(alone) > right.pages_at_most:
        yield f"{len(alone)} targets were paged one by one: {', '.join(sorted(alone))}"


def _silent(seen: Seen) -> Iterator[str]:
    for notice in seen.notices:
        yield f"somebody was told: {notice.target}: {notice.cause}"
    for one in seen.records:
        if one.event is not Event.SKIPPED:
            yield f"there is a record of {one.event.value}: {one.target}: {one.cause}"
    yield from (f"not over: {run}" for run in seen.open_runs)


def _bare(template: JSON) -> JSON:
    """A template without its annotations: ours are on it, and what they say is looked at elsewhere."""
    labels = {k: v for k, v in (template["metadata"].get("labels") or {}).items() if k != "pod-template-hash"}
    return {"labels": labels, "spec": template["spec"]}
