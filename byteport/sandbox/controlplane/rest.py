"""The API server, called as plainly as possible: one request, one JSON answer, no client library.

What starts a control plane must know when it is up and create a handful of objects before anybody else can. Used by
`supervise.py` and `agent.py`; everything else goes through kubectl or a client of its own.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from byteport.errors import BytePortError
from byteport.sandbox.controlplane.pki import KeyPair

JSON = dict[str, Any]
TIMEOUT_SECONDS = 10.0


class ApiRefused(BytePortError):
    """The API server answered with an error. `status` is its HTTP status, `answer` its Status object."""

    code = "api_refused"

    def __init__(self, status: int, message: str, answer: JSON) -> None:
        super().__init__(f"the API server answered {status}: {message}")
        self.status = status
        self.answer = answer


class Api:
    """One API server, called as one user, who shows a client certificate or a token."""

    def __init__(self, server: str, authority: Path, credential: KeyPair | str) -> None:
        self.server = server
        self._tls = ssl.create_default_context(cafile=str(authority))
        self._headers = {"Accept": "application/json"}
        if isinstance(credential, str):
            self._headers["Authorization"] = f"Bearer {credential}"
        else:
            self._tls.load_cert_chain(credential.certificate, credential.key)

    def call(
        self,
        method: str,
        path: str,
        body: JSON | list[JSON] | None = None,
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> JSON:
        """The answer, `{}` if it is no JSON. Raises `ApiRefused` from 400 up, and `OSError` when nobody answers."""
        address = urlsplit(self.server)
        connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, context=self._tls, timeout=TIMEOUT_SECONDS
        )
        try:
            payload = None if body is None else json.dumps(body)
            sent = {**self._headers, "Content-Type": content_type, **(headers or {})}
            connection.request(method, path, payload, sent)
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except http.client.HTTPException as error:
            raise OSError(f"no HTTP from {self.server}: {error}") from error
        finally:
            connection.close()
        said = _object(text)
        if answer.status >= http.client.BAD_REQUEST:
            raise ApiRefused(answer.status, str(said.get("message", text.strip())), said)
        return said

    def apply(self, path: str, body: JSON) -> JSON:
        """Create the object at `path`, or change it to be so, by server-side apply."""
        query = "?fieldManager=byteport-sandbox&force=true"
        return self.call("PATCH", path + query, body, content_type="application/apply-patch+yaml")


def _object(text: str) -> JSON:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
