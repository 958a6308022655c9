"""What `byteport doctor` says of payload keys: by which one this process encrypts, and which others it opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from byteport.sandbox.home import Home
from byteport.temporal.keys import read_key_ring
from workers.examine import _keys


@pytest.mark.claim("C-462")
async def test_the_key_that_encrypts_is_told_first_and_then_those_that_only_open(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make_keys()
    made = home.payload_key.read_text()
    settings = home.write_config(
        cluster_name="here",
        cluster_uid="0b6e8f0e-6d0c-4a5e-9d2c-2f6f2b1f9a11",
        temporal_address="127.0.0.1:7233",
        kubeconfig=None,
    )
    (one,) = read_key_ring(home.payload_key).keys
    assert (await _keys(settings))[0].text == f"1, encrypting with {one.id}"
    home.payload_key.write_text("22" * 32 + "\n" + made)
    new, old = read_key_ring(home.payload_key).keys
    assert old == one
    assert (await _keys(settings))[0].text == f"2, encrypting with {new.id}, opening also {old.id}"
