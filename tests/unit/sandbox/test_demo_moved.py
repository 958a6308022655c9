"""What the demo makes of an act whose target had moved: its kubelet wrote to the pod just before the delete, as they do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from byteport.audit.records import Record
from byteport.audit.words import Event
from byteport.sandbox.demo.stage import Stage, Story
from byteport.sandbox.demo.writes import Write, writes_of

JSON = dict[str, Any]


def record(event: Event, reason: str | None = None) -> Record:
    return cast("Record", SimpleNamespace(event=event, reason=reason))


MOVED = [record(Event.STARTED), record(Event.FINISHED, "target_changed")]
ACTED = [record(Event.STARTED), record(Event.FINISHED, "verify_timeout")]


def test_an_act_that_found_its_target_moved_is_no_second_one() -> None:
    assert Story([*MOVED, *ACTED]).acts == 1
    assert Story([*ACTED, *ACTED]).acts == 2
    assert Story([*ACTED, record(Event.STARTED)]).acts == 2, "one that has no end may have been done"


def deleted(code: int) -> JSON:
    about = {"resource": "pods", "namespace": "shop", "name": f"web-{code}"}
    return {"verb": "delete", "requestURI": "/", "objectRef": about, "responseStatus": {"code": code}}


def test_a_delete_that_the_api_server_answered_with_a_conflict_is_no_write_and_one_that_it_forbade_was_tried() -> None:
    events = [deleted(code) for code in (409, 200, 403)]
    plane = SimpleNamespace(audit_events=lambda **_: events)
    cluster = SimpleNamespace(simulated=None, control_plane=plane)
    stage = cast("Stage", SimpleNamespace(sandbox=SimpleNamespace(cluster=cluster)))
    assert writes_of(stage) == [Write("shop", "delete pods/web-200"), Write("shop", "delete pods/web-403")]
