"""The agent's own token in other hands, on the real control plane: a request that the agent made, made again without it.

None of the agent's own checks is asked, so that whatever is refused here the API server refused. Comes after `real.py`.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import yaml

from byteport.sandbox.controlplane import Api, ApiRefused
from tests.agent.places import JSON
from tests.agent.real import RealPlace

METHODS = {"create": "POST", "patch": "PATCH", "delete": "DELETE"}
JSON_PATCH = "application/json-patch+json"


class Thief:
    """Whoever has the token of that place's agent, and speaks to the API server directly."""

    def __init__(self, place: RealPlace) -> None:
        assert place.kubeconfig is not None
        document = yaml.safe_load(place.kubeconfig.read_text())
        self._api = Api(place.plane.server, place.plane.authority, str(document["users"][0]["user"]["token"]))

    async def refused(self, request: JSON) -> str:
        """Why the API server refuses the request that its audit log has, tried dry; empty when it would not."""
        path, _, query = str(request["requestURI"]).partition("?")
        method = METHODS[request["verb"]]
        content_type = JSON_PATCH if method == "PATCH" else "application/json"
        asked = "&".join(filter(None, (query, "dryRun=All")))
        call, body = self._api.call, request["requestObject"]
        if method == "DELETE":  # which goes by its body, and deletes whatever the query says
            body = {**body, "apiVersion": "v1", "dryRun": ["All"]}
        try:
            await asyncio.to_thread(call, method, f"{path}?{asked}", body, content_type=content_type)
        except ApiRefused as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            return str(error)
        return ""

    async def tells(self, namespace: str, event: JSON) -> None:
        """Write an Event as the agent writes its own, but for who sends it."""
        path = f"/api/v1/namespaces/{namespace}/events?fieldManager=byteport-agent"
        await asyncio.to_thread(self._api.call, "POST", path, event)
