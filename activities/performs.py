"""`@performs(ACT)`: a method becomes the activity of one act, under the act's own name, types and errors.

Comes after `byteport/contracts` (the act) and before `workers/wiring.py`, which asks `act_of` where to register it.
"""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pydantic import BaseModel
from temporalio import activity
from temporalio.exceptions import FailureError

from byteport.contracts.acts import Act
from byteport.errors import BytePortError
from byteport.temporal.failures import to_application_error, unexpected_error

Owner = TypeVar("Owner")
In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)

Method = Callable[[Owner, In], Coroutine[Any, Any, Out]]

_ACT = "__byteport_act__"


def performs(act: Act[In, Out]) -> Callable[[Method[Owner, In, Out]], Method[Owner, In, Out]]:
    """Register an async method as the implementation of `act`.

    The method takes `act.takes` and gives `act.gives`: the type checker sees to it, and a method whose annotations
    say otherwise does not import. Errors of ours reach Temporal by `to_application_error`; whatever else escapes is
    logged here and crosses as its class name only, because an exception's text may quote what was read.
    """

    def decorate(method: Method[Owner, In, Out]) -> Method[Owner, In, Out]:
        hints = typing.get_type_hints(method)
        taken = [hint for name, hint in hints.items() if name != "return"]
        if taken != [act.takes] or hints.get("return") is not act.gives:
            raise TypeError(
                f"{act.name} takes {act.takes.__name__} and gives {act.gives.__name__}; {method!r} does not"
            )

        @functools.wraps(method)
        async def perform(self: Owner, call: In) -> Out:
            try:
                return await method(self, call)
            except FailureError:
                raise
            except BytePortError as error:
                raise to_application_error(error) from None
            except Exception as error:  # noqa: BLE001  the border: nothing foreign may cross it
                activity.logger.exception("%s failed", act.name)
                raise unexpected_error(error) from None

        registered = activity.defn(name=act.name)(perform)
        setattr(registered, _ACT, act)
        return registered

    return decorate


def act_of(method: Callable[..., Any]) -> Act[Any, Any]:
    """The act that a decorated method (bound or not) performs. Raises `TypeError` for any other callable."""
    act = getattr(method, _ACT, None)
    if not isinstance(act, Act):
        raise TypeError(f"{method!r} performs no act")
    return act


def activities_of(owner: object) -> list[Callable[..., Any]]:
    """Every method of `owner` that performs an act, bound, ready for a worker's list of activities."""
    names = [name for name in dir(type(owner)) if hasattr(getattr(type(owner), name), _ACT)]
    return [getattr(owner, name) for name in names]
