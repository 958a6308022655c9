"""Every worker of the release polls Temporal: `helm test` runs this in a pod, `tests/chart` against servers of its own."""

import os
import re
import socket
import sys
import time
import urllib.request

WANTED, PORT = int(os.environ["WORKERS"]), int(os.environ["PORT"])
HOST = os.environ.get("METRICS_HOST", "byteport-metrics")
DEADLINE = time.monotonic() + float(os.environ.get("SECONDS", "90"))


def addresses() -> list[str]:
    try:
        return sorted({str(found[4][0]) for found in socket.getaddrinfo(HOST, PORT, type=socket.SOCK_STREAM)})
    except OSError:
        return []


def polls(address: str) -> bool:
    host = f"[{address}]" if ":" in address else address
    try:
        with urllib.request.urlopen(f"http://{host}:{PORT}/metrics", timeout=5) as answer:
            text = answer.read().decode("utf-8", "replace")
    except OSError:
        return False
    return any(float(value) > 0 for value in re.findall(r"^temporal_num_pollers\{.*\} (\S+)$", text, re.MULTILINE))


while True:
    seen = {address: polls(address) for address in addresses()}
    print(f"{sum(seen.values())} of {WANTED} workers poll Temporal: {seen}", flush=True)
    if sum(seen.values()) >= WANTED:
        sys.exit(0)
    if time.monotonic() > DEADLINE:
        sys.exit(
            "not every worker polls Temporal; look at their logs: kubectl logs -n byteport-agent -l app.kubernetes.io/name=byteport-agent"
        )
    time.sleep(3)
