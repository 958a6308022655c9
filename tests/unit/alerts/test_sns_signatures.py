"""Messages of SNS: what AWS has signed, for a topic that is heard, lately and once; and everything that must not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from byteport.alerts.sns_signatures import FETCHES_PER_MINUTE, FRESH_SECONDS, MOST_CERTIFICATES, Kind, SnsVerifier
from byteport.contracts.alerts_face import SnsConfig
from byteport.errors import BytePortError, MalformedInput, NotPermitted, Unavailable
from tests.builders.sns import CERTIFICATE, HOST, TOPIC, Sns

pytestmark = pytest.mark.claim("C-397")

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
AWS = Sns(NOW)


class World:
    """A verifier of one topic, and AWS beside it."""

    def __init__(self, aws: Sns = AWS) -> None:
        self.aws = aws
        self.aws.asked = []
        self.seconds = 0.0
        self.now = NOW
        self.verifier = SnsVerifier(SnsConfig(topics=(TOPIC,)), self.aws.fetch, lambda: self.seconds, lambda: self.now)

    async def refusal(self, body: dict[str, Any]) -> BytePortError:
        with pytest.raises(BytePortError) as refused:
            await self.verifier.verified(body)
        return refused.value


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("kind", list(Kind))
async def test_what_aws_signs_holds(version: str, kind: Kind) -> None:
    message = await World().verifier.verified(AWS.message("{}", kind=kind.value, version=version))
    assert (message.kind, message.topic, message.message) == (kind, TOPIC, "{}")


async def test_a_message_without_a_subject_holds_too() -> None:
    await World().verifier.verified(AWS.message("{}", Subject=None))


@pytest.mark.parametrize("name", ["Message", "MessageId", "Subject", "Timestamp", "Type"])
async def test_every_signed_member_counts(name: str) -> None:
    body = AWS.message("{}")
    body[name] = {
        "MessageId": "00000000-0000-4000-8000-000000000001",
        "Timestamp": "2026-03-10T08:59:59.000Z",
        "Type": "UnsubscribeConfirmation",
    }.get(name, "other")
    assert isinstance(await World().refusal(body), NotPermitted | MalformedInput)


async def test_a_subject_that_was_added_is_not_signed() -> None:
    body = AWS.message("{}", Subject=None)
    assert isinstance(await World().refusal(body | {"Subject": "x"}), NotPermitted)


async def test_a_topic_that_is_not_listed_is_refused_before_anything_is_fetched() -> None:
    world = World()
    refused = await world.refusal(AWS.message("{}", TopicArn=TOPIC + "2"))
    assert isinstance(refused, NotPermitted)
    assert refused.message.startswith("TopicArn")
    assert world.aws.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://evil.example/?sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://user@sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.cn/SimpleNotificationService-0123456789abcdef.pem",
        "https://SNS.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        f"{HOST}/mine.pem",
        f"{HOST}/?Action=Publish",
        f"{HOST}/SimpleNotificationService-0123456789abcdef.pem?x=1",
        f"{HOST}/SimpleNotificationService-0123456789abcdef.pem#x",
        f"{CERTIFICATE}?",
        f"{CERTIFICATE}#",
        f" {CERTIFICATE}",
        CERTIFICATE.replace("Notification", "Noti\tfication"),
        "https://[::1/SimpleNotificationService-0123456789abcdef.pem",
        "",
        None,
        7,
    ],
)
async def test_a_certificate_is_fetched_from_snss_own_host_in_the_topics_region_alone(url: object) -> None:
    world = World()
    assert isinstance(await world.refusal(AWS.message("{}") | {"SigningCertURL": url}), NotPermitted)
    assert world.aws.asked == []


@pytest.mark.parametrize(
    "aws",
    [
        Sns(NOW, name="evil.example"),
        Sns(NOW, bits=1024),
        Sns(NOW, holds=timedelta(hours=1)),
        Sns(NOW + timedelta(days=3)),
    ],
    ids=["another name", "a short key", "ended", "not yet"],
)
async def test_a_certificate_that_is_not_that_of_sns_now_proves_nothing(aws: Sns) -> None:
    world = World(aws)
    aws.at = NOW
    assert isinstance(await world.refusal(aws.message("{}")), NotPermitted)


async def test_another_key_proves_nothing() -> None:
    assert isinstance(await World().refusal(Sns(NOW).message("{}")), NotPermitted)


@pytest.mark.parametrize("moved", [timedelta(hours=1, seconds=1), -timedelta(hours=1, seconds=1)])
async def test_a_message_from_outside_of_the_window_is_refused(moved: timedelta) -> None:
    world = World()
    world.now = NOW + moved
    assert "Timestamp" in (await world.refusal(AWS.message("{}"))).message


async def test_the_same_message_counts_once() -> None:
    world, body = World(), AWS.message("{}")
    message = await world.verifier.verified(body)
    assert not world.verifier.is_repeated(message)
    world.verifier.taken(message)
    assert world.verifier.is_repeated(await world.verifier.verified(body))


async def test_a_certificate_is_fetched_once_a_day() -> None:
    world = World()
    for _ in range(3):
        await world.verifier.verified(AWS.message("{}"))
    assert world.aws.asked == [CERTIFICATE]
    world.seconds = FRESH_SECONDS
    await world.verifier.verified(AWS.message("{}"))
    assert len(world.aws.asked) == 2


async def test_a_certificate_that_cannot_be_had_is_for_later() -> None:
    elsewhere = CERTIFICATE.replace("0123456789abcdef.pem", "ffffffffffffffff.pem")
    assert isinstance(await World().refusal(AWS.message("{}") | {"SigningCertURL": elsewhere}), Unavailable)


async def test_a_stranger_cannot_have_aws_asked_as_often_as_it_likes() -> None:
    world = World()
    await world.verifier.verified(AWS.message("{}"))
    for number in range(3 * FETCHES_PER_MINUTE):
        elsewhere = CERTIFICATE.replace("0123456789abcdef.pem", f"{number:016x}.pem")
        assert isinstance(await world.refusal(AWS.message("{}") | {"SigningCertURL": elsewhere}), Unavailable)
    assert len(world.aws.asked) == FETCHES_PER_MINUTE
    await world.verifier.verified(AWS.message("{}"))  # what is known already is


async def test_strangers_who_use_up_what_aws_is_asked_do_not_silence_a_topic_that_is_known() -> None:
    world = World()
    await world.verifier.verified(AWS.message("{}"))
    world.seconds = FRESH_SECONDS
    for number in range(FETCHES_PER_MINUTE):
        elsewhere = CERTIFICATE.replace("0123456789abcdef.pem", f"{number:016x}.pem")
        await world.refusal(AWS.message("{}") | {"SigningCertURL": elsewhere})
    await world.verifier.verified(AWS.message("{}"))
    world.now = NOW + timedelta(days=400)
    late = Sns(world.now)
    late.pem = AWS.pem
    assert "not valid now" in (await world.refusal(late.message("{}"))).message


async def test_old_certificates_that_aws_still_serves_do_not_take_the_place_of_the_one_in_use() -> None:
    world, old = World(Sns(NOW)), Sns(NOW, holds=timedelta(hours=1))
    own = world.aws.fetch
    asked: list[str] = []

    async def fetch(url: str) -> bytes:
        asked.append(url)
        return await own(url) if url == CERTIFICATE else old.pem

    world.verifier = SnsVerifier(SnsConfig(topics=(TOPIC,)), fetch, lambda: world.seconds, lambda: world.now)
    await world.verifier.verified(world.aws.message("{}"))
    for number in range(2 * MOST_CERTIFICATES):
        world.seconds += 60
        elsewhere = CERTIFICATE.replace("0123456789abcdef.pem", f"{number:016x}.pem")
        assert "not valid now" in (await world.refusal(old.message("{}") | {"SigningCertURL": elsewhere})).message
    await world.verifier.verified(world.aws.message("{}"))
    assert asked.count(CERTIFICATE) == 1


async def test_a_subscription_is_confirmed_at_snss_own_host_for_the_topic_alone() -> None:
    world = World()
    message = await world.verifier.verified(AWS.message("You have chosen", kind="SubscriptionConfirmation"))
    await world.verifier.confirm(message)
    assert world.aws.asked[-1].startswith(f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}")
    for url in (
        f"https://evil.example/?Action=ConfirmSubscription&TopicArn={TOPIC}",
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}2",
        f"{HOST}/?Action=Unsubscribe&TopicArn={TOPIC}",
        f"{HOST}/x?Action=ConfirmSubscription&TopicArn={TOPIC}",
        f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}" + "&x=1" * 8,
    ):
        body = AWS.message("You have chosen", kind="SubscriptionConfirmation", SubscribeURL=url)
        assert isinstance(await World().refusal(body), NotPermitted)


@pytest.mark.parametrize(
    "changes",
    [
        {"Type": "Other"},
        {"MessageId": "x"},
        {"Timestamp": "now"},
        {"Message": 7},
        {"Message": "\ud800"},
        {"Signature": "§"},
        {"Signature": None},
        {"SignatureVersion": "3"},
        {"Token": "x" * 300_000},
    ],
)
async def test_what_is_no_message_of_sns_is_refused(changes: dict[str, Any]) -> None:
    body = AWS.message("{}", kind="SubscriptionConfirmation") | changes
    assert isinstance(await World().refusal(body), MalformedInput)
