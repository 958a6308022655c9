"""`POST /v1/alertmanager`: an Alertmanager's webhook, version 4. Comes after `faces`; `reduction` says what a body came to."""

from __future__ import annotations

from fastapi import APIRouter, Request

from byteport.alerts import reduction
from byteport.alerts.faces import AlertsCode, TheFace, read_json
from byteport.contracts.alerts_face import ALERTMANAGER_PATH
from byteport.errors import MalformedInput
from byteport.kubernetes.alerts import read_group
from byteport.serving.body import JSON, kind_of
from byteport.serving.problems import Code, Problem

router = APIRouter()
SOURCE = "alertmanager"


@router.post(ALERTMANAGER_PATH)
async def alertmanager(request: Request, face: TheFace) -> dict[str, int]:
    """How many alerts came to what. An alert that means nothing here is counted, and no error."""
    caller = await face.admitted(request)
    with face.allowances.running(caller.share):
        if kind_of(request) != JSON:
            raise Problem(Code.MEDIA_TYPE_REFUSED, f"send {JSON}")
        try:
            group = read_group(await read_json(request, face.limits))
        except MalformedInput as error:
            raise Problem(AlertsCode.BODY_REFUSED, error.message, field=error.where) from None
        reduced = reduction.of_group(
            group,
            clusters=face.clusters,
            now=face.now(),
            tell_untreated=face.tell_untreated,
            sender=caller.sender,
        )
        return await face.take(SOURCE, caller, reduced)
