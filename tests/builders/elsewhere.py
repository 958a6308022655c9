"""The files that `docs/how-to/run-the-ledger-elsewhere.md` shows, by the path that stands in their first line."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-the-ledger-elsewhere.md"
SETTINGS, ENROLMENT = "/etc/byteport/ledger-api.yaml", "/etc/byteport/enrolment.yaml"
UNIT, VALUES = "/etc/systemd/system/byteport-ledger.service", "values of the chart"
_BLOCK = re.compile(r"^```(?:yaml|ini)\n# ([^\n]+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@cache
def shown() -> dict[str, str]:
    """Each file's text."""
    return dict(_BLOCK.findall(PAGE.read_text()))


def plain(name: str) -> dict[str, Any]:
    """What a YAML file there says."""
    found = yaml.safe_load(shown()[name])
    assert isinstance(found, dict)
    return found


def unit() -> dict[str, dict[str, list[str]]]:
    """The unit's sections, each with its settings in order; one may be there several times."""
    sections: dict[str, dict[str, list[str]]] = {}
    within: dict[str, list[str]] = {}
    for line in filter(None, shown()[UNIT].splitlines()):
        if line.startswith("["):
            within = sections.setdefault(line.strip("[]"), {})
        else:
            name, _, value = line.partition("=")
            within.setdefault(name, []).append(value)
    return sections
