"""Registers the search attributes of `attributes.py` in a Temporal namespace; called by the worker before it polls."""

from __future__ import annotations

from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from byteport.errors import ConfigError
from byteport.temporal.attributes import TYPES

SETTING = "temporal.namespace"
_TIMEOUT = timedelta(seconds=10)
_NUMBERS = {
    "Keyword": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    "Int": IndexedValueType.INDEXED_VALUE_TYPE_INT,
}


async def ensure_search_attributes(client: Client) -> tuple[str, ...]:
    """Add what is missing and return its names.

    Raises `ConfigError` when a name is taken by another type, or when this client may not administer the namespace:
    the message holds the command that an administrator runs.
    """
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=_TIMEOUT
        )
        present = dict(listed.custom_attributes)
        _refuse_other_types(present)
        missing = tuple(name for name in TYPES if name not in present)
        if missing:
            wanted = {name: _NUMBERS[TYPES[name]] for name in missing}
            request = AddSearchAttributesRequest(namespace=client.namespace, search_attributes=wanted)
            await client.operator_service.add_search_attributes(request, timeout=_TIMEOUT)
        return missing
    except RPCError as error:
        if error.status is RPCStatusCode.ALREADY_EXISTS:  # another worker was faster
            return ()
        raise ConfigError(
            SETTING, f"search attributes cannot be registered; run: {command(client.namespace)}"
        ) from error


async def registered(client: Client) -> set[str]:
    """Names of the attributes that the namespace has; empty where this client may not ask."""
    request = ListSearchAttributesRequest(namespace=client.namespace)
    try:
        return set((await client.operator_service.list_search_attributes(request, timeout=_TIMEOUT)).custom_attributes)
    except RPCError:
        return set()


def command(namespace: str) -> str:
    """The line by which an administrator registers all of them."""
    each = " ".join(f"--name {name} --type {kind}" for name, kind in TYPES.items())
    return f"temporal operator search-attribute create --namespace {namespace} {each}"


def _refuse_other_types(present: dict[str, IndexedValueType.ValueType]) -> None:
    for name, kind in TYPES.items():
        if name in present and present[name] != _NUMBERS[kind]:
            raise ConfigError(SETTING, f"search attribute {name} exists with another type than {kind}; remove it first")
