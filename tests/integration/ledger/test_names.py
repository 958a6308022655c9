"""Names in the ledger's own rows: gone once the body is and no limit counts by them; every limit holds as long as before."""

from datetime import timedelta

import pytest

from byteport.contracts.ledger import AlreadyDone
from byteport.contracts.retention import ErasureState
from byteport.domain.limits import Limits
from byteport.domain.plans import restore_of
from byteport.domain.policy import Standing
from byteport.domain.reasons import Reason
from byteport.domain.retention import RetentionConfig
from tests.integration.ledger import world as worlds
from tests.integration.ledger.removing import Removing
from tests.integration.ledger.world import AUTO, World, pod_plan, raise_plan

SECRET = "secret-project"
ROWS = "SELECT namespace, target, lease_key, outcome FROM intents ORDER BY seq"


def acted(world: World, name: str = SECRET, *, action: str = "one", verified: bool | None = True) -> None:
    """An act on a target, done; the fix held, or did not."""
    world.granted(world.ask(pod_plan(name), action=action))
    world.finish(action, "done", verified=verified)


def rows(removing: Removing) -> list[tuple[object, ...]]:
    with removing.world.store.snapshot() as sql:
        return [tuple(row) for row in sql.execute(ROWS).fetchall()]


@pytest.mark.claim("C-165")
def test_they_go_with_the_bodies_when_those_are_pruned(removing: Removing) -> None:
    acted(removing.world)
    removing.world.clock.move(days=91)
    pruned = removing.prune()
    assert (pruned.records, pruned.names) == (2, 1)
    assert rows(removing) == [("-", "-", "-", "done")]
    assert removing.stored(SECRET) == []


@pytest.mark.claim("C-165")
def test_after_an_erasure_nothing_of_a_name_is_left_in_the_ledgers_files(removing: Removing) -> None:
    acted(removing.world)
    removing.world.alarms.raise_("slo", by="ada")
    assert removing.stored(SECRET) == [SECRET]
    answer = removing.erase_after_a_day(1, 2)
    assert answer.names_until is not None
    removing.world.clock.now = answer.names_until + timedelta(milliseconds=1)
    request = removing.erasures.listed()[0].request_id
    assert removing.again(request).names_until is None
    assert rows(removing) == [("-", "-", "-", "done")]
    assert removing.stored(SECRET) == []


@pytest.mark.claim("C-165")
def test_a_name_stays_while_a_fix_that_did_not_hold_is_counted_by_it(removing: Removing) -> None:
    """A day by default; here three, so that the request is done first."""
    removing.world.limits = Limits(not_again_seconds=3 * 86400)
    removing.world.open()
    acted(removing.world, verified=False)
    began = removing.world.clock.now
    answer = removing.erase_after_a_day(1, 2)
    assert answer.state is ErasureState.ERASED
    assert answer.names_until == began + timedelta(days=3, milliseconds=1)
    assert removing.bodies == [3, 4]
    assert removing.world.standing(SECRET).did_not_hold
    removing.world.clock.now = began + timedelta(days=3) - timedelta(seconds=1)
    removing.prune()
    assert removing.world.standing(SECRET).did_not_hold
    removing.world.clock.now = answer.names_until
    removing.prune()
    assert not removing.world.standing(SECRET).did_not_hold
    assert rows(removing) == [("-", "-", "-", "done")]


def lived(world: World, removing: Removing | None) -> list[Standing]:
    """How things stand, again and again, in a life in which fixes do not hold; with `removing`, all that may go does."""
    stood = list[Standing]()

    def stand() -> None:
        if removing is not None:
            removing.prune()
            for request in removing.erasures.listed():
                removing.again(request.request_id)
        stood.extend(world.standing(name) for name in (SECRET, "another"))

    acted(world, action="old", verified=False)
    world.clock.move(days=90, hours=12)
    acted(world, action="new-1", verified=False)
    stand()
    if removing is not None:
        removing.ask(3, 4)
    for number in range(30):
        world.clock.move(hours=1)
        if number in (1, 20, 27):
            acted(world, f"other-{number}", action=f"later-{number}", verified=False)
        stand()
    return stood


@pytest.mark.claim("C-165")
def test_how_things_stand_is_the_same_hour_by_hour_whether_or_not_anything_is_destroyed(
    removing: Removing, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    stood = lived(removing.world, removing)
    monkeypatch.setattr(worlds, "DATABASE", None)
    assert removing.removed == [(1, 2, "pruned"), (3, 4, "erased")]
    undisturbed = World(tmp_path_factory.mktemp("undisturbed"))
    assert stood == lived(undisturbed, None)
    assert any(one.did_not_hold for one in stood)
    undisturbed.store.close()


def test_acts_of_the_last_hour_count_though_their_bodies_are_gone(removing: Removing) -> None:
    removing.config = RetentionConfig(erasure_delay_hours=0)
    world = removing.world
    for number in range(3):
        acted(world, action=f"a{number}")
    removing.erase(removing.ask(1, 2, 3, 4, 5, 6))
    assert removing.bodies == [7, 8]
    assert world.standing(SECRET).limit_reached


def test_an_action_id_that_was_used_is_never_used_again(removing: Removing) -> None:
    world = removing.world
    call = world.ask(pod_plan(SECRET))
    world.granted(call)
    world.finish("one", "done", verified=True)
    world.clock.move(days=91)
    removing.prune()
    assert rows(removing)[0][1] == "-"
    assert isinstance(world.reserve(call), AlreadyDone)


def test_an_act_that_nobody_knows_the_outcome_of_keeps_its_name_with_its_body(removing: Removing) -> None:
    world = removing.world
    world.granted(world.ask(pod_plan(SECRET)))
    world.finish("one", "unknown")
    world.clock.move(days=200)
    assert removing.prune().names == 1  # its lease, which ended long ago
    assert rows(removing) == [("shop", f"shop/Deployment/{SECRET}", f"shop/Deployment/{SECRET}", "unknown")]


def test_a_lease_that_is_held_is_not_touched(removing: Removing) -> None:
    world = removing.world
    world.granted(world.ask(pod_plan(SECRET)))
    removing.prune()
    assert world.refusal(world.ask(pod_plan(SECRET), action="two")) == (Reason.TARGET_LEASED,)


def test_a_floor_whose_raise_was_pruned_can_still_be_put_back(removing: Removing) -> None:
    """A halt may have kept it up for longer than bodies are kept."""
    world = removing.world
    world.policy.policy = AUTO
    forward = raise_plan()
    call = world.ask(forward, action="raise")
    world.granted(call)
    world.finish("raise", "done", verified=True)
    world.clock.move(days=91)
    removing.prune()
    assert rows(removing)[0][1] == "-"
    back = world.ask(restore_of(forward), action="restore", inverse_of=forward)
    world.granted(back)


def test_who_asked_for_an_erasure_and_why_is_forgotten_as_long_after_it(removing: Removing) -> None:
    removing.record("a")
    removing.erase_after_a_day(1)
    assert removing.erasures.listed()[0].by == "ada"
    removing.world.clock.move(days=91)
    removing.prune()
    (request,) = removing.erasures.listed()
    assert (request.by, request.reason, request.state) == ("-", "-", ErasureState.ERASED)
