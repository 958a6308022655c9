"""What may be written of a receiver: https alone, no address inside, and nothing that would not verify it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from byteport.contracts.stream_receivers import FileConfig, SplunkConfig, SyslogConfig, WebhookConfig


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example/in?a=b",
        "https://receiver.example",
        "https://10.0.0.7:8088/x",
        "https://127.0.0.1:8088",
        "https://localhost/",
        "https://[fd00::7]:8088/",
    ],
)
def test_a_receiver_over_https_may_be_named_this_machine_too(url: str) -> None:
    assert WebhookConfig(url=url).url == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://receiver.example/", "https alone"),
        ("https://user:word@receiver.example/", "without user"),
        ("https://receiver.example/#part", "fragment"),
        ("https://receiver.example:70000/", "between 1 and 65535"),
        ("https://receiver.example/\r\nX: y", "https alone"),
        ("https:///path", "https alone"),
        ("https://169.254.169.254/", "metadata"),
        ("https://2852039166/", "metadata"),
        ("https://0251.0376.0251.0376/", "metadata"),
        ("https://[::ffff:a9fe:a9fe]/", "metadata"),
        ("https://[fe80::1]/", "link-local"),
        ("https://0.0.0.0/", "unspecified"),
    ],
)
def test_review_14_a_receiver_without_tls_or_at_an_address_inside_cannot_be_set(url: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        SplunkConfig(url=url)


@pytest.mark.parametrize("address", ["receiver.example:6514", "10.0.0.7:6514", "[fd00::7]:6514", "127.0.0.1:6514"])
def test_a_syslog_server_is_a_host_and_its_port(address: str) -> None:
    assert SyslogConfig(address=address).address == address


@pytest.mark.parametrize(
    "address", ["receiver.example", "a:0", "a:70000", "fd00::7:6514", "169.254.169.254:6514", "a\n:1"]
)
def test_review_14_a_syslog_server_at_an_address_inside_or_without_a_port_cannot_be_set(address: str) -> None:
    with pytest.raises(ValidationError):
        SyslogConfig(address=address)


def test_a_client_certificate_needs_its_key() -> None:
    with pytest.raises(ValidationError, match="belong together"):
        SyslogConfig(client_certificate_file=Path("a.pem"))


@pytest.mark.parametrize("model", [WebhookConfig, SplunkConfig, SyslogConfig, FileConfig])
def test_review_14_there_is_no_setting_that_would_not_verify_a_receiver(model: type[BaseModel]) -> None:
    words = ("verify", "insecure", "check", "skip", "tls", "ssl", "hostname", "redirect")
    assert [name for name in model.model_fields if any(word in name for word in words)] == []
