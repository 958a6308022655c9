"""YAML as we take it from files that others wrote: plain values, no deep nesting, and where we own the format no key twice.

Comes before everything that reads settings, policies, kubeconfigs and saved objects. PyYAML looks through every open
bracket at each token, so that some kilobytes of them take seconds.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

DEEPEST = 64
"""Brackets within brackets."""


class BoundedLoader(yaml.SafeLoader):
    """Raises `yaml.MarkedYAMLError` where brackets are nested too deeply."""

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:  # noqa: N803  PyYAML's own name
        if self.flow_level >= DEEPEST:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=self.get_mark())
        super().fetch_flow_collection_start(TokenClass)


class StrictLoader(BoundedLoader):
    """YAML takes the last of two equal keys; the first may be the one that was meant. Raises `yaml.MarkedYAMLError`."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                problem = f"the key {key} is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_bounded(text: str | bytes) -> Any:
    """The value of one document. Raises `yaml.YAMLError`, `ValueError` or `RecursionError` for what is none."""
    return yaml.load(text, Loader=BoundedLoader)  # noqa: S506  a SafeLoader


def read_strict(text: str | bytes) -> Any:
    """The same, of a format of ours: a key that is there twice is refused too."""
    return yaml.load(text, Loader=StrictLoader)  # noqa: S506  a SafeLoader
