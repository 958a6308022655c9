"""Sessions: found, ended, renamed, and strangers who begin many push out nobody who is signed in."""

import pytest

from byteport.console.sessions import (
    MOST_JOURNEYS,
    MOST_PEERS,
    MOST_UNKNOWN,
    UNKNOWN_SECONDS,
    Journey,
    Person,
    Sessions,
    SignIns,
)
from byteport.contracts.console import ConsoleLimits

ADA = Person("sub-ada", "ada", "ada")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    return Sessions(ConsoleLimits(sessions=3), 3600, clock)


def journey(until: float = 600.0) -> Journey:
    return Journey(nonce="n", verifier="v", until=until, back_to="/")


@pytest.mark.claim("C-447")
def test_a_sign_in_gives_a_session_another_name_and_ends_the_old_one(sessions: Sessions) -> None:
    before = sessions.begin()
    after = sessions.sign_in(before, ADA)
    assert sessions.find(before.id) is None
    assert sessions.find(after.id) is after
    assert (after.form_token, after.id) != (before.form_token, before.id)


@pytest.mark.claim("C-446")
def test_a_session_ends_by_itself_and_on_request(sessions: Sessions, clock: Clock) -> None:
    session = sessions.sign_in(sessions.begin(), ADA)
    clock.now = 3599.0
    assert sessions.find(session.id) is session
    clock.now = 3600.0
    assert sessions.find(session.id) is None
    other = sessions.sign_in(sessions.begin(), ADA)
    sessions.end(other)
    assert sessions.find(other.id) is None


@pytest.mark.claim("C-450")
def test_strangers_push_out_nobody_who_is_signed_in(sessions: Sessions) -> None:
    session = sessions.sign_in(sessions.begin(), ADA)
    first = sessions.begin()
    for _ in range(MOST_UNKNOWN):
        sessions.begin()
    assert sessions.find(first.id) is None
    assert sessions.find(session.id) is session


@pytest.mark.claim("C-450")
def test_of_too_many_who_are_signed_in_the_oldest_goes(sessions: Sessions) -> None:
    four = [sessions.sign_in(sessions.begin(), ADA) for _ in range(4)]
    assert [sessions.find(one.id) is not None for one in four] == [False, True, True, True]


@pytest.mark.claim("C-447")
def test_a_way_back_is_used_once_and_within_its_time(sessions: Sessions) -> None:
    session = sessions.begin()
    state = session.begin(journey())
    assert session.end("another", 1.0) is None
    assert session.end(state, 1.0) == journey()
    assert session.end(state, 1.0) is None
    assert session.end(session.begin(journey()), UNKNOWN_SECONDS) is None


def test_of_too_many_ways_from_one_browser_the_oldest_goes(sessions: Sessions) -> None:
    session = sessions.begin()
    states = [session.begin(journey()) for _ in range(MOST_JOURNEYS + 1)]
    assert session.end(states[0], 1.0) is None
    assert session.end(states[1], 1.0) is not None


def test_what_is_told_is_told_once(sessions: Sessions) -> None:
    session = sessions.begin()
    session.tell("done", well=True)
    assert session.heard() == ("done", True)
    assert session.heard()[0] == ""


@pytest.mark.claim("C-450")
def test_a_stranger_who_begins_sign_ins_without_end_leaves_half_of_them_to_others() -> None:
    limit = SignIns(10, 0.0)
    begun = [limit.take("192.0.2.7", 0.0) == 0 for _ in range(100)]
    assert begun.count(True) == 5
    assert [limit.take("192.0.2.8", 0.0) for _ in range(5)] == [0] * 5
    assert limit.take("192.0.2.9", 0.0) > 0
    for number in range(MOST_PEERS + 5):
        limit.take(f"peer-{number}", 60.0)
    assert limit.take("192.0.2.10", 120.0) == 0
