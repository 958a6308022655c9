"""What an act changes is what its rights let it change: a write takes a warrant, but for a note beside what is treated."""

from __future__ import annotations

import pytest

from byteport.contracts.acts import AnyAct, Effect, Queue
from byteport.contracts.events import TELL_EVENT
from byteport.contracts.kubernetes import MutatingCall
from workers.processes import ACTS

READS = {"get", "list", "watch"}
LOOKS = ("", "pods/exec", "create")
"""A command that only looks is authorised as a create; which words there are is bound elsewhere."""


def writes_of(act: AnyAct) -> set[tuple[str, str, str]]:
    return {right.key for right in act.needs.rights if right.verb not in READS} - {LOOKS}


@pytest.mark.claim("C-481")
@pytest.mark.parametrize("act", [act for act in ACTS if act.queue is Queue.CLUSTER], ids=lambda act: act.name)
def test_whatever_writes_to_a_cluster_takes_a_warrant_but_for_the_one_that_tells(act: AnyAct) -> None:
    match act.effect:
        case Effect.READ:
            assert writes_of(act) == set()
        case Effect.TELL:
            assert act is TELL_EVENT
            assert writes_of(act) == {("", "events", "create")}
        case Effect.MUTATE:
            assert act.takes is MutatingCall
            assert ("", "events", "create") not in writes_of(act)


def test_only_one_act_tells() -> None:
    assert [act for act in ACTS if act.effect is Effect.TELL] == [TELL_EVENT]
