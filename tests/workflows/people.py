"""People with keys: who may answer, whose key was taken away, and what they sign."""

from __future__ import annotations

import secrets
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from byteport.domain.approvals import SIGNATURE_NAMESPACE, Answer, ApprovalRequest, SignedAnswer
from byteport.trust.allowed_signers import allowed_signers_line
from byteport.trust.answers import answer_text, sign_answer
from byteport.trust.private_keys import PrivateKey, new_private_key

REASON = "looks right to me"


class People:
    """The `allowed_signers` and revoked keys of one installation. Ada and Grace may answer; Mallory has a key too."""

    def __init__(self, keys: Path) -> None:
        self._allowed_file = keys / "allowed_signers"
        self._revoked_file = keys / "revoked_keys"
        self._keys: dict[str, list[PrivateKey]] = defaultdict(lambda: [new_private_key()])
        self._allowed: list[str] = []
        self._revoked: list[PrivateKey] = []
        self.allow("ada", "grace")

    def allow(self, *names: str) -> None:
        self._allowed = [*dict.fromkeys((*self._allowed, *names))]
        self._write()

    def remove(self, name: str) -> None:
        """Take a person out of the file."""
        self._allowed.remove(name)
        self._write()

    def revoke(self, name: str) -> None:
        """Revoke every key of a person."""
        self._revoked += self._keys[name]
        self._write()

    def second_key(self, name: str) -> None:
        """Give a person one more key; the newest signs."""
        self._keys[name].append(new_private_key())
        self._write()

    def sign(
        self, request: ApprovalRequest, answer: Answer, *, by: str, now: datetime, reason: str = REASON, key: int = -1
    ) -> SignedAnswer:
        """What a person's `byteport approve` or `reject` makes."""
        text = answer_text(request, answer, reason=reason, now=now, answer_id=secrets.token_hex(16))
        return sign_answer(text, self._keys[by][key], reason=reason)

    def _write(self) -> None:
        lines = [
            allowed_signers_line(name, key.public_key, SIGNATURE_NAMESPACE)
            for name in self._allowed
            for key in self._keys[name]
        ]
        self._allowed_file.write_text("".join(line + "\n" for line in lines))
        self._revoked_file.write_text("".join(key.public_key.line + "\n" for key in self._revoked))
