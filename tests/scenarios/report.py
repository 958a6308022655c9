"""The figures: three scores apart, harm, how often all runs were right, and how long it took. Comes after `suite.py`."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, assert_never

from tests.scenarios.judge import Judgement
from tests.scenarios.model import Cluster, Escalated, Fixed, Silent, Stormed
from tests.scenarios.suite import Played

JSON = dict[str, Any]

KINDS: dict[str, tuple[type, ...]] = {"fixed": (Fixed,), "escalated": (Escalated, Stormed), "silent": (Silent,)}


def summary(played: Sequence[Played], *, runs: int, settle: int) -> JSON:
    """Everything as plain data, by kind of cluster."""
    return {
        "runs": runs,
        "settle_seconds": settle,
        "clusters": {
            cluster.value: _of_cluster([one for one in played if one.cluster is cluster], runs)
            for cluster in Cluster
            if any(one.cluster is cluster for one in played)
        },
    }


def all_right(played: Sequence[Played]) -> bool:
    """Nothing broken, everything right."""
    return bool(played) and all(one.judgement.right and not one.judgement.broken for one in played)


def lines(found: JSON) -> Iterator[str]:
    """The summary for a terminal."""
    for cluster, said in found["clusters"].items():
        runs = found["runs"]
        yield ""
        yield f"{cluster}, settle time {found['settle_seconds']} s, {runs} run{'s' if runs > 1 else ''} each"
        for kind in KINDS:
            score = said[kind]
            yield f"  {kind:<10} {score['right']}/{score['of']}"
        yield f"  {'broken':<10} {said['broken']}"
        yield f"  {'pass^' + str(runs):<10} {said['pass']['right']}/{said['pass']['of']}"
        yield f"  {'repeated':<10} {len(said['repeated'])}"
        for again in said["repeated"]:
            yield f"  {again['scenario']} (run {again['run']}): played again on a fresh host after {again['why']}"
        for name in ("injection_to_verified", "signal_to_verified"):
            times = said[name]
            if times["count"]:
                yield f"  {name.replace('_', ' ')}: p50 {times['p50']:.0f} s, max {times['max']:.0f} s ({times['count']})"
        for failure in said["failures"]:
            yield f"  {failure['scenario']} (run {failure['run']}): expected {failure['expected']}"
            yield f"      did: {failure['did']}"
            yield from (f"      wrong: {why}" for why in failure["wrong"])
            yield from (f"      BROKEN: {why}" for why in failure["broken"])


def _of_cluster(played: Sequence[Played], runs: int) -> JSON:
    by_name: dict[str, list[Judgement]] = {}
    for one in played:
        by_name.setdefault(one.judgement.scenario.name, []).append(one.judgement)
    passed = {name: len(found) == runs and all(one.right for one in found) for name, found in by_name.items()}
    scores = {
        kind: {
            "right": sum(one.judgement.right for one in played if isinstance(one.judgement.scenario.right, types)),
            "of": sum(isinstance(one.judgement.scenario.right, types) for one in played),
        }
        for kind, types in KINDS.items()
    }
    return {
        **scores,
        "broken": sum(len(one.judgement.broken) for one in played),
        "pass": {"right": sum(passed.values()), "of": len(passed)},
        "repeated": [_repeated(one) for one in played if one.repeated],
        "injection_to_verified": _times(played, lambda one: one.injected_at),
        "signal_to_verified": _times(played, lambda one: one.signal_at),
        "failures": [_failure(one) for one in played if not one.judgement.right],
        "scenarios": [_one(one) for one in sorted(played, key=lambda one: (one.judgement.scenario.name, one.round))],
    }


def _times(played: Sequence[Played], since: Callable[[Judgement], Any]) -> JSON:
    """Seconds until verified, of what was fixed."""
    found = []
    for one in played:
        began, ended = since(one.judgement), one.judgement.verified_at
        if began is not None and ended is not None and isinstance(one.judgement.scenario.right, Fixed):
            found.append((ended - began).total_seconds())
    if not found:
        return {"count": 0, "p50": None, "max": None}
    return {"count": len(found), "p50": statistics.median(found), "max": max(found)}


def _repeated(one: Played) -> JSON:
    return {"scenario": one.judgement.scenario.name, "run": one.round, "why": one.repeated}


def _failure(one: Played) -> JSON:
    judgement = one.judgement
    return {
        "scenario": judgement.scenario.name,
        "run": one.round,
        "expected": expected(judgement),
        "did": judgement.did,
        "told": list(judgement.told),
        "wrong": list(judgement.wrong),
        "broken": list(judgement.broken),
    }


def _one(one: Played) -> JSON:
    judgement = one.judgement
    return {
        "scenario": judgement.scenario.name,
        "row": judgement.scenario.row.value,
        "run": one.round,
        "expected": expected(judgement),
        "did": judgement.did,
        "right": judgement.right,
        "repeated": bool(one.repeated),
        "broken": len(judgement.broken),
        "seconds": round(judgement.seconds, 1),
    }


def expected(judgement: Judgement) -> str:
    """What is right, in a line."""
    match judgement.scenario.right:
        case Fixed() as right:
            return f"{right.act.verb} {right.act.plural}/{', '.join(right.on)}, verified ({right.by.value})"
        case Escalated() as right:
            names = f" naming {', '.join(right.names)}" if right.names else ""
            return f"a person, for {' or '.join(sorted(right.causes))}{names}"
        case Silent():
            return "silence"
        case Stormed() as right:
            return f"one page for the storm, at most {right.acts_at_most} acts"
        case never:
            assert_never(never)
