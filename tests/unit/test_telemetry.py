"""Log lines: one a record, with nothing in them that could act."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from byteport.telemetry import OURS, LogFormat, LogLevel, TelemetryConfig, configure_logging
from tests.house.tree import TOP_LEVEL, python_files


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers = root.handlers[:]
    levels = {name: logging.getLogger(name).level for name in (*OURS, None)}
    yield
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


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


LIBRARIES = (
    "botocore.endpoint",
    "boto3",
    "urllib3",
    "google.auth",
    "aiohttp.client",
    "asyncio",
    "temporalio.worker",
    "any",
)


@pytest.mark.parametrize("level", LogLevel)
def test_no_library_says_less_than_a_warning_whatever_the_level(level: LogLevel) -> None:
    """At debug, clients of clouds write down the tokens and keys that they sign with."""
    stream = io.StringIO()
    configure_logging(TelemetryConfig(log_level=level), stream)
    for name in LIBRARIES:
        logging.getLogger(name).debug("SessionToken")
        logging.getLogger(name).info("SessionToken")
    assert stream.getvalue() == ""


def test_what_is_ours_is_said_at_the_level_that_is_set() -> None:
    stream = io.StringIO()
    configure_logging(TelemetryConfig(log_level=LogLevel.DEBUG), stream)
    for name in OURS:
        logging.getLogger(f"{name}.x").debug("hello")
    assert stream.getvalue().count("hello") == len(OURS)


def test_every_logger_of_the_program_is_one_of_ours() -> None:
    """Another's words would be lost below a warning."""
    named = {
        name for path in python_files(*TOP_LEVEL) for name in re.findall(r"getLogger\(\"([^\"]+)\"\)", path.read_text())
    }
    assert {name.partition(".")[0] for name in named} <= {*OURS, "temporalio"}
