"""What a reader of a target hears of the boundary: refused within one look, and again allowed only when it is whole."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from byteport.boundary.choices import Choices
from byteport.boundary.names import ACT_ROLE, CEILINGS, MAY_ACT, NAMESPACE
from byteport.boundary.policies import everything, pods
from byteport.boundary.roles import rule
from byteport.boundary.whole import MOST_NAMED
from byteport.domain.ceilings import Ceiling
from byteport.domain.modes import Mode
from byteport.domain.policy import PolicyConfig, Standing
from byteport.errors import Unavailable
from byteport.settings.model import BoundaryConfig
from tests.builders.guarded import Guarded
from workers import boundary_watch
from workers.boundary_watch import GIVEN_SECONDS, MOST_SAID, Boundary, watch_boundary

AUTO = Ceiling(mode=Mode.AUTO, rollback=("api",))
CONFIG = BoundaryConfig(check_seconds=30)
SECRETS = rule("", "secrets", ["get"])


@dataclass
class Seconds:
    """A clock that a test turns."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


class Given:
    """A policy file that says nothing."""

    def __init__(self) -> None:
        self.broken = False

    def read(self) -> PolicyConfig:
        if self.broken:
            raise Unavailable("the policy cannot be read")
        return PolicyConfig()


@pytest.fixture
def cluster() -> Guarded:
    return Guarded(given={"shop": AUTO, "till": Ceiling(mode=Mode.DRY_RUN)})


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def boundary(cluster: Guarded, seconds: Seconds) -> Boundary:
    return Boundary(cluster, CONFIG, Given(), seconds=seconds, heard=lambda _: None)


@pytest.fixture
def slept(seconds: Seconds, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited each time; the clock goes on by it."""
    found: list[float] = []

    async def turned(delay: float) -> None:
        await real(0)
        if delay > 0:
            found.append(delay)
            seconds.now += delay

    real = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", turned)
    return found


async def refuses(boundary: Boundary, namespace: str = "shop") -> bool:
    return (await boundary.standing(namespace)).unguarded


@pytest.mark.claim("C-010")
async def test_before_the_first_look_nothing_is_done_alone(boundary: Boundary) -> None:
    assert await refuses(boundary)
    await boundary.look()
    assert await boundary.standing("shop") == Standing(ceiling=AUTO)


@pytest.mark.claim("C-011")
async def test_one_right_too_many_refuses_at_the_next_look_and_no_longer_when_it_is_gone(
    boundary: Boundary, cluster: Guarded
) -> None:
    await boundary.look()
    cluster.bind([SECRETS])
    assert not await refuses(boundary)
    await boundary.look()
    assert await refuses(boundary)
    assert await refuses(boundary, "")
    cluster.remove("ClusterRoleBinding", "more")
    assert await refuses(boundary)
    await boundary.look()
    assert not await refuses(boundary)


@pytest.mark.claim("C-012")
async def test_the_timer_finds_it_by_itself_within_one_interval(
    cluster: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    often, real, waited = CONFIG.model_copy(update={"check_seconds": 1}), asyncio.sleep, list[float]()

    async def noted(delay: float) -> None:
        waited.append(delay)
        await real(delay)

    boundary = Boundary(cluster, often, Given(), seconds=asyncio.get_running_loop().time, heard=lambda _: None)
    await boundary.look()
    monkeypatch.setattr(asyncio, "sleep", noted)
    watching = asyncio.create_task(watch_boundary(boundary, often))
    cluster.edit("ValidatingAdmissionPolicyBinding", everything.NAME).update(validationActions=["Audit"])
    async with asyncio.timeout(30):
        while not await refuses(boundary):
            await real(0.01)
    assert max(waited) == often.check_seconds
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


@pytest.mark.claim("C-011")
async def test_what_a_tenant_binds_switches_off_that_tenant_alone(boundary: Boundary, cluster: Guarded) -> None:
    cluster.bind([SECRETS], "shop")
    await boundary.look()
    assert await refuses(boundary, "shop")
    assert not await refuses(boundary, "till")
    assert not await refuses(boundary, "")


@pytest.mark.claim("C-010")
@pytest.mark.parametrize("name", ["new", "till"], ids=["given", "given further"])
async def test_a_namespace_that_was_given_after_the_last_look_is_looked_at_before_anything_is_done_there(
    boundary: Boundary, cluster: Guarded, seconds: Seconds, name: str
) -> None:
    await boundary.look()
    cluster.enable(name, AUTO)
    cluster.bind([SECRETS], name)
    seconds.now += GIVEN_SECONDS + 1
    assert await refuses(boundary, name)
    assert not await refuses(boundary, "shop")
    cluster.remove("RoleBinding", "more", name)
    await boundary.look()
    assert not await refuses(boundary, name)


@pytest.mark.claim("C-010")
async def test_while_it_cannot_be_looked_at_nothing_is_done_there(
    boundary: Boundary, cluster: Guarded, seconds: Seconds, caplog: pytest.LogCaptureFixture
) -> None:
    await boundary.look()
    cluster.enable("new", AUTO)
    cluster.others = Unavailable("the API server answered 500")
    seconds.now += GIVEN_SECONDS + 1
    assert await refuses(boundary, "new")
    assert not await refuses(boundary, "shop")
    assert "the boundary cannot be looked at now: " in caplog.text
    cluster.others = None
    seconds.now += GIVEN_SECONDS + 1
    assert not await refuses(boundary, "new")


@pytest.mark.claim("C-010")
async def test_however_many_ask_about_it_it_is_looked_at_once(
    boundary: Boundary, cluster: Guarded, seconds: Seconds
) -> None:
    await boundary.look()
    cluster.enable("new", AUTO)
    seconds.now += GIVEN_SECONDS + 1
    before = cluster.asked["identity"]
    found = await asyncio.gather(*(boundary.standing("new") for _ in range(20)))
    assert {one.unguarded for one in found} == {False}
    assert cluster.asked["identity"] - before == 1
    cluster.enable("newer", AUTO)
    cluster.others = Unavailable("the API server answered 500")
    seconds.now += GIVEN_SECONDS + 1
    found = await asyncio.gather(*(boundary.standing("newer") for _ in range(20)))
    assert {one.unguarded for one in found} == {True}
    assert cluster.asked["identity"] - before == 2, "one that fails is not made again by each of them"


@asynccontextmanager
async def held(cluster: Guarded, call: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Event]:
    """The next such call waits until the block ends. The event is set as soon as it has begun to wait."""
    inner, reached, let_go = getattr(cluster, call), asyncio.Event(), asyncio.Event()

    async def waits(*given: object) -> object:
        if not reached.is_set():
            reached.set()
            await let_go.wait()
        return await inner(*given)

    with monkeypatch.context() as patched:
        patched.setattr(cluster, call, waits)
        try:
            yield reached
        finally:
            let_go.set()


@pytest.mark.claim("C-010")
async def test_whoever_asks_while_the_look_that_will_see_the_namespace_is_under_way_waits_for_it(
    boundary: Boundary, cluster: Guarded, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    await boundary.look()
    cluster.enable("new", AUTO)
    seconds.now += GIVEN_SECONDS + 1
    assert not await refuses(boundary, "shop")
    seconds.now += 1
    async with held(cluster, "identity", monkeypatch) as reached:
        by_timer = asyncio.create_task(boundary.look())
        await reached.wait()
        asked = asyncio.create_task(boundary.standing("new"))
        assert not await refuses(boundary, "shop")
        assert not asked.done()
    assert await asked == Standing(ceiling=AUTO)
    await by_timer


@pytest.mark.claim("C-010")
async def test_a_look_that_hangs_is_not_waited_for_for_ever(
    boundary: Boundary, cluster: Guarded, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundary_watch, "AWAITED_SECONDS", 0.01)
    await boundary.look()
    cluster.enable("new", AUTO)
    seconds.now += GIVEN_SECONDS + 1
    async with held(cluster, "identity", monkeypatch) as reached:
        by_timer = asyncio.create_task(boundary.look())
        await reached.wait()
        assert await refuses(boundary, "new")
        assert not await refuses(boundary, "shop")
    await by_timer


@pytest.mark.claim("C-010")
async def test_a_look_that_began_while_it_was_asked_what_is_given_may_have_missed_it_and_is_followed_by_another(
    boundary: Boundary, cluster: Guarded, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    await boundary.look()
    seconds.now += GIVEN_SECONDS + 1
    async with held(cluster, "get", monkeypatch) as reached:
        asked = asyncio.create_task(boundary.standing("new"))
        await reached.wait()
        seconds.now += 1
        await boundary.look()
        seconds.now += 1
        cluster.enable("new", AUTO)
    assert await asked == Standing(ceiling=AUTO)


@pytest.mark.claim("C-010")
async def test_what_was_believed_of_a_namespace_before_the_last_look_is_asked_again_where_the_look_saw_more(
    boundary: Boundary, cluster: Guarded, seconds: Seconds
) -> None:
    await boundary.look()
    seconds.now += GIVEN_SECONDS + 1
    assert not await refuses(boundary, "till")
    cluster.enable("till", AUTO)
    seconds.now += 1
    await boundary.look()
    assert await boundary.standing("till") == Standing(ceiling=AUTO)


@pytest.mark.claim("C-010")
async def test_a_look_that_is_three_intervals_old_counts_as_a_bad_one(boundary: Boundary, seconds: Seconds) -> None:
    await boundary.look()
    seconds.now += 3 * CONFIG.check_seconds
    assert not await refuses(boundary)
    seconds.now += 1
    assert await refuses(boundary)
    await boundary.look()
    assert not await refuses(boundary)


@pytest.mark.claim("C-010")
async def test_looks_that_do_not_succeed_refuse_in_the_end_and_the_next_good_one_allows(
    boundary: Boundary, cluster: Guarded, seconds: Seconds
) -> None:
    await boundary.look()
    cluster.broken = True
    with pytest.raises(Unavailable):
        await boundary.look()
    cluster.broken = False
    assert not await refuses(boundary)
    seconds.now += 3 * CONFIG.check_seconds + 1
    assert await refuses(boundary)


@pytest.mark.claim("C-010")
async def test_the_timer_outlives_an_api_server_that_does_not_answer_and_a_policy_that_cannot_be_read(
    cluster: Guarded, seconds: Seconds, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(_: float) -> None:
        await real(0)

    policy, real = Given(), asyncio.sleep
    boundary = Boundary(cluster, CONFIG, policy, seconds=seconds, heard=lambda _: None)
    monkeypatch.setattr(asyncio, "sleep", at_once)
    watching = asyncio.create_task(watch_boundary(boundary, CONFIG))
    for attribute in (cluster, policy):
        attribute.broken = True
        for _ in range(60):
            await real(0)
        attribute.broken = False
    async with asyncio.timeout(5):
        while await refuses(boundary):
            await real(0)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    said = {record.getMessage() for record in caplog.records}
    assert "the boundary cannot be looked at now: the API server does not answer" in said
    assert "the boundary cannot be looked at now: the policy cannot be read" in said


# -- ceilings and the switch -----------------------------------------------------------------------------------------


@pytest.mark.claim("C-026")
async def test_a_namespace_without_an_entry_is_only_observed(boundary: Boundary, cluster: Guarded) -> None:
    await boundary.look()
    assert (await boundary.standing("shop")).ceiling == AUTO
    assert (await boundary.standing("other")).ceiling == Ceiling(mode=Mode.OBSERVE)


@pytest.mark.claim("C-026")
@pytest.mark.parametrize("text", ["", "{", '{"mode": "all"}'])
async def test_so_is_one_whose_entry_nobody_can_read(boundary: Boundary, cluster: Guarded, text: str) -> None:
    cluster.write_down("shop", text)
    assert (await boundary.standing("shop")).ceiling == Ceiling(mode=Mode.OBSERVE)


@pytest.mark.claim("C-026")
async def test_so_is_every_one_when_the_entries_are_gone(boundary: Boundary, cluster: Guarded) -> None:
    cluster.remove("ConfigMap", CEILINGS, NAMESPACE)
    assert (await boundary.standing("shop")).ceiling == Ceiling(mode=Mode.OBSERVE)


@pytest.mark.claim("C-026")
async def test_so_is_every_one_when_they_may_not_be_read(boundary: Boundary, cluster: Guarded) -> None:
    cluster.remove("RoleBinding", "byteport-agent-own", NAMESPACE)
    assert (await boundary.standing("shop")).ceiling == Ceiling(mode=Mode.OBSERVE)


async def test_a_node_has_no_ceiling(boundary: Boundary) -> None:
    assert (await boundary.standing("")).ceiling is None


async def test_a_ceiling_that_is_lowered_is_heard_within_seconds_and_looks_in_between_ask_nothing(
    boundary: Boundary, cluster: Guarded, seconds: Seconds
) -> None:
    await boundary.standing("shop")
    asked = sum(cluster.asked.values())
    cluster.enable("shop", Ceiling(mode=Mode.OBSERVE))
    await asyncio.gather(*(boundary.standing("shop") for _ in range(20)))
    assert sum(cluster.asked.values()) == asked
    assert (await boundary.standing("shop")).ceiling == AUTO
    seconds.now += GIVEN_SECONDS + 0.1
    assert (await boundary.standing("shop")).ceiling == Ceiling(mode=Mode.OBSERVE)
    assert GIVEN_SECONDS <= 5


@pytest.mark.claim("C-026")
async def test_a_namespace_that_was_given_a_moment_ago_is_not_said_to_be_only_observed(
    boundary: Boundary, cluster: Guarded, seconds: Seconds, slept: list[float]
) -> None:
    """The watch sees it at once, and what is believed of the others is up to five seconds old."""
    await boundary.look()
    await boundary.standing("shop")
    seconds.now += 0.4
    cluster.enable("new", AUTO)
    assert (await boundary.standing("new")).ceiling == AUTO
    assert slept == [pytest.approx(0.6)]


async def test_however_many_ask_about_namespaces_that_were_not_given_it_is_asked_once_a_second(
    boundary: Boundary, cluster: Guarded, seconds: Seconds, slept: list[float]
) -> None:
    await boundary.standing("shop")
    before, began = cluster.asked["get configmaps"], seconds.now
    for _ in range(4):
        found = await asyncio.gather(*(boundary.standing(f"other-{number}") for number in range(50)))
        assert {one.ceiling for one in found} == {Ceiling(mode=Mode.OBSERVE)}
    assert seconds.now - began >= 4
    assert cluster.asked["get configmaps"] - before == 4


async def test_who_asks_about_one_that_was_given_waits_for_none_of_that(
    boundary: Boundary, cluster: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = asyncio.Event()

    async def for_ever(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    await boundary.standing("shop")
    monkeypatch.setattr(asyncio, "sleep", for_ever)
    other = asyncio.create_task(boundary.standing("other"))
    await waiting.wait()
    async with asyncio.timeout(5):
        assert (await boundary.standing("shop")).ceiling == AUTO
    other.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await other


async def test_when_it_cannot_be_told_now_that_is_raised_and_nothing_old_is_believed(
    boundary: Boundary, cluster: Guarded, seconds: Seconds
) -> None:
    await boundary.standing("shop")
    seconds.now += GIVEN_SECONDS + 0.1
    cluster.broken = True
    with pytest.raises(Unavailable):
        await boundary.standing("shop")


async def test_the_switch_that_is_off_halts_and_is_heard_within_seconds(
    boundary: Boundary, cluster: Guarded, seconds: Seconds
) -> None:
    await boundary.look()
    switch = cluster.remove("ClusterRoleBinding", MAY_ACT)
    assert (await boundary.standing("shop")).halted
    cluster.apply(switch)
    seconds.now += GIVEN_SECONDS + 0.1
    assert await boundary.standing("shop") == Standing(ceiling=AUTO)


@pytest.mark.parametrize(("accepted", "unproven"), [(False, True), (True, False)])
async def test_before_kubernetes_1_36_a_rollback_is_unproven_unless_settings_accept_it(
    seconds: Seconds, accepted: bool, unproven: bool
) -> None:
    older = Guarded(Choices(proves_rollbacks=False), {"shop": AUTO}, version="v1.33.1")
    config = CONFIG.model_copy(update={"accept_weaker_rollback": accepted})
    boundary = Boundary(older, config, Given(), seconds=seconds, heard=lambda _: None)
    await boundary.look()
    assert await boundary.standing("shop") == Standing(ceiling=AUTO, unproven=unproven)


# -- what is said ------------------------------------------------------------------------------------------------------


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    found = [(record.levelno, record.getMessage()) for record in caplog.records if record.name == "byteport.boundary"]
    caplog.clear()
    return found


async def test_each_thing_that_is_not_whole_is_said_once_and_once_that_it_is_whole_again(
    boundary: Boundary, cluster: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await boundary.look()
    assert lines(caplog) == []
    binding = cluster.remove("ValidatingAdmissionPolicyBinding", pods.DELETE)
    cluster.remove("RoleBinding", ACT_ROLE, "till")
    await boundary.look()
    said = lines(caplog)
    assert len(said) == 3
    assert {level for level, _ in said} == {logging.ERROR}
    assert any("ValidatingAdmissionPolicyBinding byteport-pods-delete is not there" in text for _, text in said)
    assert any("not granted: delete pods in till; byteport enable till" in text for _, text in said)
    await boundary.look()
    assert lines(caplog) == []
    cluster.apply(binding)
    cluster.enable("till", AUTO)
    await boundary.look()
    assert lines(caplog) == [(logging.WARNING, "the boundary is whole again")]
    await boundary.look()
    assert lines(caplog) == []


async def test_a_thousand_rights_of_one_tenant_are_not_a_thousand_lines_and_none_is_two(
    boundary: Boundary, cluster: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    await boundary.look()
    caplog.clear()
    cluster.bind([rule("", f"kind{number}", ["get\nroot:"]) for number in range(1000)], "shop")
    await boundary.look()
    said = [text for _, text in lines(caplog)]
    assert len(said) == MOST_NAMED + 1
    assert "990 more rights in shop" in said[-1]
    assert not any("\n" in text or "root" in text for text in said)


async def test_a_hundred_namespaces_in_trouble_are_not_a_hundred_lines(
    cluster: Guarded, boundary: Boundary, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(100):
        cluster.enable(f"team-{number}", Ceiling(mode=Mode.OBSERVE))
        cluster.bind([SECRETS], f"team-{number}")
    await boundary.look()
    said = [text for _, text in lines(caplog)]
    assert len(said) == MOST_SAID + 1
    assert said[-1].endswith("and 80 more; `byteport doctor` lists them")


# -- what people are told of -----------------------------------------------------------------------------------------------


async def test_people_are_told_of_what_refuses_auto_and_of_nothing_before_the_first_look(
    boundary: Boundary, cluster: Guarded
) -> None:
    assert boundary.not_whole() is None
    await boundary.look()
    assert boundary.not_whole() == ()
    binding = cluster.remove("ValidatingAdmissionPolicyBinding", pods.DELETE)
    cluster.remove("RoleBinding", ACT_ROLE, "till")
    await boundary.look()
    found = boundary.not_whole()
    assert found is not None
    assert list(found) == sorted(found)
    assert any("ValidatingAdmissionPolicyBinding byteport-pods-delete is not there" in text for text in found)
    assert any("not granted: delete pods in till; byteport enable till" in text for text in found)
    cluster.apply(binding)
    cluster.enable("till", AUTO)
    await boundary.look()
    assert boundary.not_whole() == ()


async def test_what_can_only_not_be_proved_wakes_nobody(boundary: Boundary, cluster: Guarded) -> None:
    cluster.incomplete = True
    assert (await boundary.look()).findings
    assert boundary.not_whole() == ()
