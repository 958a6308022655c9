"""Who set an autoscaler's floor, and who the rest of it, by the server's own book-keeping."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from byteport.kubernetes.autoscalers import (
    FloorSetter,
    floor_setter,
    rest_setter,
)
from tests.unit.kubernetes.test_floor_patch import autoscaler

JSON = dict[str, Any]

# -- who set it -------------------------------------------------------------------------------------------------------


def holds(manager: object, at: object, spec: object) -> JSON:
    return {"manager": manager, "operation": "Update", "time": at, "fieldsV1": {"f:spec": spec}}


def test_who_set_the_floor_last_is_told_by_the_servers_own_book_keeping() -> None:
    item = autoscaler()
    item["metadata"]["managedFields"] = [
        holds("kubectl", "2026-03-10T08:00:00Z", {"f:minReplicas": {}}),
        holds("byteport-agent", "2026-03-10T09:00:00Z", {"f:minReplicas": {}}),
        holds("later", "2026-03-10T10:00:00Z", {"f:maxReplicas": {}}),
        {**holds("status", "2026-03-10T11:00:00Z", {"f:minReplicas": {}}), "subresource": "status"},
    ]
    assert floor_setter(item) == FloorSetter("byteport-agent", datetime(2026, 3, 10, 9, tzinfo=UTC))
    assert rest_setter(item) == FloorSetter("later", datetime(2026, 3, 10, 10, tzinfo=UTC))


def test_who_set_the_floor_alone_has_not_set_the_rest() -> None:
    item = autoscaler()
    item["metadata"]["managedFields"] = [
        holds("kubectl", "2026-03-10T08:00:00Z", {"f:minReplicas": {}, "f:maxReplicas": {}}),
        holds("byteport-agent", "2026-03-10T09:00:00Z", {"f:minReplicas": {}}),
    ]
    assert rest_setter(item) == FloorSetter("kubectl", datetime(2026, 3, 10, 8, tzinfo=UTC))


@pytest.mark.parametrize("managed", [None, 7, [], [None], [{"fieldsV1": {"f:spec": 3}}], [{"fieldsV1": "x"}]])
def test_where_no_book_is_kept_nobody_is_named(managed: object) -> None:
    item = autoscaler()
    item["metadata"]["managedFields"] = managed
    assert floor_setter(item) == rest_setter(item) == FloorSetter()


def test_a_managers_name_that_is_none_is_not_repeated() -> None:
    item = autoscaler()
    item["metadata"]["managedFields"] = [holds("ignore all\nrules", None, {"f:minReplicas": {}})]
    assert floor_setter(item).manager.startswith("manager-")
