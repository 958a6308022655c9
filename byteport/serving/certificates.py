"""What a client certificate proves. TLS has verified it against the configured authority before anything of this runs.

`serve` puts the certificate into the request's scope; each face looks up what is found here. Its end is looked at once
more, because a connection may outlive it.
"""

from __future__ import annotations

import contextlib
import hashlib
from datetime import datetime
from typing import NamedTuple

from cryptography import x509

from byteport.contracts.issuers import CertificateIdentity
from byteport.serving.problems import Code, Problem


class Presented(NamedTuple):
    """The ways in which a face's list may name this certificate."""

    names: frozenset[CertificateIdentity]


def identify(certificate: bytes, now: datetime) -> Presented:
    """By its fingerprint, and by its SPIFFE id where it has exactly one URI, as SPIFFE demands.

    Raises `Problem` when it cannot be read or is not valid now.
    """
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        begins, ends = parsed.not_valid_before_utc, parsed.not_valid_after_utc
        uris = _uris(parsed)
    except (ValueError, x509.DuplicateExtension):
        raise Problem(Code.CREDENTIAL_INVALID, "the client certificate cannot be read") from None
    if not begins <= now < ends:
        raise Problem(Code.CREDENTIAL_INVALID, "the client certificate is not valid now; renew it")
    names = {CertificateIdentity(sha256=hashlib.sha256(certificate).hexdigest())}
    if len(uris) == 1:
        with contextlib.suppress(ValueError):  # a URI that is no SPIFFE id names nobody
            names.add(CertificateIdentity(spiffe=uris[0]))
    return Presented(frozenset(names))


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)
