"""`POST /v1/pagerduty` and `POST /v1/slack`: what people do in a pager or a chat, known by its signature and by nothing else.

Comes after `pagerduty.py` and `slack.py`, which read and approve nothing. What is signed has an allowance of its own, so that strangers
use up nothing of it. A pager's word goes to the run that it names; whether it is for that run's incident, the run itself sees to.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request

from byteport.alerts import pagerduty, slack
from byteport.alerts.back import SecretsFile
from byteport.alerts.faces import STRANGERS, AlertsCode, TheFace
from byteport.errors import BytePortError, MalformedInput, NotPermitted, TargetGone, TemporaryError
from byteport.serving.body import read_body
from byteport.serving.problems import Code, Problem

log = logging.getLogger(__name__)

router = APIRouter()
PAGERDUTY_PATH, SLACK_PATH = "/v1/pagerduty", "/v1/slack"
LARGEST = max(pagerduty.LARGEST_BODY, slack.LARGEST_BODY)


@router.post(PAGERDUTY_PATH)
async def of_pagerduty(request: Request, face: TheFace) -> dict[str, str]:
    """What became of it, in a word. What is PagerDuty's is answered 200, or it would be sent again."""
    body = await _body(request, face)
    with face.allowances.running(STRANGERS):
        secrets = _secrets(face.back.pagerduty if face.back else None, "alerts.pagerduty_secrets_file")
        try:
            found = pagerduty.read(_headers(request), body, secrets)
        except BytePortError as error:
            face.allowances.request(STRANGERS)
            raise _refusal(error) from None
        face.allowances.request("pagerduty")
        if isinstance(found, pagerduty.Nothing):
            return {"outcome": found.value}
        assert face.back is not None
        try:
            await face.back.tell_run(found.workflow_id, found.acknowledgement)
        except TargetGone:
            return {"outcome": "over"}
        except TemporaryError:
            raise Problem(AlertsCode.HAND_OVER_FAILED, "send the same again", retry_after=10) from None
        log.info("acknowledged in a pager: %s", found.workflow_id)
        return {"outcome": "told"}


@router.post(SLACK_PATH)
async def of_slack(request: Request, face: TheFace) -> dict[str, str]:
    """Nothing follows of a press but that it is answered in time."""
    body = await _body(request, face)
    with face.allowances.running(STRANGERS):
        secrets = _secrets(face.back.slack if face.back else None, "alerts.slack_secrets_file")
        now = face.now()
        try:
            slack.read(_headers(request), body, secrets, now)
        except BytePortError as error:
            face.allowances.request(STRANGERS)
            raise _refusal(error) from None
        face.allowances.request("slack")
        return {}


async def _body(request: Request, face: TheFace) -> bytes:
    """Read before it takes a place among those being answered: strangers who send slowly would have all of these."""
    most = min(face.limits.body_bytes, LARGEST)
    return await read_body(request, face.limits.model_copy(update={"body_bytes": most}), gzip=False)


def _headers(request: Request) -> Mapping[str, str]:
    """By lower-case names; one that is there twice is no signature of anybody's."""
    found: dict[str, str] = {}
    for name, value in request.scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = "" if key in found else value.decode("latin-1")
    return found


def _secrets(of_sender: SecretsFile | None, setting: str) -> Sequence[str]:
    if of_sender is None:
        raise Problem(AlertsCode.SIGNATURE_REFUSED, f"nobody is heard here; set {setting}")
    try:
        return of_sender.now()
    except BytePortError as error:
        log.error("secrets_unreadable: %s", error.message)
        raise Problem(Code.BUSY, "the secrets that sign cannot be read; come again", retry_after=30) from None


def _refusal(error: BytePortError) -> Problem:
    match error:
        case NotPermitted():
            return Problem(AlertsCode.SIGNATURE_REFUSED, error.message)
        case MalformedInput():
            return Problem(AlertsCode.BODY_REFUSED, error.message, field=error.where)
        case _:
            raise error
