"""Payload keys in a real OpenBao: read by a pod and by a person, changed while a process runs, refused, and sealed."""

from __future__ import annotations

from typing import Any

import pytest

from byteport.errors import NotPermitted, Unavailable
from byteport.settings import Settings
from byteport.temporal.keys import KnownKeys, PayloadKey
from tests.integration.secrets.vaults import World
from workers.payload_keys import payload_keys

pytestmark = pytest.mark.peers

FIRST, SECOND = "11" * 32, "22" * 32
ONE, TWO = (PayloadKey(bytes.fromhex(text)) for text in (FIRST, SECOND))


def of(world: World, **vault: Any) -> Settings:
    plain = {"address": world.bao.url, "jwt_file": str(world.token)} | vault
    return Settings.model_validate(
        {
            "cluster": {"name": "test"},
            "temporal": {"payload_keys": "byteport/payload#keys"},
            "secret": {"backend": "vault", "seconds": 20, "ca_file": str(world.authority.ca_file), "vault": plain},
        }
    )


@pytest.mark.claim("C-464")
async def test_review_16_keys_of_a_real_backend_follow_a_rotation_and_outlive_a_refusal_and_a_seal(
    world: World,
) -> None:
    world.bao.keep("byteport/payload", keys=FIRST)
    ring = await payload_keys(of(world))
    assert isinstance(ring, KnownKeys)
    world.bao.keep("byteport/payload", keys=f"{FIRST}\n{SECOND}\n")
    assert await ring.look()
    assert ring.keys == (ONE, TWO)
    world.write("token", world.tokens["other account"])
    with pytest.raises(NotPermitted):
        await ring.look()
    assert ring.keys == (ONE, TWO)
    world.write("token", world.tokens["ours"])
    world.bao.keep("byteport/payload", keys=f"{SECOND}\n{FIRST}\n")
    ring.every = 0.0  # the others have looked
    assert await ring.look()
    assert ring.active == TWO


@pytest.mark.claim("C-464")
async def test_a_person_reads_them_by_a_token_of_their_own_and_nobody_without(world: World) -> None:
    world.bao.keep("byteport/payload", keys=FIRST)
    made = world.bao.must("POST", "auth/token/create", {"policies": ["byteport"], "ttl": "2m"})["auth"]["client_token"]
    file = world.write("vault-token", made)
    ring = await payload_keys(of(world, auth="token-file", token_file=str(file)))
    assert ring.keys == (ONE,)
    stranger = world.bao.must("POST", "auth/token/create", {"policies": ["default"], "ttl": "2m"})["auth"]
    file = world.write("vault-token", stranger["client_token"])
    with pytest.raises((NotPermitted, Unavailable)) as refused:
        await payload_keys(of(world, auth="token-file", token_file=str(file)))
    assert isinstance(refused.value, NotPermitted)
