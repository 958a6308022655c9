"""`python -m tests.scenarios`: run the suite, print the scores, write them as JSON; 0 only when nothing is wrong."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path

from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

from byteport.sandbox.controlplane import ensure_built
from tests.scenarios.catalogue import scenarios
from tests.scenarios.hosts import FULL_SETTLE, SHORT_SETTLE
from tests.scenarios.model import Cluster
from tests.scenarios.report import all_right, lines, summary
from tests.scenarios.suite import Played, played_all
from tests.scenarios.timing import INJECTION_AT_MOST, SIGNAL_AT_MOST, TIMED, fast_enough, times

CLUSTERS = ("all", *(cluster.value for cluster in Cluster))


def main() -> int:
    """Run what the command line asks for."""
    parser = _parser()
    asked = parser.parse_args()
    for word in asked.only:
        if not any(word in one.name for one in scenarios()):
            parser.error(f"no scenario has {word!r} in its name; they are in tests/scenarios/rows")
    quiet = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=quiet)))
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("byteport").setLevel(logging.CRITICAL)
    logging.getLogger("temporalio").setLevel(logging.CRITICAL)
    if asked.timing:
        return _timed(asked.runs)
    clusters = list(Cluster) if asked.cluster == "all" else [Cluster(asked.cluster)]
    settle = SHORT_SETTLE if asked.settle == "short" else FULL_SETTLE
    chosen = [one for one in scenarios() if not asked.only or any(word in one.name for word in asked.only)]
    if Cluster.CONTROL_PLANE in clusters:
        ensure_built(lambda progress: _say(progress.step))
    played: list[Played] = []
    with tempfile.TemporaryDirectory(prefix="byteport-scenarios-") as folder:
        for cluster in clusters:
            run = played_all(cluster, chosen, Path(folder) / cluster.value, runs=asked.runs, settle=settle, say=_say)
            played += asyncio.run(run)
    found = summary(played, runs=asked.runs, settle=settle)
    asked.json.parent.mkdir(parents=True, exist_ok=True)
    asked.json.write_text(json.dumps(found, indent=2) + "\n")
    for line in lines(found):
        _say(line)
    _say(f"\nwritten to {asked.json}")
    return 0 if all_right(played) else 1


def _timed(runs: int) -> int:
    ensure_built(lambda progress: _say(progress.step))
    with tempfile.TemporaryDirectory(prefix="byteport-timing-") as folder:
        run = played_all(Cluster.CONTROL_PLANE, TIMED, Path(folder), runs=runs, settle=FULL_SETTLE, say=_say)
        played = asyncio.run(run)
    for line in lines(summary(played, runs=runs, settle=FULL_SETTLE)):
        _say(line)
    for name, injected, signalled in times(played):
        _say(f"  {name}: injection to verified {_seconds(injected)}, signal to verified {_seconds(signalled)}")
    _say(f"required: at most {INJECTION_AT_MOST:.0f} s and {SIGNAL_AT_MOST:.0f} s")
    return 0 if all_right(played) and fast_enough(played) else 1


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"write a number from 1 on, not {text!r}")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios", description=__doc__)
    parser.add_argument("only", nargs="*", help="parts of the names of the scenarios to run; all by default")
    parser.add_argument("--cluster", choices=CLUSTERS, default="all", help="on which kind of cluster")
    parser.add_argument(
        "--runs", type=_at_least_one, default=1, help="how often each is run; it counts when all runs are right"
    )
    parser.add_argument("--settle", choices=["short", "full"], default="short", help="5 s, or the default of 60 s")
    parser.add_argument("--timing", action="store_true", help="only measure how long it takes, at 60 s settle time")
    parser.add_argument("--json", type=Path, default=Path("build/scenarios.json"), help="where the figures are written")
    return parser


if __name__ == "__main__":
    sys.exit(main())
