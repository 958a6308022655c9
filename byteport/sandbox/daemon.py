"""The process behind `byteport sandbox up`: keeps one assembled sandbox running until it is asked to stop.

    python -m byteport.sandbox.daemon FOLDER CLUSTER

It tells its steps on standard output, one JSON object a line: `{"step": …}` while it starts, `{"ready": {…}}` once, or
`{"failed": …}`. Everything that it starts dies with it. `control.py` is the side of the command line.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
import secrets
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from byteport.errors import BytePortError, ConfigError
from byteport.sandbox.assembly import ClusterKind, Sandbox, Wanted, assembled, exported_to, serve_app
from byteport.sandbox.children import free_port
from byteport.sandbox.control import LOCK, STATE, State
from byteport.sandbox.demo.hands import hands_on
from byteport.sandbox.home import Home
from byteport.sandbox.playground import APP, NAMESPACE, Playground, playground_app
from byteport.sandbox.strains import strainer_on
from byteport.telemetry import TelemetryConfig, configure_logging
from workers.run import stop_on_signals

WATCH_SECONDS = 1.0
POLICY: dict[str, Any] = {
    "mode": "dry_run",
    "settle_seconds": 10,
    "verify_deadline_seconds": 180,
    "log_store_named": True,
    "timebox_seconds": 300,
    "rollback_allowed": [f"{NAMESPACE}/{APP}"],
}
"""Plans everything and acts on approval only; times shortened, because nobody watches a sandbox for ten minutes."""

logger = logging.getLogger("byteport.sandbox")


def main() -> None:
    home, kind = Home(Path(sys.argv[1])), ClusterKind(sys.argv[2])
    export = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    configure_logging(TelemetryConfig())
    home.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home.folder / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _tell(failed=f"a sandbox runs in {home.folder} already; see `byteport sandbox status`")
            raise SystemExit(1) from None
        try:
            asyncio.run(_keep(home, kind, export))
        except BytePortError as error:
            logger.error("%s", error)
            _tell(failed=str(error))
            raise SystemExit(1) from None
        finally:
            (home.folder / STATE).unlink(missing_ok=True)


async def _keep(home: Home, kind: ClusterKind, export: Path | None) -> None:
    if kind is ClusterKind.CONTEXT:
        raise ConfigError(
            "--cluster", "a sandbox brings its own cluster; for yours see `byteport sandbox demo --context`"
        )
    stop = asyncio.Event()
    with stop_on_signals(stop):
        async with AsyncExitStack() as stack:
            wanted = Wanted(home, kind, POLICY, extra=exported_to(export))
            sandbox = await stack.enter_async_context(assembled(wanted, lambda step: _tell(step=step)))
            state = _state(sandbox)
            strainer = strainer_on(sandbox)
            stack.push_async_callback(strainer.close)
            playground = Playground(hands_on(sandbox), strainer)
            await serve_app(stack, playground_app(playground, state.playground_token), state.playground_url)
            _write(home.folder / STATE, state.model_dump_json(indent=2) + "\n")
            _tell(ready=state.model_dump(mode="json"))
            while not stop.is_set():
                sandbox.must_run()
                try:
                    await asyncio.wait_for(stop.wait(), WATCH_SECONDS)
                except TimeoutError:
                    continue


def _state(sandbox: Sandbox) -> State:
    plane = sandbox.cluster.control_plane
    return State(
        pid=os.getpid(),
        temporal_pid=sandbox.temporal.pid,
        cluster=sandbox.cluster.kind.value,
        cluster_uid=sandbox.cluster.uid,
        temporal_address=sandbox.temporal.address,
        ui_url=sandbox.temporal.ui_url,
        codec_url=sandbox.codec_url,
        kubeconfig=str(plane.kubeconfig) if plane is not None else None,
        playground_url=f"http://127.0.0.1:{free_port()}",
        playground_token=secrets.token_hex(16),
    )


def _write(path: Path, text: str) -> None:
    """For its owner only: it holds the playground's token."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def _tell(**what: Any) -> None:
    try:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # nobody listens any more, once it has heard that we are ready
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123


if __name__ == "__main__":
    try:
        main()
    except SystemExit as ended:
        os._exit(int(ended.code or 0))  # Temporal's native threads do not survive an orderly end of the interpreter
    os._exit(0)
