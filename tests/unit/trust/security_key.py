"""A FIDO security key in software: signs as PROTOCOL.u2f says, and can be told not to have been touched."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from byteport.trust.public_keys import SK_ECDSA, SK_ED25519, USER_PRESENT, PublicKey
from byteport.trust.wire import mpint, string

APPLICATION = b"ssh:"


@dataclass
class SecurityKey:
    """A `sshsig.Signer`."""

    kind: str
    touched: bool = True
    ed: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)
    curve: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public_key(self) -> PublicKey:
        if self.kind == SK_ED25519:
            fields = string(self.ed.public_key().public_bytes_raw())
        else:
            point = self.curve.public_key().public_bytes(
                serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
            )
            fields = string(b"nistp256") + string(point)
        return PublicKey(string(self.kind.encode()) + fields + string(APPLICATION))

    def sign(self, data: bytes) -> bytes:
        flags = bytes([USER_PRESENT if self.touched else 0])
        counter = (7).to_bytes(4, "big")
        signed = hashlib.sha256(APPLICATION).digest() + flags + counter + hashlib.sha256(data).digest()
        if self.kind == SK_ECDSA:
            r, s = utils.decode_dss_signature(self.curve.sign(signed, ec.ECDSA(hashes.SHA256())))
            raw = mpint(r) + mpint(s)
        else:
            raw = self.ed.sign(signed)
        return string(self.kind.encode()) + string(raw) + flags + counter
