"""SNS as AWS documents it: messages signed over their members in the documented order, by a certificate of its host's.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from byteport.errors import Unavailable

TOPIC = "arn:aws:sns:eu-west-1:000000000000:runbooks"
HOST = "https://sns.eu-west-1.amazonaws.com"
CERTIFICATE = f"{HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
ORDER = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}


class Sns:
    """One region's SNS: it signs, and serves its certificate at the one URL; it counts what it is asked."""

    def __init__(
        self,
        at: datetime,
        *,
        name: str = "sns.amazonaws.com",
        bits: int = 2048,
        holds: timedelta = timedelta(days=365),
    ) -> None:
        self.at = at
        self.asked: list[str] = []
        self.confirmed = threading.Event()
        self._key = rsa.generate_private_key(65537, bits)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(at - timedelta(days=1))
            .not_valid_after(at - timedelta(days=1) + holds)
            .sign(self._key, hashes.SHA256())
        )
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if url == CERTIFICATE:
            return self.pem
        if url.startswith(f"{HOST}/?Action=ConfirmSubscription"):
            self.confirmed.set()
            return b"<ConfirmSubscriptionResponse/>"
        raise Unavailable("there is nothing")

    def message(self, text: str, *, kind: str = "Notification", version: str = "1", **changes: Any) -> dict[str, Any]:
        """Signed, with `changes` made before; None takes a member out."""
        plain = {
            "Type": kind,
            "MessageId": str(uuid.uuid4()),
            "TopicArn": TOPIC,
            "Subject": 'ALARM: "x"',
            "Message": text,
            "Timestamp": self.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if kind != "Notification":
            plain |= {
                "Token": "2336412f37",
                "SubscribeURL": f"{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37",
            }
            del plain["Subject"]
        plain = {name: value for name, value in (plain | changes).items() if value is not None}
        return self.sign(plain, version)

    def sign(self, plain: dict[str, Any], version: str = "1") -> dict[str, Any]:
        text = "".join(f"{name}\n{plain[name]}\n" for name in ORDER[plain["Type"]] if name in plain)
        algorithm: hashes.HashAlgorithm = hashes.SHA1() if version == "1" else hashes.SHA256()
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), algorithm)
        return {
            "SignatureVersion": version,
            "SigningCertURL": CERTIFICATE,
            **plain,
            "Signature": base64.b64encode(signature).decode(),
        }
