"""Whoever changes one of the two logs so that they do not belong together any more is found, by code, every time."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable

import pytest

from tests.unit.audit.seen import COMMANDS, DELETE, JSON, Told, action, causes, event, lines, matched, quiet, write

ROUNDS = 40
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
        self.others = [*quiet(ACTS * SPREAD + 900), *(event(float(at)) for at in range(30, 900, 97))]

    def one(self) -> int:
        return self.chance.randrange(ACTS)

    def told(self) -> Told:
        told = Told()
        for number, command, at in self.acts:
            if self.without == (number, "started"):
                told.end(number, at + 10, "done", command)
            else:
                told.act(number, command, at, outcome=None if self.without == (number, "finished") else "done")
        told.beside(ACTS * SPREAD + 600)
        return told

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
}


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
    undo = {an_end_is_dropped, a_write_is_dropped, both_records_are_dropped}  # with its write, an act is gone from both
    spoils = [spoil for spoil in FOUND if spoil not in undo]
    for seed in range(2 * ROUNDS):
        world = World(random.Random(seed))
        for spoil in chance.sample(spoils, 2):
            spoil(world)
        assert world.found(), f"seed {seed}"


def test_a_spoilt_log_is_not_called_matched() -> None:
    world = World(random.Random(1))
    an_end_is_dropped(world)
    assert matched(world.told(), lines(world.writes, world.others)).verdict.value == "partly"


def test_an_id_is_the_acts_and_nobody_elses() -> None:
    found: list[JSON] = [write(number, DELETE, 0) for number in range(ACTS)]
    assert len({one["auditID"] for one in found}) == ACTS == len({action(number) for number in range(ACTS)})
