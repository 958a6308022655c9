"""The watch of the largest clusters that Kubernetes supports: 5,000 nodes, 150,000 pods, in both sights.

Run it with `make bench`, or `python -m tests.bench.watch [PODS]`. Three processes of one run: a server that speaks the
API's list and watch over TLS (`tests/listwatch`) and makes realistic objects as they are asked for (`cluster.py`); the
agent's own watch (`watcher.py`), whose memory and processor time are measured; and the official client's deserialiser
over the very same events (`official.py`). What counts are the ratios, the memory, and the requests at rest.

`python -m tests.bench.watch --control-plane [PODS]` watches a real control plane with as many kwok pods instead.
"""
