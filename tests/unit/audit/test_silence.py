"""What a log is silent of is told by how dense the log itself is."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest

from byteport.audit.silence import Heard
from tests.unit.audit.seen import moment


def heard(*times: Iterable[float]) -> Heard:
    found = Heard()
    for group in times:
        for at in group:
            found.add(moment(at))
    return found


def gaps(found: Heard) -> int:
    return len(found.spans()) - 1


def every(seconds: float, first: float, last: float) -> list[float]:
    return [first + number * seconds for number in range(int((last - first) / seconds))]


def test_nothing_is_heard_of_an_empty_log() -> None:
    assert Heard().spans() == []
    assert Heard().silence().total_seconds() == 600


@pytest.mark.claim("C-096")
@pytest.mark.parametrize(("pace", "missing"), [(1, 70), (5, 70), (30, 170), (60, 540)])
def test_a_piece_that_was_left_out_of_a_dense_log_is_a_silence(pace: float, missing: float) -> None:
    assert gaps(heard(every(pace, 0, 3600), every(pace, 3600 + missing, 7200))) == 1


def test_many_pieces_that_were_left_out_are_as_many_silences() -> None:
    hours = [every(5, hour * 3600, hour * 3600 + 3000) for hour in range(10)]
    assert gaps(heard(*hours)) == 9


def test_a_quiet_log_is_not_all_silences_but_ten_minutes_always_are_one() -> None:
    assert gaps(heard(every(290, 0, 86400))) == 0
    assert gaps(heard(every(700, 0, 7000))) == 9


def test_nights_are_quieter_than_days() -> None:
    assert gaps(heard(every(2, 0, 8 * 3600), every(280, 8 * 3600, 16 * 3600), every(2, 16 * 3600, 24 * 3600))) == 0


def test_the_order_in_which_events_are_heard_is_of_no_matter() -> None:
    times = [*every(7, -5000, 0), *every(3, 900.5, 3000)]
    straight = heard(times).spans()
    random.Random(1).shuffle(times)
    assert heard(times).spans() == straight
    assert (straight[0].first, straight[0].last) == (moment(-5000), moment(-9))
    assert (straight[1].first, straight[1].last) == (moment(900), moment(900.5 + 3 * 698))


@pytest.mark.parametrize("seed", range(20))
def test_spans_are_those_of_the_plain_reckoning(seed: int) -> None:
    chance = random.Random(seed)
    times = sorted({float(chance.randrange(20_000)) for _ in range(chance.randrange(1, 400))})
    found = heard(times)
    bound = found.silence().total_seconds()
    begins = [times[0], *(b for a, b in pairwise(times) if b - a > bound)]
    assert [span.first for span in found.spans()] == [moment(at) for at in begins]
