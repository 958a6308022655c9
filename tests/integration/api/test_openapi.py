"""The OpenAPI document holds for a running server: whatever is sent, each answer is one that it describes, and none is a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.checks import negative_data_rejection, unsupported_method

from byteport.api.app import openapi
from tests.builders.postgres import Server
from tests.integration.api.conftest import ingesting
from tests.integration.api.world import World

pytestmark = pytest.mark.ledger

schema = schemathesis.openapi.from_dict(openapi())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[World]:
    """On PostgreSQL, which refuses texts that a file would take."""
    database = postgres.database()
    with World(tmp_path_factory.mktemp("fuzzed"), ingesting(database)).running() as world:
        yield world
    postgres.give_back(database)


@pytest.fixture(scope="module")
def sessions(world: World) -> Iterator[dict[str, requests.Session]]:
    """An agent for what hands in, a reader for the rest; with something to read."""
    agent, reader = requests.Session(), requests.Session()
    for session in (agent, reader):
        session.verify, session.trust_env = str(world.authority.file), False
    agent.headers["Authorization"] = f"Bearer {world.clusters['acme'].token()}"
    shown = world.authority.client("auditor", "spiffe://acme.example/auditor")
    reader.cert = (str(shown.certificate), str(shown.key))
    log = world.logs["acme"].append(30)
    body = b"".join(line + b"\n" for line in (*log.lines(), log.checkpoint()))
    headers = {"Content-Type": "application/x-ndjson"}
    assert agent.post(f"{world.url}/v1/records", data=body, headers=headers, timeout=10).status_code == 200
    yield {"POST": agent, "GET": reader}
    agent.close()
    reader.close()


@schemathesis.serializer("application/x-ndjson")
def as_it_is(ctx: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def told(case: schemathesis.Case[Any], world: World, session: requests.Session) -> None:
    answer = case.call(base_url=world.url, session=session, verify=session.verify, cert=session.cert, timeout=10)
    case.validate_response(answer, checks=CHECKS)


@schema.include(method="GET").parametrize()
@settings(max_examples=5, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_every_answer_to_a_reader_is_one_that_the_document_describes(
    case: schemathesis.Case[Any], world: World, sessions: dict[str, requests.Session]
) -> None:
    told(case, world, sessions["GET"])


@schema.include(method="POST").parametrize()
@settings(max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_every_answer_to_an_agent_is_one_that_the_document_describes(
    case: schemathesis.Case[Any], world: World, sessions: dict[str, requests.Session]
) -> None:
    told(case, world, sessions["POST"])
