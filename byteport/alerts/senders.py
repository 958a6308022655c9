"""By what name a sender is known to an incident: what the settings list it as, never what it proves itself by.

Comes before `callers.py` and `sns.py`. The end of an alert counts only from the sender of that alert (`workflows/alerts_heard.py`), so
a name has to outlive what proves it: a token is changed under its name, a certificate under its SPIFFE id.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from byteport.contracts.issuers import CertificateIdentity, TokenIdentity
from byteport.domain.redaction import sanitised

UNNAMED = "token"
"""All tokens that have no name: they are one sender together."""
LONGEST = 80
_UNSHOWN = re.compile(r"[^A-Za-z0-9._:/@+-]")


class Caller(NamedTuple):
    """Whoever is let in."""

    share: str
    """A word for their allowance."""
    sender: str
    """Their name."""


def of_token(name: str) -> str:
    """Of a token that the file names; without a name, of all of these."""
    return _named("token", name) if name else UNNAMED


def of_certificate(listed: CertificateIdentity) -> str:
    """By its SPIFFE id, which a renewed one has, too; one that is listed by its fingerprint is another once it is renewed."""
    return _named("certificate", listed.spiffe or f"sha256:{listed.sha256}")


def of_workload(listed: TokenIdentity) -> str:
    return _named("workload", f"{listed.issuer}/{listed.subject}")


def of_topic(arn: str) -> str:
    return _named("sns", arn)


def _named(kind: str, name: str) -> str:
    """Short and plain: of what is shown otherwise than it is, a digest keeps it apart from others. No `:` stands behind the word
    `token`, or whoever redacts a text would take the name for one."""
    full = f"{kind}/{name}"
    shown = _UNSHOWN.sub("_", sanitised(full))[:LONGEST]
    return full if shown == full else f"{shown}~{hashlib.sha256(full.encode()).hexdigest()[:12]}"
