"""What the demo leaves behind for a script: `report.json`."""

from __future__ import annotations

from byteport.audit.matched import MatchVerdict
from byteport.domain.base import Frozen


class Told(Frozen):
    """What was to happen in one scenario, and what happened."""

    name: str
    expected: str
    decision: str | None
    """As the audit has it; None when nothing was decided, which is what some scenarios expect."""
    result: str | None
    class_: str | None
    mttr_seconds: int | None
    workflow_id: str | None
    ok: bool


class Audit(Frozen):
    """The log at the end."""

    records: int
    intact: bool
    matched: MatchVerdict | None = None
    """Whether it is what the API server saw; None on a cluster whose own audit log is out of reach."""
    tamper_detected: bool
    """One byte of a record in a copy was changed by hand, and that record was named."""


class Report(Frozen):
    """The whole demo."""

    cluster: str
    versions: dict[str, str]
    scenarios: tuple[Told, ...]
    writes: tuple[str, ...]
    """Everything that the agent changed, as the cluster tells it: namespace, verb, object; oldest first."""
    broken: tuple[str, ...]
    """Anything that was healthy and is not, and any write where none was right; must be empty."""
    audit: Audit
    seconds: float

    @property
    def passed(self) -> bool:
        """Every scenario as expected, nothing broken, the log intact and, where it can be told, matched, the tampering found."""
        scenarios = bool(self.scenarios) and all(told.ok for told in self.scenarios)
        matched = self.audit.matched in (None, MatchVerdict.MATCHED)
        return scenarios and not self.broken and self.audit.intact and matched and self.audit.tamper_detected

    def as_json(self) -> dict[str, object]:
        """The document, with the field names that it promises."""
        plain = self.model_dump(mode="json")
        for told in plain["scenarios"]:
            told["class"] = told.pop("class_")
        return plain
