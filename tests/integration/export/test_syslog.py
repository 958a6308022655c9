"""Syslog over TLS to a strict server that ends connections in each way in which real ones do: shipped is what was read."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from activities.export import syslog
from activities.export.syslog import Syslog
from activities.export.target import Shipped
from byteport.contracts.stream_receivers import SyslogConfig
from byteport.errors import ConfigError, NotPermitted, Unavailable
from tests.builders.exported import NOTE, batch_of, entries, hostile_entries, read_back
from tests.integration.export.authority import Authority, names, own_address
from tests.integration.export.syslog_server import Ending, Server, serving

pytestmark = pytest.mark.ledger


def target(authority: Authority | None, server: Server | int, host: str = "localhost", **settings: Any) -> Syslog:
    port = server if isinstance(server, int) else server.port
    config = SyslogConfig.model_validate({"address": f"{host}:{port}", **settings})
    return Syslog(config, ca_file=authority.ca_file if authority else None)


@pytest.mark.parametrize("ending", [Ending.BY_THE_RFC, Ending.WITHOUT_A_NOTICE])
async def test_a_batch_is_shipped_once_the_server_has_closed_behind_its_last_octet(
    authority: Authority, ending: Ending
) -> None:
    made = entries(200)
    with serving(authority.server(), ending) as server:
        assert await target(authority, server).ship(batch_of(made, checkpoint=NOTE)) == Shipped(200, checkpoint=True)
    *records, checkpoint = server.messages()
    assert read_back(message.text.encode() for message in records) == made
    assert json.loads(checkpoint.text) == {"checkpoint": NOTE}


async def test_after_its_share_of_time_the_connection_is_ended_in_order_and_it_says_what_the_server_has_read(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.export.target.SHARE_SECONDS", 0.0)
    made, taken = entries(200), 0
    with serving(authority.server()) as server:
        while taken < len(made):
            taken = (await target(authority, server, largest_message=2048).ship(batch_of(made[taken:]))).last
    texts: dict[str, str] = {}
    for message in server.messages():
        element = message.elements["byteport@32473"]
        texts[element["id"]] = texts.get(element["id"], "") + message.text
    assert read_back(text.encode() for text in texts.values()) == made
    assert len(server.octets) > 2


@pytest.mark.parametrize("ending", [Ending.DROPPED, Ending.KILLED_HALFWAY, Ending.CLOSED_EARLY, Ending.GOODBYE_FIRST])
@pytest.mark.claim("C-154")
async def test_fault_23_a_server_that_does_not_end_in_order_gets_the_batch_again_with_the_same_ids(
    authority: Authority, ending: Ending
) -> None:
    made = entries(400)
    with serving(authority.server(), ending) as server:
        with pytest.raises(Unavailable):
            await target(authority, server).ship(batch_of(made))
        assert await target(authority, server).ship(batch_of(made)) == Shipped(400)
    by_id = {message.elements["byteport@32473"]["id"]: message for message in server.messages()}
    assert read_back(message.text.encode() for message in by_id.values()) == made
    assert len(server.messages()) == (800 if ending is Ending.DROPPED else 400)


async def test_a_server_that_never_closes_has_not_taken_the_batch(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog, "SECONDS", 2.0)
    with serving(authority.server(), Ending.NEVER) as server, pytest.raises(Unavailable, match="to its end"):
        await target(authority, server).ship(batch_of(entries(3)))


async def test_a_server_that_is_not_there_is_unavailable(authority: Authority) -> None:
    with serving(authority.server()) as server:
        port = server.port
    with pytest.raises(Unavailable, match="localhost"):
        await target(authority, port).ship(batch_of(entries(1)))


async def test_a_batch_of_nothing_opens_no_connection(authority: Authority) -> None:
    batch = batch_of(entries(1))
    nothing = type(batch)(batch.chain, 2, 1, ())
    assert await target(authority, 1).ship(nothing) == Shipped(1)


@pytest.mark.parametrize("server", ["of a stranger", "of another name", "expired"])
@pytest.mark.claim("C-150")
async def test_review_14_a_syslog_server_whose_certificate_does_not_hold_gets_nothing(
    authority: Authority, server: str
) -> None:
    tls = authority.server(
        *(["somebody.example"] if server == "of another name" else []),
        by_stranger=server == "of a stranger",
        expired=server == "expired",
    )
    refused = pytest.raises(NotPermitted, match=r"certificate of localhost does not hold .* audit\.export\.ca_file")
    with serving(tls) as listening, refused:
        await target(authority, listening).ship(batch_of(entries(1)))
    assert listening.octets == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
async def test_review_14_a_syslog_server_is_not_spoken_to_by_a_version_before_1_2(authority: Authority) -> None:
    old = authority.server()
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with serving(old) as server, pytest.raises(Unavailable, match="no TLS"):
        await target(authority, server).ship(batch_of(entries(1)))
    assert server.octets == []


@pytest.mark.parametrize("answer", ["169.254.169.254", "127.0.0.1", "::ffff:a9fe:a9fe"])
@pytest.mark.claim("C-151")
async def test_review_14_a_syslog_servers_name_is_refused_when_it_lies_inside(
    authority: Authority, answer: str
) -> None:
    with names(lambda _: ["192.0.2.1", answer]), pytest.raises(NotPermitted, match=r"receiver\.example is a"):
        await target(authority, 6514, "receiver.example").ship(batch_of(entries(1)))


async def test_review_14_what_a_syslog_servers_name_meant_is_asked_of_the_socket_too(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.export.reach.Reach.check_all", lambda *_: None)
    inside = names(lambda _: ["127.0.0.1"])
    with serving(authority.server()) as server, inside, pytest.raises(NotPermitted, match="loopback"):
        await target(authority, server, "receiver.example").ship(batch_of(entries(1)))
    assert server.octets == []


async def test_a_server_of_another_machine_is_reached_by_its_name(authority: Authority) -> None:
    own = own_address()
    with serving(authority.server(), host=own) as server, names(lambda _: [own]):
        assert await target(authority, server, "receiver.example").ship(batch_of(entries(1))) == Shipped(1)


async def test_a_server_that_asks_for_a_certificate_is_shown_ours(authority: Authority) -> None:
    certificate, key = authority.files("agent")
    asks = authority.server()
    asks.verify_mode = ssl.CERT_REQUIRED
    authority.trusted.configure_trust(asks)
    settings: dict[str, Any] = {"client_certificate_file": certificate, "client_key_file": key}
    with serving(asks) as server:
        assert await target(authority, server, **settings).ship(batch_of(entries(1))) == Shipped(1)
        with pytest.raises((NotPermitted, Unavailable)):
            await target(authority, server).ship(batch_of(entries(1)))
    assert len(server.octets) == 1
    assert server.certificates[0]


@pytest.mark.claim("C-153")
async def test_review_13_hostile_text_in_every_field_makes_no_message_of_its_own(authority: Authority) -> None:
    made = hostile_entries(2)
    with serving(authority.server()) as server:
        await target(authority, server, largest_message=65536).ship(batch_of(made))
    assert len(server.messages()) == 2
    assert read_back(message.text.encode() for message in server.messages()) == made
    assert {message.host for message in server.messages()} == {batch_of(made).chain.cluster_uid}


def test_what_is_missing_or_cannot_be_used_is_named(authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"audit\.export\.syslog\.address"):
        Syslog(SyslogConfig())
    certificate, _ = authority.files("agent")
    (tmp_path / "empty").write_text("")
    for key in (tmp_path / "none", tmp_path / "empty"):
        with pytest.raises(ConfigError, match=r"audit\.export\.syslog\.client_certificate_file"):
            target(authority, 1, client_certificate_file=certificate, client_key_file=key)
