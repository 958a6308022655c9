"""What the watch is measured against: the official client, decoding alone, and over the same wire.

`decoding` compares the two on the same events in one process, without any network. Run as a process of its own, it
watches pods as the client's documentation says, and prints what so many events took of its processor time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from kubernetes import client, config
from kubernetes.watch import Watch

from byteport.kubernetes.glimpses import looks_at
from tests.bench.watch.cluster import Virtual

EVENTS = 300
TURNS = 3


def decoding() -> tuple[float, float]:
    """Events a second of processor time: at first sight, and by the client (`json.loads`, then `ApiClient().deserialize`)."""
    held = Virtual(10_000, 1000)
    told = [b'{"type":"MODIFIED","object":' + held.changed(at)[1] + b"}" for at in range(EVENTS)]
    official: Any = Watch()
    official._api_client = client.ApiClient()  # as `stream` sets it
    as_text = [line.decode() for line in told]
    name = json.loads(told[0])["object"]["metadata"]["name"]
    looks = looks_at("", "pods")
    assert looks.event(told[0])[1].name == official.unmarshal_event(as_text[0], "V1Pod")["object"].metadata.name == name
    spent = [0.0, 0.0]
    for _ in range(TURNS):
        spent[0] += _took(looks.event, told)
        spent[1] += _took(lambda line: official.unmarshal_event(line, "V1Pod"), as_text)
    return TURNS * EVENTS / spent[0], TURNS * EVENTS / spent[1]


def _took(decode: Callable[[Any], object], told: Sequence[Any]) -> float:
    begun = time.process_time()
    for line in told:
        decode(line)
    return time.process_time() - begun


def main(kubeconfig: str, version: str, count: int) -> None:
    config.load_kube_config(kubeconfig)
    pods = client.CoreV1Api().list_pod_for_all_namespaces
    begun = 0.0
    for seen, _ in enumerate(Watch().stream(pods, resource_version=version, timeout_seconds=600)):
        if not seen:
            begun = time.process_time()  # what it takes to start is not of the watch
        if seen == count:
            break
    print(json.dumps({"each": count / (time.process_time() - begun)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
