"""`POST /v1/sns`: CloudWatch alarms by way of SNS, known by its signature and by nothing else.

Comes after `sns_signatures`. A subscription is confirmed for the topics of the settings alone; a message that was taken already is
answered as if it were taken, since SNS sends again what it has had no answer to.
"""

from __future__ import annotations

import logging

from fastapi import APIRouter, BackgroundTasks, Request

from byteport.alerts import reduction, senders
from byteport.alerts.faces import STRANGERS, AlertsCode, Face, TheFace, read_json
from byteport.alerts.senders import Caller
from byteport.alerts.sns_signatures import Kind, SnsMessage, SnsVerifier
from byteport.contracts.alerts_face import SNS_PATH
from byteport.errors import BytePortError, MalformedInput, NotPermitted, Unavailable
from byteport.kubernetes.cloudwatch_alarms import read_alarm
from byteport.serving.problems import Code, Problem

log = logging.getLogger(__name__)

router = APIRouter()
SOURCE = "sns"
LARGEST = 400 << 10
"""A message has 256 KiB at most, and some of its characters are written as two."""


@router.post(SNS_PATH)
async def sns(request: Request, face: TheFace, beside: BackgroundTasks) -> dict[str, int]:
    """How many alarms came to what. SNS sends JSON as text/plain, so its media type is not looked at."""
    if face.sns is None:
        face.allowances.request(STRANGERS)
        raise Problem(AlertsCode.TOPIC_REFUSED, "no topic is heard here; name it in alerts.sns.topics")
    try:
        message = await _verified(face, face.sns, request)
    except Problem:
        face.allowances.request(STRANGERS)
        raise
    face.allowances.request(message.topic)
    if face.sns.is_repeated(message):
        return {}
    with face.allowances.running(message.topic):
        if message.kind is Kind.NOTIFICATION:
            answer = await _take(face, message)
        else:
            answer = {}
            log.info("sns_%s: topic %s", message.kind.value.lower(), message.topic)
            beside.add_task(_confirm, face, message)
    face.sns.taken(message)
    return answer


async def _verified(face: Face, verifier: SnsVerifier, request: Request) -> SnsMessage:
    """Raises `Problem`. Whoever sends what does not hold has the strangers' allowance, and SNS its own."""
    largest = min(face.limits.body_bytes, LARGEST)
    body = await read_json(request, face.limits.model_copy(update={"body_bytes": largest}))
    try:
        return await verifier.verified(body)
    except MalformedInput as error:
        raise Problem(AlertsCode.BODY_REFUSED, error.message, field=error.where) from None
    except NotPermitted as error:
        of_topic = error.message.startswith("TopicArn")
        raise Problem(AlertsCode.TOPIC_REFUSED if of_topic else AlertsCode.SIGNATURE_REFUSED, error.message) from None
    except Unavailable:
        raise Problem(
            Code.KEYS_UNAVAILABLE, "the certificate of SNS cannot be had; come again", retry_after=30
        ) from None


async def _take(face: Face, message: SnsMessage) -> dict[str, int]:
    """A message of a topic that is no alarm is nothing to us; its sender need not send it again."""
    try:
        alarm = read_alarm(message.message)
    except MalformedInput:
        face.counts.reduced(SOURCE, reduction.nothing())
        return {reduction.Outcome.NOTHING.value: 1}
    sender = senders.of_topic(message.topic)
    reduced = reduction.of_alarm(
        alarm, clusters=face.clusters, now=face.now(), tell_untreated=face.tell_untreated, sender=sender
    )
    return await face.take(SOURCE, Caller(message.topic, sender), reduced)


async def _confirm(face: Face, message: SnsMessage) -> None:
    """Only what asks to be confirmed; of an end nothing is undone by itself, and whoever runs the topic is told by the log."""
    assert face.sns is not None
    if message.kind is Kind.UNSUBSCRIPTION:
        log.error("sns_unsubscribed: topic %s does not send its alarms here any more", message.topic)
        return
    try:
        await face.sns.confirm(message)
    except BytePortError as error:
        log.error("sns_unconfirmed: topic %s: %s", message.topic, error.message)
    else:
        log.info("sns_confirmed: topic %s", message.topic)
