"""A registry of one image inside the node's own network: real pulls, and a real *not found* for any other tag.

The part of the distribution protocol that a pull uses, read only. Started by `inside.py` before containerd.
"""

from __future__ import annotations

import hashlib
import re
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from byteport.sandbox.realnode.image import MANIFEST_TYPE, REGISTRY_PORT, TAGS

_ASKED = re.compile(r"/v2/[a-z0-9/._-]{1,128}/(manifests|blobs)/([A-Za-z0-9:._-]{1,128})\Z")


def serve(folder: Path) -> ThreadingHTTPServer:
    """Serve what `image.write_image` wrote, on loopback, in a thread that ends with the process."""
    server = ThreadingHTTPServer(("127.0.0.1", REGISTRY_PORT), partial(_Registry, _contents(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _contents(folder: Path) -> dict[tuple[str, str], tuple[str, bytes]]:
    """By kind and reference: media type and bytes."""
    manifest = (MANIFEST_TYPE, (folder / "manifest.json").read_bytes())
    digest = f"sha256:{hashlib.sha256(manifest[1]).hexdigest()}"
    blobs = {("blobs", blob.name): blob.read_bytes() for blob in (folder / "blobs").iterdir()}
    return {
        **{("manifests", name): manifest for name in (*TAGS, digest)},
        **{where: ("application/octet-stream", content) for where, content in blobs.items()},
    }


class _Registry(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, contents: dict[tuple[str, str], tuple[str, bytes]], *given: object) -> None:
        self._contents = contents
        super().__init__(*given)  # type: ignore[arg-type]  # request, address and server, as the server hands them over

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        asked = _ASKED.match(self.path.partition("?")[0])
        found = self._contents.get((asked[1], asked[2])) if asked else None
        status = HTTPStatus.OK
        if found is None and self.path.rstrip("/") == "/v2":
            found = ("application/json", b"{}")
        if found is None:
            status = HTTPStatus.NOT_FOUND
            found = ("application/json", b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}')
        media_type, content = found
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(content).hexdigest()}")
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *_said: object, **_named: object) -> None:
        """Nothing: containerd's own log tells what was pulled."""
