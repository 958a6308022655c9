"""Which of the alerts that an incident has heard are over: each by the word of its own source."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.signals import Signal, SignalType, Source
from byteport.kubernetes.alerts import Alert
from tests.builders.rollouts import shop
from workflows.alerts_heard import MOST_ALERTS, MOST_OVER, AlertsHeard


def signal(digest: str, source: Source = Source.ALERTMANAGER, kind: SignalType = SignalType.FAILED_DEPLOY) -> Signal:
    return shop().signal().model_copy(update={"evidence_digest": digest, "source": source, "type": kind})


def test_nothing_is_over_before_a_source_has_said_so() -> None:
    heard = AlertsHeard()
    assert not heard.all_over
    heard.hear(signal("a"))
    assert not heard.all_over
    heard.hear_over("a")
    assert heard.all_over


@given(st.sets(st.sampled_from("abcdef"), min_size=1), st.lists(st.sampled_from("abcdefgh"), max_size=8))
def test_they_are_over_exactly_when_each_was_called_over(firing: set[str], words: list[str]) -> None:
    heard = AlertsHeard()
    for digest in sorted(firing):
        heard.hear(signal(digest))
    for digest in words:
        heard.hear_over(digest)
    assert heard.all_over is (firing <= set(words) and bool(words))


def test_an_alarm_whose_end_has_a_digest_of_its_own_is_the_same_alarm() -> None:
    heard = AlertsHeard()
    heard.hear(signal("alarm@2026-03-10T08:00", Source.CLOUDWATCH))
    heard.hear_over("alarm@2026-03-10T09:00")
    assert heard.all_over
    heard.hear(signal("alarm@2026-03-10T10:00", Source.CLOUDWATCH))
    assert not heard.all_over


@pytest.mark.parametrize("source", [Source.PROMETHEUS, Source.AWS])
def test_errors_of_a_source_that_tells_no_ends_are_never_over(source: Source) -> None:
    heard = AlertsHeard()
    heard.hear(signal("a"))
    heard.hear(signal("e", source, SignalType.ERROR_RATE))
    heard.hear_over("a")
    assert not heard.all_over


def test_what_the_watch_sees_is_for_the_cluster_to_say() -> None:
    heard = AlertsHeard()
    heard.hear(signal("w", Source.WATCH))
    assert not heard.any
    heard.hear(signal("a"))
    heard.hear_over("a")
    assert heard.all_over


@pytest.mark.parametrize("kind", [SignalType.FAILED_DEPLOY, SignalType.ERROR_RATE])
def test_of_more_than_can_be_told_apart_it_is_never_said_that_all_are_over(kind: SignalType) -> None:
    heard = AlertsHeard()
    for number in range(MOST_ALERTS + 1):
        heard.hear(signal(f"a{number}", kind=kind))
    for number in range(MOST_ALERTS):
        heard.hear_over(f"a{number}")
    assert not heard.all_over
    assert heard.errors_over is (kind is not SignalType.ERROR_RATE)


def test_the_same_word_counts_once_and_no_more_than_so_many() -> None:
    heard = AlertsHeard()
    for number in range(2 * MOST_OVER):
        heard.hear_over(f"a{number}")
        heard.hear_over(f"a{number}")
    assert heard.words == MOST_OVER


def test_what_fires_again_after_its_end_is_over_by_its_next_end_alone() -> None:
    heard = AlertsHeard()
    first = signal("a@1")
    heard.hear(first)
    assert not heard.counts_as_over(first)
    heard.hear_over("a@1")
    assert heard.counts_as_over(first)
    heard.hear_again(first)
    assert (heard.all_over, heard.words) == (False, 1)
    heard.hear_over("a@1")
    assert (heard.all_over, heard.words) == (True, 2)


def test_what_the_watch_sees_again_counts_as_nothing() -> None:
    assert not AlertsHeard().counts_as_over(signal("w", Source.WATCH))


def test_of_one_that_comes_and_goes_unseen_the_last_end_is_the_end_of_all() -> None:
    """Alertmanager tells nothing of an alert that ends and begins again within its group's interval, but for its last end."""
    heard = AlertsHeard()
    began, again = (Alert(name="A", firing=True, starts_at=datetime(2026, 3, 10, 9, at, tzinfo=UTC)) for at in (0, 7))
    heard.hear(signal(began.evidence_digest))
    heard.hear_over(again.evidence_digest)
    assert heard.all_over
