"""Which of the alerts that an incident has heard are over: each by the word of its own source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.contracts.metrics import Fate
from byteport.contracts.workflows import ToldOver
from byteport.domain.signals import MOST_HANDED_ON, AlertOf, Firing, Signal, SignalType, Source
from byteport.kubernetes.alerts import Alert
from tests.builders.rollouts import shop
from workflows.alerts_heard import MOST_ALERTS, MOST_OVER, AlertsHeard
from workflows.incident import MOST_NEXT

NINE = datetime(2026, 3, 10, 9, tzinfo=UTC)
A, B = "token/a", "sns/arn:aws:sns:eu-west-1:123456789012:runbooks"


def signal(
    digest: str,
    source: Source = Source.ALERTMANAGER,
    kind: SignalType = SignalType.FAILED_DEPLOY,
    *,
    by: str = "",
    at: datetime = NINE,
) -> Signal:
    told = {"evidence_digest": digest, "source": source, "type": kind, "sender": by, "observed_at": at}
    return shop().signal().model_copy(update=told)


def over(digest: str, by: str = "", at: datetime | None = None) -> ToldOver:
    return ToldOver(evidence_digest=digest, sender=by, ended_at=at)


def test_nothing_is_over_before_a_source_has_said_so() -> None:
    heard = AlertsHeard()
    assert not heard.all_over
    heard.hear(signal("a"))
    assert not heard.all_over
    heard.hear_over(over("a"))
    assert heard.all_over


@given(st.sets(st.sampled_from("abcdef"), min_size=1), st.lists(st.sampled_from("abcdefgh"), max_size=8))
def test_they_are_over_exactly_when_each_was_called_over(firing: set[str], words: list[str]) -> None:
    heard = AlertsHeard()
    for digest in sorted(firing):
        heard.hear(signal(digest))
    for digest in words:
        heard.hear_over(over(digest))
    assert heard.all_over is (firing <= set(words) and bool(words))


def test_an_alarm_whose_end_has_a_digest_of_its_own_is_the_same_alarm() -> None:
    heard = AlertsHeard()
    heard.hear(signal("alarm@2026-03-10T08:00", Source.CLOUDWATCH))
    heard.hear_over(over("alarm@2026-03-10T09:00"))
    assert heard.all_over
    heard.hear(signal("alarm@2026-03-10T10:00", Source.CLOUDWATCH))
    assert not heard.all_over


@pytest.mark.parametrize("source", [Source.PROMETHEUS, Source.AWS])
def test_errors_of_a_source_that_tells_no_ends_are_never_over(source: Source) -> None:
    heard = AlertsHeard()
    heard.hear(signal("a"))
    heard.hear(signal("e", source, SignalType.ERROR_RATE))
    heard.hear_over(over("a"))
    assert not heard.all_over


def test_what_the_watch_sees_is_for_the_cluster_to_say() -> None:
    heard = AlertsHeard()
    heard.hear(signal("w", Source.WATCH))
    assert not heard.any
    heard.hear(signal("a"))
    heard.hear_over(over("a"))
    assert heard.all_over


@pytest.mark.parametrize("kind", [SignalType.FAILED_DEPLOY, SignalType.ERROR_RATE])
def test_of_more_than_can_be_told_apart_it_is_never_said_that_all_are_over(kind: SignalType) -> None:
    heard = AlertsHeard()
    for number in range(MOST_ALERTS + 1):
        heard.hear(signal(f"a{number}", kind=kind))
    for number in range(MOST_ALERTS):
        heard.hear_over(over(f"a{number}"))
    assert not heard.all_over
    assert heard.errors_over is (kind is not SignalType.ERROR_RATE)


def test_the_same_word_counts_once_and_no_more_than_so_many() -> None:
    heard = AlertsHeard()
    for number in range(2 * MOST_OVER):
        heard.hear_over(over(f"a{number}"))
        heard.hear_over(over(f"a{number}"))
    assert heard.words == MOST_OVER


def test_what_fires_again_after_its_end_is_over_by_its_next_end_alone() -> None:
    heard = AlertsHeard()
    first = signal("a@1")
    heard.hear(first)
    assert not heard.counts_as_over(first)
    heard.hear_over(over("a@1"))
    assert heard.counts_as_over(first)
    heard.hear_again(first)
    assert (heard.all_over, heard.words) == (False, 1)
    heard.hear_over(over("a@1"))
    assert (heard.all_over, heard.words) == (True, 2)


def test_what_the_watch_sees_again_counts_as_nothing() -> None:
    assert not AlertsHeard().counts_as_over(signal("w", Source.WATCH))


def test_of_one_that_comes_and_goes_unseen_the_last_end_is_the_end_of_all() -> None:
    """Alertmanager tells nothing of an alert that ends and begins again within its group's interval, but for its last end."""
    heard = AlertsHeard()
    began, again = (Alert(name="A", firing=True, starts_at=datetime(2026, 3, 10, 9, at, tzinfo=UTC)) for at in (0, 7))
    heard.hear(signal(began.evidence_digest))
    heard.hear_over(over(again.evidence_digest))
    assert heard.all_over


# -- whose it is ---------------------------------------------------------------------------------------------------------


@pytest.mark.claim("C-930")
@pytest.mark.parametrize(
    ("begun", "word", "fate"),
    [
        ([("x@1", A)], ("x@1", A), Fate.OVER),
        ([("x@1", A)], ("x@1", B), Fate.NOT_ITS_SENDERS),
        ([("x@1", A)], ("x@2", B), Fate.NOT_ITS_SENDERS),
        ([("x@1", A)], ("y@1", A), Fate.NOT_HEARD),
        ([("x@1", A)], ("y@1", B), Fate.NOT_HEARD),
        ([], ("x@1", B), Fate.NOT_HEARD),
        ([("x@1", A)], ("x@1", ""), Fate.OVER),
        ([("x@1", "")], ("x@1", A), Fate.OVER),
        ([("x@1", "")], ("x@1", ""), Fate.OVER),
    ],
    ids=[
        "its-own",
        "anothers",
        "anothers-of-a-later-firing",
        "its-own-of-another-alert",
        "of-nothing-that-was-heard",
        "where-only-the-watch-has-told",
        "by-what-the-agent-reads-itself",
        "of-an-alert-from-before-senders-were-known",
        "from-before-altogether",
    ],
)
def test_an_end_counts_from_the_sender_of_its_alert_alone(
    begun: list[tuple[str, str]], word: tuple[str, str], fate: Fate
) -> None:
    heard = AlertsHeard()
    heard.hear(signal("seen", Source.WATCH))
    for digest, sender in begun:
        heard.hear(signal(digest, by=sender))
    assert heard.hear_over(over(*word)) is fate
    assert heard.words == (fate is Fate.OVER)
    own_word_for_all = all(word[0] == digest and sender in ("", word[1]) for digest, sender in begun)
    assert heard.all_over is (fate is Fate.OVER and own_word_for_all)


senders = st.sampled_from([A, B, "token"])
alerts = st.sampled_from(["x", "y", "z"])


@pytest.mark.claim("C-930")
@given(
    st.lists(st.tuples(alerts, senders), min_size=1, max_size=6),
    st.lists(st.tuples(alerts, senders), max_size=12),
    st.sampled_from([SignalType.FAILED_DEPLOY, SignalType.ERROR_RATE]),
)
def test_whatever_others_say_they_are_over_exactly_when_each_sender_has_called_each_of_its_own_over(
    begun: list[tuple[str, str]], words: list[tuple[str, str]], kind: SignalType
) -> None:
    heard = AlertsHeard()
    for alert, sender in begun:
        heard.hear(signal(f"{alert}@1", kind=kind, by=sender))
    for alert, sender in words:
        heard.hear_over(over(f"{alert}@1", sender))
    assert heard.all_over is (set(begun) <= set(words))
    assert heard.words == len(set(begun) & set(words))


@pytest.mark.claim("C-930")
def test_the_same_alert_of_two_senders_is_over_when_both_say_so_though_it_was_one_observation() -> None:
    heard = AlertsHeard()
    heard.hear(signal("x@1", by=A))
    assert heard.counts_as_over(signal("x@1", by=B))
    heard.hear_again(signal("x@1", by=B))
    assert heard.hear_over(over("x@1", A)) is Fate.OVER
    assert not heard.all_over
    assert heard.hear_over(over("x@1", B)) is Fate.OVER
    assert heard.all_over


def test_an_end_from_before_its_alert_began_to_fire_as_it_does_ends_nothing() -> None:
    """SNS keeps no order, and one replica of an Alertmanager may be late."""
    heard = AlertsHeard()
    heard.hear(signal("x@10:00", by=A, at=NINE + timedelta(hours=1)))
    assert heard.hear_over(over("x@09:30", A, NINE + timedelta(minutes=30))) is Fate.TOO_OLD
    assert (heard.words, heard.all_over) == (0, False)
    assert heard.hear_over(over("x@10:30", A, NINE + timedelta(minutes=90))) is Fate.OVER
    assert heard.all_over


def test_an_end_counts_though_its_alert_is_said_to_have_begun_earlier_than_it_was_said_before() -> None:
    """Of two Prometheus Alertmanager takes the earlier beginning, once it has heard of both."""
    heard = AlertsHeard()
    heard.hear(signal("x@09:00:15", by=A, at=NINE + timedelta(seconds=15)))
    assert heard.hear_over(over("x@09:00:05", A, NINE + timedelta(seconds=15))) is Fate.OVER
    assert heard.all_over


# -- handed on -----------------------------------------------------------------------------------------------------------


def handed(fires: Firing | None) -> AlertsHeard:
    heard = AlertsHeard()
    heard.hear(signal("handover", Source.HANDOVER).model_copy(update={"fires": fires}))
    return heard


@pytest.mark.claim("C-930")
def test_what_is_handed_over_is_over_by_the_senders_of_its_alerts_when_all_of_them_have_said_so() -> None:
    before = AlertsHeard()
    for digest, sender in (("x@1", A), ("y@1", A), ("z@1", B)):
        before.hear(signal(digest, by=sender))
    before.hear_over(over("y@1", A))
    for heard in (handed(before.handed_on()), AlertsHeard(before.carried())):
        assert heard.any
        assert heard.hear_over(over("x@1", B)) is Fate.NOT_ITS_SENDERS
        assert heard.hear_over(over("x@1", A)) is Fate.OVER
        assert not heard.all_over
        assert heard.hear_over(over("z@1", B)) is Fate.OVER
        assert heard.all_over


def test_what_no_alert_told_of_is_handed_on_as_such() -> None:
    before = AlertsHeard()
    before.hear(signal("w", Source.WATCH))
    assert before.carried() is None
    assert handed(before.handed_on()).hear_over(over("x@1", A)) is Fate.NOT_HEARD


def test_what_was_handed_over_before_senders_were_known_is_over_by_any_word() -> None:
    heard = handed(None)
    assert heard.hear_over(over("x@1", A)) is Fate.OVER
    assert heard.all_over
    assert heard.handed_on() is None


def test_of_more_than_are_handed_on_it_is_never_said_that_all_are_over() -> None:
    before = AlertsHeard()
    for number in range(MOST_HANDED_ON + 1):
        before.hear(signal(f"a{number}", by=A))
    heard = handed(before.handed_on())
    for number in range(MOST_HANDED_ON + 1):
        heard.hear_over(over(f"a{number}", A))
    assert heard.words
    assert not heard.all_over


def test_what_is_handed_on_is_small_whatever_it_is() -> None:
    most = AlertOf(alert="a" * 64, sender="s" * 100, since=NINE)
    assert MOST_NEXT * len(Firing(alerts=(most,) * MOST_HANDED_ON, more=True).model_dump_json()) < 1_500_000
