"""Whether a namespace's quotas leave room for the pods that going back would add.

A rollback to a revision with larger requests, or with fewer pods than are wanted, makes pods. Where a quota refuses
them, the Deployment ends with fewer than before. `rollout_reading.py` asks for each revision that still has pods.
"""

from __future__ import annotations

from fractions import Fraction

from byteport.kubernetes import fields
from byteport.kubernetes.quantities import demand, quantity
from byteport.kubernetes.templates import template_of
from byteport.kubernetes.world import JSON, World


def quota_short(world: World, target: JSON, newest: JSON | None, wanted: int) -> bool:
    """True when some quota of the namespace would refuse the pods that `target` still lacks of `wanted`.

    What the pods of `newest` hold is counted as free: the controller removes a revision's unhealthy pods before it
    makes others. Scoped quotas are taken as if they applied.
    """
    lacking = max(0, wanted - fields.count(fields.at(target, "spec", "replicas")))
    if lacking == 0:
        return False
    needs = _times(demand(fields.at(template_of(target), "spec")), lacking)
    freed: dict[str, Fraction] = {}
    if newest is not None:
        freed = _times(
            demand(fields.at(template_of(newest), "spec")), fields.count(fields.at(newest, "status", "replicas"))
        )
    namespace = fields.name(fields.metadata(target).get("namespace"))
    return any(_refuses(quota, needs, freed) for quota in world.of("ResourceQuota", namespace))


def _refuses(quota: JSON, needs: dict[str, Fraction], freed: dict[str, Fraction]) -> bool:
    hard = {**fields.mapping(fields.at(quota, "spec", "hard")), **fields.mapping(fields.at(quota, "status", "hard"))}
    used = fields.mapping(fields.at(quota, "status", "used"))
    for key, limit in hard.items():
        most = quantity(limit)
        if most is None or key not in needs:
            continue
        held = quantity(used.get(key)) or Fraction(0)
        if max(Fraction(0), held - freed.get(key, Fraction(0))) + needs[key] > most:
            return True
    return False


def _times(amounts: dict[str, Fraction], pods: int) -> dict[str, Fraction]:
    return {key: amount * pods for key, amount in amounts.items()}
