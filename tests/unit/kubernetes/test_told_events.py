"""The words of an Event of ours: made of typed facts alone, bounded, and known again wherever they are read."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from byteport.domain.reasons import Cause, Reason
from byteport.domain.targets import Target
from byteport.kubernetes.told_events import (
    LONGEST_NOTE,
    NAMED,
    PRINTABLE,
    TREATED,
    TYPES,
    Deed,
    EventReason,
    Telling,
    event_name,
    event_of,
    is_telling,
    note_of,
)

JSON = dict[str, Any]
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
INCIDENT = "inc-" + "a" * 24
HOSTILE = "\x1b[31mweb\n<script>"
WEB = Target(cluster_uid="c", namespace="shop", kind="Deployment", name="web", uid="d-1")

tellings = st.builds(
    Telling,
    reason=st.sampled_from(EventReason),
    target=st.just(WEB.model_copy(update={"name": HOSTILE, "uid": HOSTILE})),
    incident_id=st.just(INCIDENT),
    cause=st.none() | st.sampled_from(Cause),
    deed=st.none() | st.sampled_from(Deed),
    number=st.none() | st.integers(0, 2**31),
    alone=st.booleans(),
    seconds=st.none() | st.integers(0, 2**31),
    because=st.lists(st.sampled_from(Reason), max_size=64).map(tuple),
)


@pytest.mark.claim("C-481")
@given(tellings)
def test_whatever_the_facts_are_the_words_are_printable_bounded_and_of_nobody_elses_choosing(telling: Telling) -> None:
    note = note_of(telling)
    assert re.fullmatch(PRINTABLE, note)
    assert len(note) <= LONGEST_NOTE
    assert "web" not in note
    assert "script" not in note
    assert note.endswith(f"Incident {INCIDENT}.")


@pytest.mark.parametrize("incident", ["", "inc-1", f"{INCIDENT}\n", "inc-" + "A" * 24, f"{INCIDENT} and text"])
def test_an_incidents_id_is_one_of_ours_or_none(incident: str) -> None:
    with pytest.raises(ValidationError):
        Telling(reason=EventReason.ACTED, target=WEB, incident_id=incident)


def test_each_moment_reads_as_a_sentence() -> None:
    def told(reason: EventReason, deed: Deed | None = None, number: int | None = None, **more: Any) -> str:
        made = Telling(reason=reason, target=WEB, incident_id=INCIDENT, deed=deed, number=number, **more)
        return note_of(made).removesuffix(f" Incident {INCIDENT}.")

    planned = told(EventReason.PLANNED, Deed.ROLLBACK, 3, because=(Reason.CANARY,), cause=Cause.RELEASE_CRASHES)
    assert planned == (
        "BytePort plans to roll back to revision 3. It waits for a person's yes. Cause: release_crashes. Because of: canary."
    )
    assert told(EventReason.PLANNED, Deed.DELETE_POD, alone=True) == (
        "BytePort plans to delete one pod that is not Ready. It does so alone."
    )
    assert told(EventReason.ACTED, Deed.RAISE_FLOOR, 4) == (
        "BytePort raised the autoscaler's minReplicas to 4 for a while, and looks whether it helps."
    )
    assert told(EventReason.VERIFIED, Deed.DELETE_POD, seconds=90) == (
        "BytePort deleted one pod that was not Ready, and that held for the settle time. "
        "It took 90 seconds from the first symptom."
    )
    assert told(EventReason.UNDONE, Deed.RESTORE_FLOOR, 2) == (
        "It did not help: BytePort set the autoscaler's minReplicas back to 2."
    )
    assert told(EventReason.ESCALATED, because=(Reason.CANNOT_TELL,)) == (
        "BytePort hands over to a person. Because of: cannot_tell."
    )


def test_a_moment_of_an_incident_has_one_name_and_no_two_have_the_same() -> None:
    names = [event_name(incident, reason) for incident in (INCIDENT, "inc-" + "b" * 24) for reason in EventReason]
    assert len({*names}) == len(names)
    assert all(re.fullmatch(NAMED, name) for name in names)
    assert names[0] == event_name(INCIDENT, EventReason.PLANNED)


@pytest.mark.parametrize("kind", sorted(TREATED))
@pytest.mark.parametrize("reason", EventReason)
def test_what_is_written_is_known_again(kind: str, reason: EventReason) -> None:
    target = WEB.model_copy(update={"kind": kind})
    event = event_of(Telling(reason=reason, target=target, incident_id=INCIDENT), now=NOW)
    assert is_telling(event, "shop")
    assert event["type"] == TYPES[reason]
    assert event["firstTimestamp"] == event["lastTimestamp"] == "2026-03-10T09:00:00Z"


def _set(*path: str, to: object) -> Any:
    def change(event: JSON) -> None:
        *way, last = path
        for key in way:
            event = event[key]
        event[last] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("involvedObject", "namespace", to="bank"),
        _set("involvedObject", "kind", to="Node"),
        _set("involvedObject", "apiVersion", to="example.com/v1"),
        _set("involvedObject", "fieldPath", to="spec"),
        _set("type", to="Warning"),
        _set("reason", to="Killing"),
        _set("reason", to=["RemediationActed"]),
        _set("reportingComponent", to="kubelet"),
        _set("message", to="x" * 1025),
        _set("message", to="\x1b[2J"),
        _set("message", to=None),
        _set("metadata", "name", to="web.1"),
        _set("metadata", to=None),
        _set("series", to={"count": 2}),
        _set("related", to={"kind": "Secret"}),
    ],
)
def test_nothing_else_is_taken_for_one_of_ours(change: Any) -> None:
    event = event_of(Telling(reason=EventReason.ACTED, target=WEB, incident_id=INCIDENT), now=NOW)
    changed = copy.deepcopy(event)
    change(changed)
    assert not is_telling(changed, "shop")
    assert not is_telling([event], "shop")
