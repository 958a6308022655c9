"""Whoever changes one of the two logs so that they do not belong together any more is found, by code, every time."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable

import pytest

from byteport.audit.outcomes import end_key, intent_key
from byteport.audit.words import Decision, Event, Result
from tests.unit.audit.seen import (
    COMMANDS,
    DELETE,
    JSON,
    PRUNE,
    RAISE,
    Told,
    action,
    causes,
    event,
    lines,
    matched,
    quiet,
    write,
)

ROUNDS = 12
ACTS = 6
SPREAD = 120.0

Planned = list[tuple[int, str, float]]
"""Number, command and time of each act."""


class World:
    """Two logs that match, and a way to spoil them."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.acts: Planned = [
            (number, chance.choice(COMMANDS), number * SPREAD + chance.random() * 60) for number in range(1, ACTS + 1)
        ]
        self.sent = list(self.acts)
        """What was really done."""
        self.writes = [write(*act[:2], act[2] + chance.random() * 9) for act in self.acts]
        self.without: tuple[int, str] | None = None
        """Which record of which act is left out."""
        self.skipped: tuple[int, str] | None = None
        """Which record of which act says that it was skipped."""
        self.outcomes: dict[int, tuple[str, ...]] = {}
        """How an act is called, where it is not done."""
        self.invented: float | None = None
        """When a record says that something was done of which there is no act."""
        self.others = [*quiet(ACTS * SPREAD + 900), *(event(float(at)) for at in range(30, 900, 97))]

    def one(self) -> int:
        return self.chance.randrange(ACTS)

    def told(self) -> Told:
        told = Told()
        for number, command, at in self.acts:
            if self.without != (number, "started"):
                self._started(told, number, command, at)
            for later, outcome in enumerate(self.outcomes.get(number, ("done",))):
                if self.without != (number, "finished"):
                    self._finished(told, number, at + 10 + later, outcome)
        if self.invented is not None:
            told.append(Event.FINISHED, "of nobody", None, self.invented, command=DELETE, result=Result.SUCCESS)
        told.beside(ACTS * SPREAD + 600)
        return told

    def _started(self, told: Told, number: int, command: str, at: float) -> None:
        if self.skipped == (number, "started"):
            key = intent_key(action(number))
            told.append(Event.SKIPPED, key, number, at, command=command, decision=Decision.SKIPPED)
        else:
            told.act(number, command, at, outcome=None)

    def _finished(self, told: Told, number: int, at: float, outcome: str) -> None:
        if self.skipped == (number, "finished"):
            key = end_key(action(number), outcome, verified=None)
            told.append(Event.SKIPPED, key, number, at, command=None, decision=Decision.SKIPPED)
        else:
            told.end(number, at, outcome)

    def be(self, index: int, command: str) -> None:
        """Have an act be one of that command, recorded and sent."""
        number, _, at = self.acts[index]
        self.acts[index] = self.sent[index] = (number, command, at)
        self.writes[index] = write(number, command, at + self.chance.random() * 9)

    def found(self) -> list[str]:
        return causes(matched(self.told(), lines(self.writes, self.others)))


Spoil = Callable[[World], None]


def a_write_is_dropped(world: World) -> None:
    world.writes.pop(world.one())


def an_intent_is_dropped(world: World) -> None:
    world.without = (world.acts[world.one()][0], "started")


def an_end_is_dropped(world: World) -> None:
    world.without = (world.acts[world.one()][0], "finished")


def both_records_are_dropped(world: World) -> None:
    world.acts.pop(world.one())


def a_write_is_doubled(world: World) -> None:
    again = copy.deepcopy(world.writes[world.one()])
    world.writes.append(again)


def a_write_is_made_again(world: World) -> None:
    number, command, at = world.sent[world.one()]
    world.writes.append(write(number, command, at + 9.5))


def two_objects_are_swapped(world: World) -> None:
    here, there = world.chance.sample(range(ACTS), 2)
    for index, name in ((here, "swapped-1"), (there, "swapped-2")):
        world.writes[index]["objectRef"] = {**world.writes[index]["objectRef"], "name": name}


def two_ids_are_swapped(world: World) -> None:
    here, there = world.chance.sample(range(ACTS), 2)
    one, other = world.writes[here], world.writes[there]
    one["auditID"], other["auditID"] = other["auditID"], one["auditID"]


def somebody_else_uses_an_id(world: World) -> None:
    number, command, at = world.sent[world.one()]
    world.writes.append(write(number, command, at + 5, user={"username": "system:serviceaccount:shop:default"}))


def a_write_is_somebody_elses(world: World) -> None:
    world.writes[world.one()]["user"] = {"username": "system:serviceaccount:shop:default"}


def an_unrecorded_write_has_a_plausible_id(world: World) -> None:
    world.writes.append(write(100, world.chance.choice(COMMANDS), world.chance.random() * ACTS * SPREAD))


def an_unrecorded_write_claims_to_be_dry(world: World) -> None:
    dry = "/api/v1/namespaces/shop/pods/web-1?dryRun=All"
    world.writes.append(write(100, DELETE, world.chance.random() * ACTS * SPREAD, requestURI=dry))


def a_write_is_moved_in_time(world: World) -> None:
    index = world.one()
    number, command, at = world.sent[index]
    world.writes[index] = write(number, command, at - 20 if world.chance.random() < 0.5 else at + 40)


def a_token_is_used_elsewhere(world: World) -> None:
    world.writes[world.one()]["userAgent"] = "curl/8.5.0"


def a_command_is_changed_in_the_record(world: World) -> None:
    index = world.one()
    number, command, at = world.acts[index]
    world.acts[index] = (number, command.replace("web", "api").replace("helper-1", "helper-2"), at)


def an_act_that_was_refused_is_called_done(world: World) -> None:
    index = world.one()
    number, command, at = world.sent[index]
    world.writes[index] = write(number, command, at + 2, code=world.chance.choice((403, 404, 409, 429)))


def a_command_is_made_strange_in_the_record(world: World) -> None:
    index = world.one()
    number, command, at = world.acts[index]
    strange = world.chance.choice((command + " ", command.replace(" ", "  ", 1), "", "kubectl scale deployment web"))
    world.acts[index] = (number, strange, at)


def an_intent_says_that_it_was_skipped(world: World) -> None:
    world.skipped = (world.acts[world.one()][0], "started")


def an_end_says_that_it_was_skipped(world: World) -> None:
    world.skipped = (world.acts[world.one()][0], "finished")


def a_repair_is_invented_without_an_act(world: World) -> None:
    world.invented = ACTS * SPREAD + 100


def two_ends_contradict_each_other(world: World) -> None:
    world.outcomes[world.acts[world.one()][0]] = ("not_done", "done")


def a_command_that_was_sent_is_called_not_done(world: World) -> None:
    index = world.one()
    world.be(index, PRUNE)
    world.outcomes[world.acts[index][0]] = ("not_done",)


def a_write_without_an_answer_is_called_not_done(world: World) -> None:
    index = world.one()
    world.be(index, DELETE)
    world.writes[index]["responseStatus"] = {"code": 504}
    world.outcomes[world.acts[index][0]] = ("not_done",)


def an_id_is_used_again_without_an_answer(world: World) -> None:
    number, command, at = world.sent[world.one()]
    world.writes.append(write(number, command, at + 9.5, code=world.chance.choice((500, 503, 504))))


def an_id_is_used_by_another_client_without_an_answer(world: World) -> None:
    number, command, at = world.sent[world.one()]
    answer: JSON = {"responseStatus": None, "stage": "RequestReceived"}
    world.writes.append(write(number, command, at + 9.5, userAgent="curl/8.5.0", **answer))


def what_stands_behind_a_proxy_answers_that_it_refused(world: World) -> None:
    at = world.chance.random() * ACTS * SPREAD
    about = {"resource": "pods", "subresource": "proxy", "name": "web-1", "namespace": "shop"}
    verb, code = world.chance.choice(("get", "create", "delete")), world.chance.choice((302, 403, 404))
    world.writes.append(event(at, verb=verb, objectRef=about, responseStatus={"code": code}))


def a_collection_is_deleted_halfway(world: World) -> None:
    about, at = {"resource": "pods", "namespace": "shop"}, world.chance.random() * ACTS * SPREAD
    world.writes.append(event(at, verb="deletecollection", objectRef=about, responseStatus={"code": 403}))


def a_patch_writes_something_else(world: World) -> None:
    index = world.one()
    world.be(index, RAISE)
    world.writes[index]["requestObject"] = {"spec": {"minReplicas": 4, "maxReplicas": 1}}


def a_look_hides_words_behind_a_fragment(world: World) -> None:
    about = {"resource": "pods", "subresource": "exec", "name": "helper-1", "namespace": "byteport-node"}
    uri = "/x/exec?container=helper&command=df&command=-h&x=#&command=/etc"
    at = world.chance.random() * ACTS * SPREAD
    world.writes.append(event(at, verb="get", objectRef=about, requestURI=uri, responseStatus={"code": 101}))


def a_piece_of_the_log_is_missing(world: World) -> None:
    first = world.acts[world.chance.randrange(ACTS - 2)][2] - 20
    within = {event(at)["requestReceivedTimestamp"][:19] for at in range(int(first), int(first) + 420)}
    world.writes = [one for one in world.writes if one["requestReceivedTimestamp"][:19] not in within]
    world.others = [one for one in world.others if one["requestReceivedTimestamp"][:19] not in within]


FOUND: dict[Spoil, set[str]] = {
    a_write_is_dropped: {"write_missing"},
    an_intent_is_dropped: {"unrecorded_write", "end_without_intent"},
    an_end_is_dropped: {"open"},
    both_records_are_dropped: {"unrecorded_write"},
    a_write_is_doubled: {"repeated_id"},
    a_write_is_made_again: {"repeated_id"},
    two_objects_are_swapped: {"other_object"},
    two_ids_are_swapped: {"other_object", "other_client", "before_intent", "after_end"},
    somebody_else_uses_an_id: {"foreign_user"},
    a_write_is_somebody_elses: {"foreign_user", "write_missing"},
    an_unrecorded_write_has_a_plausible_id: {"unrecorded_write"},
    an_unrecorded_write_claims_to_be_dry: {"unrecorded_write"},
    a_write_is_moved_in_time: {"before_intent", "after_end"},
    a_token_is_used_elsewhere: {"other_client"},
    a_command_is_changed_in_the_record: {"other_object"},
    an_act_that_was_refused_is_called_done: {"write_missing"},
    a_command_is_made_strange_in_the_record: {"unknown_command", "other_object"},
    an_intent_says_that_it_was_skipped: {"odd_record"},
    an_end_says_that_it_was_skipped: {"odd_record"},
    a_repair_is_invented_without_an_act: {"odd_record"},
    two_ends_contradict_each_other: {"contradicting_ends"},
    a_command_that_was_sent_is_called_not_done: {"command_sent"},
    a_write_without_an_answer_is_called_not_done: {"perhaps_done"},
    an_id_is_used_again_without_an_answer: {"perhaps_repeated"},
    an_id_is_used_by_another_client_without_an_answer: {"other_client", "perhaps_repeated"},
    what_stands_behind_a_proxy_answers_that_it_refused: {"unrecorded_write"},
    a_collection_is_deleted_halfway: {"unrecorded_write"},
    a_patch_writes_something_else: {"other_content"},
    a_look_hides_words_behind_a_fragment: {"unrecorded_write"},
    a_piece_of_the_log_is_missing: {"in_a_gap"},
}
ALONE: set[Spoil] = {
    *(an_end_is_dropped, a_write_is_dropped, both_records_are_dropped),
    *(an_act_that_was_refused_is_called_done, a_piece_of_the_log_is_missing),
}
"""What another change may undo: with its write, an act is gone from both logs."""


def test_logs_that_belong_together_are_matched() -> None:
    for seed in range(ROUNDS):
        assert World(random.Random(seed)).found() == []


@pytest.mark.claim("C-093")
@pytest.mark.parametrize("spoil", FOUND, ids=lambda spoil: spoil.__name__)
def test_each_change_of_either_log_is_found_by_its_code(spoil: Spoil) -> None:
    for seed in range(ROUNDS):
        world = World(random.Random(seed))
        spoil(world)
        found = set(world.found())
        assert found, f"{spoil.__name__} with seed {seed} was not found"
        assert found <= FOUND[spoil]


def test_two_changes_at_once_do_not_hide_each_other() -> None:
    chance = random.Random(7)
    spoils = [spoil for spoil in FOUND if spoil not in ALONE]
    for seed in range(4 * ROUNDS):
        world = World(random.Random(seed))
        for spoil in chance.sample(spoils, 2):
            spoil(world)
        assert world.found(), f"seed {seed}"


def test_every_act_that_is_not_matched_is_not_covered_or_a_finding_of_its_own() -> None:
    chance = random.Random(11)
    for seed in range(4 * ROUNDS):
        world = World(random.Random(seed))
        for spoil in chance.sample([*FOUND], 1 + seed % 3):
            if len(world.acts) == ACTS:  # of one that is gone from the records nothing is asked
                spoil(world)
        found = matched(world.told(), lines(world.writes, world.others))
        told = {one.seq for one in found.findings if one.seq} | {one.seq for one in found.not_covered}
        assert found.matched + len(told) >= found.acts, f"seed {seed}"
        assert (found.verdict.value == "matched") is (not found.findings), f"seed {seed}"


def test_a_spoilt_log_is_not_called_matched() -> None:
    world = World(random.Random(1))
    an_end_is_dropped(world)
    assert matched(world.told(), lines(world.writes, world.others)).verdict.value == "partly"


def test_an_id_is_the_acts_and_nobody_elses() -> None:
    found: list[JSON] = [write(number, DELETE, 0) for number in range(ACTS)]
    assert len({one["auditID"] for one in found}) == ACTS == len({action(number) for number in range(ACTS)})
