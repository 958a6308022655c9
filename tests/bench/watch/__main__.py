"""Start the three, have the server do what a cluster does, and print what it costs the watch."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time

from byteport.domain.ceilings import Sight
from tests.bench.watch import official, real
from tests.bench.watch.process import Process, settled, started, until_idle, until_listed

PODS, NODES = 150_000, 5_000
REAL_PODS = 5_000
MOST_MIB = 300
LEAST_RATIO = 30
REST_SECONDS = 120
OFFICIAL_EVENTS = 2_000
EVENTS = {Sight.CLUSTER: 60_000, Sight.NAMESPACED: 20_000}


async def measure(sight: Sight, server: Process, kubeconfig: str, pods: int, official: float) -> list[str]:
    """One sight; the findings that are not as they should be."""
    print(f"\n{sight.value} sight")
    async with started("tests.bench.watch.watcher", kubeconfig, sight.value) as watcher:
        begun = time.perf_counter()
        first, idle = await settled(watcher, await until_listed(watcher))
        print(f"  first list           {first['most']:8.0f} MiB at most, {idle['now']:.0f} after it")
        took = time.perf_counter() - begun
        print(
            f"                       {pods / idle['cpu']:8,.0f} pods a second of processor, its start included; {took:.0f} s"
        )
        gone = await server.ask("forget")
        again, idle = await settled(watcher, await until_listed(watcher, gone["version"]))
        print(f"  410, all listed again{again['most']:8.0f} MiB at most, {idle['now']:.0f} after it")
        count = EVENTS[sight] * pods // PODS
        await server.ask(f"burst {count}")
        each = count / ((await until_idle(watcher))["cpu"] - idle["cpu"])
        print(
            f"  changes              {each:8,.0f} events a second of processor, TLS and all, ratio {each / official:.0f}"
        )
        await server.ask("counts")
        await asyncio.sleep(REST_SECONDS)
        counts = await server.ask("counts")
        last = await watcher.ask("say")
        asked, writes = sum(counts.values()) / REST_SECONDS, sorted(set(counts) - {"get", "list", "watch"})
        print(f"  at rest              {asked:8.2f} requests a second {counts}, {last['now']:.0f} MiB")
        print(f"  reported             {last['reported']:8,} symptoms")
    most = max(first["most"], again["most"], last["most"])
    return [
        *([f"{most:.0f} MiB are more than {MOST_MIB}"] if most > MOST_MIB else []),
        *([f"{asked:.2f} requests a second at rest are more than one"] if asked > 1 else []),
        *([f"there were writes: {writes}"] if writes else []),
        *([f"the watch failed: {last['failures'][0]}"] if last["failures"] else []),
    ]


async def official_watch(server: Process, kubeconfig: str) -> float:
    """Events a second of processor time, of the official client over the same wire."""
    version = (await server.ask("forget"))["version"]
    async with started("tests.bench.watch.official", kubeconfig, str(version), str(OFFICIAL_EVENTS)) as client:
        while not (await server.ask("counts")).get("watch"):  # noqa: ASYNC110  another process opens it
            await asyncio.sleep(0.2)
        await server.ask(f"burst {OFFICIAL_EVENTS + 1}")
        return float((await client.ask())["each"])


async def main(pods: int) -> int:
    amiss: list[str] = []
    nodes = max(1, NODES * pods // PODS)
    print(f"{nodes:,} nodes and {pods:,} pods, served from a process of its own")
    ours, theirs = official.decoding()
    print(
        f"  decoding an event    {ours:8,.0f} a second of processor; the official client {theirs:,.0f}, ratio {ours / theirs:.0f}"
    )
    if ours < LEAST_RATIO * theirs:
        amiss.append(f"a ratio of {ours / theirs:.0f} is less than {LEAST_RATIO}")
    with tempfile.TemporaryDirectory() as folder:
        async with started("tests.bench.watch.server", folder, str(pods), str(nodes)) as server:
            kubeconfig = (await server.ask())["kubeconfig"]
            over_wire = await official_watch(server, kubeconfig)
            print(f"  official watch       {over_wire:8,.0f} events a second of processor, TLS and all")
            for sight in (Sight.CLUSTER, Sight.NAMESPACED):
                found = await measure(sight, server, kubeconfig, pods, over_wire)
                amiss += [f"{sight.value} sight: {line}" for line in found]
    print(*amiss, sep="\n")
    return 1 if amiss else 0


if __name__ == "__main__":
    given = [word for word in sys.argv[1:] if word.isdecimal()]
    if "--control-plane" in sys.argv:
        sys.exit(asyncio.run(real.main(int(given[0]) if given else REAL_PODS)))
    sys.exit(asyncio.run(main(int(given[0]) if given else PODS)))
