"""Blocks of addresses in the NetworkPolicies: one that holds a cloud's metadata is rendered without it; what is no block is refused.

The chart reckons with bits, in Helm's own words (`_network.tpl`); here Python's `ipaddress` says what must come out.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import pytest

from byteport.kubernetes.port import JSON
from tests.chart.test_network import ports, reached
from tests.chart.test_refusals import refusal

Network = IPv4Network | IPv6Network


def blocks(rules: list[JSON]) -> list[JSON]:
    return [peer["ipBlock"] for rule in rules for peer in rule["to"] if "ipBlock" in peer]


METADATA = [
    *map(ip_network, ("169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32")),
    *map(ip_network, ("2002:a9fe::/32", "2002:6464:64c8::/48", "2002:a83f:8110::/48", "2002:c000:c0::/48")),
    *(
        ip_network(f"{prefix}::{within}")
        for prefix in ("64:ff9b", "64:ff9b:1")
        for within in ("a9fe:0/112", "6464:64c8", "a83f:8110", "c000:c0")
    ),
    *map(ip_network, ("fe80::/10", "fd00:ec2::/32", "fd00:c1::a9fe:a9fe", "fd00:42::42", "fd20:ce::254")),
]
"""Link-local, and where else a cloud tells a machine who it is; and the same where a network translates."""


def inside(one: Network, other: Network) -> bool:
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.subnet_of(other)
    return isinstance(one, IPv6Network) and isinstance(other, IPv6Network) and one.subnet_of(other)


def left_out(cidr: str) -> set[Network]:
    """What must be left out of a block, by Python's own arithmetic."""
    return {one for one in METADATA if inside(one, ip_network(cidr))}


WIDE = [
    ["0.0.0.0/0", "::/0"],
    ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"],
    ["100.0.0.0/8", "168.63.128.0/17", "192.0.0.0/24", "169.254.0.0/15", "168.63.129.16/31"],
    [
        "fc00::/7",
        "fd00::/8",
        "FD00:0C1::/32",
        "fd00:c1:0:0::/64",
        "fd20:ce:0:0:0:0:0:0/120",
        "fe00::/9",
        "fd00:42::/123",
    ],
    ["10.0.0.0/8", "203.0.113.7/32", "2001:db8::/32", "2001:DB8:1:2:3:4:5:6/128", "::1/128"],
    ["64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "64:ff9b::a9fe:0/111"],
]


@pytest.mark.claim("C-148")
@pytest.mark.parametrize("cidrs", WIDE, ids=" ".join)
@pytest.mark.parametrize("value", ["apiServer", "temporal", "extraEgress"])
def test_review_14_and_19_no_block_that_holds_a_clouds_metadata_lets_it_through(value: str, cidrs: list[str]) -> None:
    own = [{"to": [{"ipBlock": {"cidr": cidr}} for cidr in cidrs], "ports": [{"port": 443}]}]
    given = own if value == "extraEgress" else {"cidrs": cidrs}
    away = {"address": "temporal.example.com:7233"}
    rules = reached({"temporal": away, "networkPolicy": {value: given}}, "agent")
    found = {block["cidr"]: {ip_network(one) for one in block.get("except", [])} for block in blocks(rules)}
    assert {cidr: found[cidr] for cidr in cidrs} == {cidr: left_out(cidr) for cidr in cidrs}
    assert all(found[cidr] == left_out(cidr) for cidr in found)


def test_what_somebody_left_out_already_is_not_left_out_twice() -> None:
    block = {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16", "192.0.0.0/8", "10.0.0.0/8"]}
    (rule,) = [
        rule
        for rule in reached(extra({"ipBlock": block}, {"podSelector": {}}), "rest")
        if ports([rule]) == {("UDP", 8443)}
    ]
    more = ["100.100.100.200/32", "168.63.129.16/32"]
    assert rule["to"] == [{"ipBlock": {**block, "except": [*block["except"], *more]}}, {"podSelector": {}}]


def extra(*peers: JSON) -> dict[str, Any]:
    return {"networkPolicy": {"extraEgress": [{"to": list(peers), "ports": [{"protocol": "UDP", "port": 8443}]}]}}


@pytest.mark.claim("C-148")
def test_such_an_address_is_reached_only_where_it_is_named_by_itself_in_a_rule_of_ones_own() -> None:
    named = {"cidr": "169.254.169.254/32"}
    assert named in blocks(reached(extra({"ipBlock": named}), "rest"))
    for cidr in ("169.254.169.254/32", "169.254.0.0/16", "fe80::/64", "FD00:EC2::254/128"):
        for value in ("apiServer", "temporal"):
            values = {"temporal": {"address": "t.example.com:1"}, "networkPolicy": {value: {"cidrs": [cidr]}}}
            assert f'networkPolicy.{value}.cidrs has "{cidr}", which lies in ' in refusal(values)


NO_BLOCKS = [
    *("0.0.0.0/00", "0.0.0.0/08", "010.0.0.0/8", "10.0.0.0/33", "256.0.0.0/8", "999.0.0.0/99"),
    *("::0/00", "::/129", ":::/0", "1::2::/64", "1:2:3:4:5:6:7/128", "1:2:3:4:5:6:7:8:9/128", "1:2:3::4:5:6:7:8/128"),
    *("12345::/32", ":1::/32", "1:/32", "::10.0.0.0/104"),
]


@pytest.mark.claim("C-148")
@pytest.mark.parametrize(
    ("cidr", "what"),
    [
        *((cidr, "is no block of addresses") for cidr in NO_BLOCKS),
        *(
            (cidr, "bits beyond")
            for cidr in ("10.0.0.1/8", "0.0.0.1/0", "128.0.0.0/0", "fd00::1/8", "::1/0", "fe00::/6")
        ),
        *((cidr, "is of IPv4") for cidr in ("::ffff:a9fe:a9fe/128", "0:0:0:0:0:FFFF:0:0/96")),
    ],
)
def test_what_is_no_block_of_addresses_is_refused_in_one_line_that_names_it(cidr: str, what: str) -> None:
    api = {"networkPolicy": {"apiServer": {"cidrs": [cidr]}}}
    for values, where in (
        (api, "apiServer.cidrs"),
        (extra({"ipBlock": {"cidr": cidr}}), "extraEgress[0].to[0].ipBlock"),
    ):
        said = refusal(values)
        assert f'byteport: networkPolicy.{where} has "{cidr}", ' in said
        assert what in said
        assert len(said.splitlines()) == 1


def test_what_is_left_out_of_a_block_is_a_part_of_it() -> None:
    """The API server would refuse it, in the middle of an installation."""
    for cidr in ("11.0.0.0/8", "10.0.0.0/8", "8.0.0.0/6", "a00::/8"):
        said = refusal(extra({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", cidr]}}))
        assert f'networkPolicy.extraEgress[0].to[0].ipBlock leaves "{cidr}" out of "10.0.0.0/8"' in said
