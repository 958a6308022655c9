"""When many troubles are one: how many targets are in trouble, and what most of them share.

Pure counting for `workflows/storm.py`. A factor is written as `Node/x`, `Zone/x`, `Registry/x`, `Service/ns/x` or
`Namespace/x`; a namespace tells a person where to look, but is no cause that targets have in common.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from byteport.domain.base import Frozen
from byteport.domain.limits import StormRule

PLACE = "Namespace/"


class Tally(Frozen):
    """What was counted at one moment."""

    targets: int = 0
    """Targets in trouble; one with two failures counts once."""
    factor: str = ""
    """What the most of them share; empty when no two share anything."""
    sharing: int = 0
    """How many share it."""
    cause_shared: int = 0
    """The most that share a node, zone, registry or dependency."""

    def says(self) -> str:
        """The largest common factor with its count, for people."""
        return f"{self.factor}: {self.sharing} of {self.targets}" if self.factor else ""


def tally(troubles: Mapping[str, Iterable[str]]) -> Tally:
    """Count `troubles`: by target, the factors of all its failures. Of equal factors a cause goes before a place."""
    counts = Counter(factor for factors in troubles.values() for factor in set(factors))
    ranked = sorted(counts, key=lambda factor: (-counts[factor], factor.startswith(PLACE), factor))
    causes = [factor for factor in ranked if not factor.startswith(PLACE)]
    largest = ranked[0] if ranked and counts[ranked[0]] > 1 else ""
    return Tally(
        targets=len(troubles),
        factor=largest,
        sharing=counts[largest] if largest else 0,
        cause_shared=counts[causes[0]] if causes else 0,
    )


def must_count(rule: StormRule, seen: Tally) -> bool:
    """Whether it matters how many targets there are: enough are in trouble, and they share no cause."""
    return seen.cause_shared < rule.common_targets and seen.targets >= rule.targets


def begins(rule: StormRule, seen: Tally, of: int | None) -> bool:
    """Whether this is a storm. Where nobody knows of how many, enough targets are one: pausing is the safe side."""
    if seen.cause_shared >= rule.common_targets:
        return True
    return seen.targets >= rule.targets and (of is None or seen.targets >= rule.share * of)


def calms(rule: StormRule, seen: Tally, of: int | None) -> bool:
    """Whether less than half of what makes a storm is left."""
    return not begins(rule.halved(), seen, of)
