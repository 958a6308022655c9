"""What of `docs/` is generated: each runbook's thresholds, rights and decisions, the reasons, the policy's settings, the
permission matrix, and which tests prove which claim and answer which question of a reviewer; and, beside docs/, the ready
script of a new ledger file.

`python -m tests.house.pages` writes them (`make docs`); `test_pages.py` compares. A runbook's page is written by hand
down to the mark; below it stands what the code says today. The decisions are those of the bundles in `tests/cases`,
which the suite proves one by one, so a page cannot promise what no test has seen.
"""

from __future__ import annotations

import ast
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import byteport.runbooks
from byteport.api.app import openapi
from byteport.boundary.matrix import permissions
from byteport.contracts import notice_body
from byteport.contracts.acts import Effect
from byteport.contracts.metrics import METRICS, REASON, Label
from byteport.domain.cause_texts import CAUSES
from byteport.domain.policy import PolicyConfig
from byteport.domain.reason_texts import REASONS
from byteport.domain.reasons import Cause, Reason
from byteport.ledger import schema
from byteport.runbooks.base import Runbook
from byteport.runbooks.catalogue import RUNBOOKS
from byteport.runbooks.explain import Incident
from byteport.settings.catalogue import docstrings, written
from tests.house import claims, review
from tests.house.tree import ROOT
from tests.unit.runbooks.test_cases import answer

DOCS = ROOT / "docs"
CASES = ROOT / "tests" / "cases"
MARK = "<!-- Generated from here on by `make docs`; a test compares it with the code. -->"
SLUGS = {
    "PodCrashloopRunbook": "pod-crashloop",
    "FailedDeployAutoRollbackRunbook": "failed-deploy-rollback",
    "DiskSpaceAutoReclaimRunbook": "disk-reclaim",
    "MemoryPressureRunbook": "memory-pressure",
    "CpuSpikeRunbook": "cpu-spike",
}
MODULES = {
    "PodCrashloopRunbook": ("pod_", "pods", "replicas", "crash", "surroundings"),
    "FailedDeployAutoRollbackRunbook": ("failed_deploy", "rollback_", "rollout"),
    "DiskSpaceAutoReclaimRunbook": ("disk_", "node_"),
    "MemoryPressureRunbook": ("memory_", "floor", "usage"),
    "CpuSpikeRunbook": ("cpu_", "floor", "autoscaler", "load_", "scaling"),
}
"""Whose constants are a runbook's thresholds: modules of `byteport/runbooks` and `byteport/kubernetes` by prefix."""

Row = Sequence[str]


def pages() -> dict[Path, str]:
    """Every generated page, or part of one, by its path."""
    found = {DOCS / "runbooks" / f"{SLUGS[runbook.name]}.md": _runbook(runbook) for runbook in RUNBOOKS}
    found[DOCS / "runbooks" / "reasons.md"] = _reasons()
    found[DOCS / "reference" / "policy.md"] = _policy()
    found[DOCS / "security" / "permissions.md"] = permissions()
    found[DOCS / "how-to" / "observe.md"] = _metrics()
    found[DOCS / "security" / "claims.md"] = claims.table()
    found[review.PAGE] = review.table()
    return found


def with_hand_written(path: Path, generated: str) -> str:
    """The page's own text down to the mark, then what is generated."""
    by_hand = path.read_text().split(MARK)[0].rstrip() if path.exists() and MARK in path.read_text() else ""
    head = f"{by_hand}\n\n" if by_hand else ""
    return f"{head}{MARK}\n\n{generated}"


def documents() -> dict[Path, str]:
    """Every file that is generated whole, by its path."""
    return {
        DOCS / "reference" / "ledger-api.json": json.dumps(openapi(), indent=1, sort_keys=True) + "\n",
        DOCS / "reference" / "notice.json": json.dumps(notice_body.schema(), indent=1, sort_keys=True) + "\n",
    }


def main() -> None:
    """Write all pages anew."""
    for path, generated in documents().items():
        path.write_text(generated)
    for path, generated in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(with_hand_written(path, generated))
    schema.SCRIPT.write_text(schema.written_again())


def _runbook(runbook: Runbook) -> str:
    parts = [
        "## What it may do\n\n" + _table(("act", "effect", "rights"), _acts(runbook)),
        "## Thresholds\n\n" + _table(("constant", "value", "meaning"), _thresholds(runbook)),
        "## What it decides\n\nEach row is a saved case of the test suite, answered in mode `auto` with everything allowed.\n\n"
        + _table(("case", "cause", "what is done", "why"), _decisions(runbook)),
    ]
    return "\n\n".join(parts) + "\n"


def _acts(runbook: Runbook) -> Iterator[Row]:
    for act in sorted(runbook.acts, key=lambda act: (act.effect is Effect.MUTATE, act.name)):
        rights: dict[str, list[str]] = {}
        for right in act.needs.rights:
            where = f"{right.resource}.{right.group}" if right.group else right.resource
            rights.setdefault(where, []).append(right.verb)
        told = "; ".join(f"{', '.join(sorted(verbs))} `{where}`" for where, verbs in sorted(rights.items()))
        yield f"`{act.name}`: {act.summary}", act.effect.value, told


def _thresholds(runbook: Runbook) -> Iterator[Row]:
    rooms = [Path(next(iter(byteport.runbooks.__path__))), ROOT / "byteport" / "kubernetes"]
    files = [path for room in rooms for path in sorted(room.glob("*.py"))]
    for path in files:
        if path.name.startswith(MODULES[runbook.name]):
            yield from _constants(path)


def _constants(path: Path) -> Iterator[Row]:
    """Public constants that are numbers or times and say what they mean."""
    body = ast.parse(path.read_text()).body
    for line, text in itertools.pairwise(body):
        if not (isinstance(line, ast.Assign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)):
            continue
        name = line.targets[0]
        counted = isinstance(line.value, ast.Constant) and isinstance(line.value.value, int | float)
        timed = isinstance(line.value, ast.Call) and ast.unparse(line.value.func) == "timedelta"
        if isinstance(name, ast.Name) and name.id.isupper() and not name.id.startswith("_") and (counted or timed):
            value = ast.unparse(line.value).removeprefix("timedelta(").removesuffix(")").replace("=", " = ")
            yield f"`{name.id}` ({path.stem})", f"`{value}`", _cell(" ".join(str(text.value.value).split()))


def _decisions(runbook: Runbook) -> Iterator[Row]:
    for name, incident in _answers():
        if _treats(runbook, incident.signal):
            done = incident.act or ("escalated" if incident.escalate else "nothing")
            yield name, f"`{incident.cause.value}`", done, ", ".join(reason.value for reason in incident.reasons)


@cache
def _answers() -> tuple[tuple[str, Incident], ...]:
    """Every saved case by its name, with what is said of each trouble in it."""
    cases = [
        json.loads(path.read_text()) for path in sorted([*CASES.glob("*.json"), *(CASES / "unseen").glob("*.json")])
    ]
    return tuple((case["id"], incident) for case in cases for incident in answer(case).incidents)


def _treats(runbook: Runbook, signal: str) -> bool:
    return signal in {kind.value for kind in runbook.signals}


def _reasons() -> str:
    reasons = _table(
        ("reason", "why it did not act", "what to do"),
        ((f"`{word.value}`", _cell(REASONS[word].meaning), _cell(REASONS[word].next)) for word in Reason),
    )
    causes = _table(
        ("cause", "what it means", "where to look first"),
        ((f"`{word.value}`", _cell(CAUSES[word].meaning), _cell(CAUSES[word].next)) for word in Cause),
    )
    return f"## Reasons\n\n{reasons}\n\n## Causes\n\n{causes}\n"


def _policy() -> str:
    said = docstrings(PolicyConfig)
    rows = [
        (f"`{name}`", f"`{text}`" if (text := written(field.default)) else "", _cell(said.get(name, "")))
        for name, field in PolicyConfig.model_fields.items()
    ]
    return "## Settings of the policy\n\n" + _table(("setting", "default", "meaning"), rows) + "\n"


def _metrics() -> str:
    rows = [
        (
            f"`{metric.name}`",
            metric.kind.value,
            f"`{metric.served_by}`",
            "; ".join(_label(label) for label in metric.labels),
            _cell(metric.help),
        )
        for metric in METRICS
    ]
    return (
        "## Every metric of ours\n\n"
        + _table(("metric", "kind", "served beside the queue", "labels", "what"), rows)
        + "\n"
    )


def _label(label: Label) -> str:
    words = sorted(label.values)
    if label.name == REASON.name:
        return f"`{label.name}`: one of the {len(words)} [reasons](../runbooks/reasons.md)"
    return f"`{label.name}`: " + (", ".join(f"`{word}`" for word in words) if words else label.of)


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
