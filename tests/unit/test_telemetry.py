"""Log lines: one a record, with nothing in them that could act."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from temporalio.exceptions import ApplicationError

from byteport.errors import Unavailable
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


@pytest.mark.claim("C-460")
def test_review_12_what_a_foreign_exception_says_is_not_told_but_where_it_was_raised(log: io.StringIO) -> None:
    try:
        raise ValueError("a\nb: password=hunter2")
    except ValueError:
        logging.getLogger("byteport").exception("failed")
    assert log.getvalue().count("\n") == 1
    assert re.search(r"failed \(ValueError: at tests\.unit\.test_telemetry:\d+\)", log.getvalue())
    assert "hunter2" not in log.getvalue()
    assert "Traceback" not in log.getvalue()


@pytest.mark.parametrize("error", [Unavailable("the ledger is away"), ApplicationError("the ledger is away")])
def test_an_exception_in_our_words_is_told_in_them(log: io.StringIO, error: Exception) -> None:
    logging.getLogger("byteport").error("failed", exc_info=error)
    assert f"({type(error).__name__}: the ledger is away)" in log.getvalue()


def test_an_exception_that_was_never_raised_is_told_by_its_class(log: io.StringIO) -> None:
    logging.getLogger("byteport").error("failed", exc_info=ValueError("hunter2"))
    assert "(ValueError: at an unknown place:0)" in log.getvalue()


def test_at_level_debug_an_exception_is_told_with_its_words_and_its_traceback_on_one_line() -> None:
    stream = io.StringIO()
    configure_logging(TelemetryConfig(log_level=LogLevel.DEBUG), stream)
    try:
        raise ValueError("a\nb")
    except ValueError:
        logging.getLogger("byteport").exception("failed")
    assert r"ValueError: a\nb" in stream.getvalue()
    assert "Traceback" in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


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
        name
        for path in python_files(*TOP_LEVEL)
        for name in re.findall(r"getLogger\(\"([^\"]+)\"\)(?!\.setLevel)", path.read_text())
    }
    assert {name.partition(".")[0] for name in named} <= {*OURS, "temporalio"}
