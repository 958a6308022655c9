"""Log lines: one a record, with nothing in them that could act."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from byteport.telemetry import LogFormat, LogLevel, TelemetryConfig, configure_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, temporal = root.handlers[:], root.level, logging.getLogger("temporalio").level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("temporalio").setLevel(temporal)


@pytest.fixture(params=LogFormat)
def log(request: pytest.FixtureRequest) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(TelemetryConfig(log_format=request.param), stream)
    return stream


@pytest.mark.claim("C-111")
def test_review_13_a_message_that_tries_to_be_two_lines_or_to_colour_a_terminal_stays_one_plain_line(
    log: io.StringIO,
) -> None:
    logging.getLogger("byteport").warning("%s", "web\r\n2026 error forged\x1b[31m\x00\u202e")
    text = log.getvalue()
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_an_exception_is_its_class_and_message_without_a_traceback(log: io.StringIO) -> None:
    try:
        raise ValueError("a\nb")
    except ValueError:
        logging.getLogger("byteport").exception("failed")
    assert log.getvalue().count("\n") == 1
    assert "ValueError" in log.getvalue()
    assert "Traceback" not in log.getvalue()


def test_a_line_for_a_collector_is_json() -> None:
    stream = io.StringIO()
    configure_logging(TelemetryConfig(log_format=LogFormat.JSON, log_level=LogLevel.DEBUG), stream)
    logging.getLogger("byteport.x").info("hello")
    assert json.loads(stream.getvalue()) | {"at": ""} == {
        "at": "",
        "level": "info",
        "logger": "byteport.x",
        "message": "hello",
    }


def test_an_endless_message_is_cut(log: io.StringIO) -> None:
    logging.getLogger("byteport").warning("x" * 1_000_000)
    assert len(log.getvalue()) < 10_000
