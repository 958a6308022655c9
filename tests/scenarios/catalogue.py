"""Every file of scenarios, by name; `test_catalogue.py` sees that none is left out and that every row is covered."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import ModuleType

from tests.scenarios.model import Row, Scenario

FILES = (
    "bad_image_tag",
    "wrong_architecture",
    "bad_command",
    "malformed_probe",
    "env_changed",
    "init_container",
    "flapping_release",
    "unschedulable",
    "two_deployments",
    "two_revisions",
    "no_history",
    "not_the_release",
    "owned",
    "database",
    "stateful_set",
    "transient_crash",
    "wedged_replica",
    "dependency_down",
    "memory",
    "rewritten_pods",
    "replacement_refused",
    "disk",
    "load",
    "nodes",
    "network",
    "chaos",
    "orders",
    "duplicates",
    "storm",
    "nothing_wrong",
)


def modules() -> Iterator[ModuleType]:
    """The files, in the README's order."""
    return (importlib.import_module(f"tests.scenarios.rows.{name}") for name in FILES)


def scenarios() -> tuple[Scenario, ...]:
    """All of them, in the README's order."""
    return tuple(scenario for module in modules() for scenario in module.SCENARIOS)


def files_of(row: Row) -> tuple[str, ...]:
    """The files that show a row."""
    found = (module for module in modules() if any(scenario.row is row for scenario in module.SCENARIOS))
    return tuple(module.__name__.rpartition(".")[2] for module in found)
