"""A pod deleted as it is at this moment, for a test whose subject is not what happens when it moves.

The controllers and the kubelet write to a pod when they like, so a version that was read a moment ago may be another
by the time of the call, which then does nothing (409). Whatever deletes as a step on its way reads again.
"""

from __future__ import annotations

from byteport.errors import Moved
from byteport.kubernetes.port import JSON, PODS, Attribution, ClusterPort

TRIES = 50


async def delete_as_it_is(port: ClusterPort, pod: JSON, *, by: Attribution) -> None:
    """Delete the very pod whose metadata that is, through the port, at whatever version it has by now.

    Raises what the port raises for any other reason, `TargetGone` where it is no more, and `Moved` where it never
    held still.
    """
    namespace, name, uid = pod["namespace"], pod["name"], pod["uid"]
    version = pod["resourceVersion"]
    for left in reversed(range(TRIES)):
        try:
            return await port.delete(PODS, namespace, name, uid=uid, resource_version=version, by=by)
        except Moved:
            if not left:
                raise
            version = (await port.get(PODS, namespace, name))["metadata"]["resourceVersion"]
    return None
