"""Addresses to which nothing is sent, in every spelling; and ordinary ones, which are left alone."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.domain.addresses import Place, literal, names_loopback, place_of


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("169.254.169.254", Place.METADATA),
        ("169.254.170.2", Place.METADATA),
        ("169.254.170.23", Place.METADATA),
        ("168.63.129.16", Place.METADATA),
        ("100.100.100.200", Place.METADATA),
        ("192.0.0.192", Place.METADATA),
        ("fd00:ec2::254", Place.METADATA),
        ("fd20:ce::254", Place.METADATA),
        ("::ffff:169.254.169.254", Place.METADATA),
        ("::169.254.169.254", Place.METADATA),
        ("64:ff9b::a9fe:a9fe", Place.METADATA),
        ("64:ff9b:1::a9fe:a9fe", Place.METADATA),
        ("64:ff9b:1:a9fe:a9:fe00::", Place.METADATA),
        ("64:ff9b:1:a9:fe:a9fe::", Place.METADATA),
        ("64:ff9b:1:0:a9:fea9:fe00:0", Place.METADATA),
        ("64:ff9b:1:fffe::5db8:d822", Place.ORDINARY),
        ("2002:a9fe:a9fe::1", Place.METADATA),
        ("2001:0:4136:e378:8000:63bf:5601:5601", Place.METADATA),
        ("fd00:1::5efe:a9fe:a9fe", Place.METADATA),
        ("169.254.1.1", Place.LINK_LOCAL),
        ("fe80::1", Place.LINK_LOCAL),
        ("::ffff:169.254.1.1", Place.LINK_LOCAL),
        ("127.0.0.1", Place.LOOPBACK),
        ("127.255.0.9", Place.LOOPBACK),
        ("::1", Place.LOOPBACK),
        ("::ffff:127.0.0.1", Place.LOOPBACK),
        ("64:ff9b::7f00:1", Place.LOOPBACK),
        ("0.0.0.0", Place.UNSPECIFIED),
        ("0.1.2.3", Place.UNSPECIFIED),
        ("::", Place.UNSPECIFIED),
        ("::ffff:0.0.0.0", Place.UNSPECIFIED),
        ("224.0.0.1", Place.MULTICAST),
        ("ff02::1", Place.MULTICAST),
        ("255.255.255.255", Place.RESERVED),
        ("250.1.1.1", Place.RESERVED),
        ("10.0.0.1", Place.ORDINARY),
        ("192.168.1.1", Place.ORDINARY),
        ("93.184.216.34", Place.ORDINARY),
        ("2606:4700::1111", Place.ORDINARY),
        ("fd00::2", Place.ORDINARY),
        ("64:ff9b::5db8:d822", Place.ORDINARY),
    ],
)
def test_an_address_is_known_for_what_it_is_and_for_what_it_carries(text: str, place: Place) -> None:
    assert place_of(ip_address(text)) is place


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.169.254.",
        "2852039166",
        "0xa9fea9fe",
        "0XA9FEA9FE",
        "0251.0376.0251.0376",
        "0251.254.0xa9.254",
        "169.254.43518",
        "169.16689662",
        "025177524776",
        "[::ffff:169.254.169.254]",
        "::ffff:a9fe:a9fe",
        "fe80::a9fe:a9fe%eth0",
    ],
)
def test_every_spelling_of_the_metadata_address_is_read_as_it(host: str) -> None:
    address = literal(host)
    assert address is not None
    assert place_of(address) is Place.METADATA


@pytest.mark.parametrize(
    "host", ["receiver.example", "1.2.3.4.5", "256.1.1.1", "09.1.1.1", "a9fe", "", "1..2", "9" * 5000]
)
def test_a_name_and_what_is_no_address_is_none(host: str) -> None:
    assert literal(host) is None


@given(
    st.lists(
        st.sampled_from(["0", "1", "10", "0x1f", "0377", "255", "256", "65535", "08", "16777216", "4294967295"]),
        max_size=5,
    )
)
def test_old_spellings_are_read_as_the_machines_own_resolver_reads_them(parts: list[str]) -> None:
    host = ".".join(parts)
    try:
        expected = IPv4Address(socket.inet_aton(host)) if host else None
    except OSError:
        expected = None
    assert literal(host) == expected


@given(st.ip_addresses(v=4))
def test_an_address_that_is_carried_is_what_it_is_by_itself(address: IPv4Address) -> None:
    plain = place_of(address)
    for carrier in ("::ffff:{}", "64:ff9b::{}"):
        assert place_of(IPv6Address(carrier.format(address))) is plain


@pytest.mark.parametrize(
    ("host", "plainly"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("localhost.example", False),
        ("receiver.example", False),
        ("10.0.0.1", False),
    ],
)
def test_only_a_host_that_is_plainly_this_machine_names_it(host: str, plainly: bool) -> None:
    assert names_loopback(host) is plainly
