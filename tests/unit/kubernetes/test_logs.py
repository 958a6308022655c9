"""Log tails become classes and at most one named dependency; of the text nothing is left."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from byteport.kubernetes.log_words import LogClass
from byteport.kubernetes.logs import log_signature, merged

ADDRESSES = [
    ("Error: connect ECONNREFUSED 192.0.2.239:5432", "192.0.2.239", 5432),
    ("dial tcp 10.1.2.3:6379: connect: connection refused", "10.1.2.3", 6379),
    ("dial tcp: lookup db.shop.svc on 10.0.0.10:53: no such host", "db.shop.svc", 0),
    ("could not connect to server: Connection refused. Is it running on host db and port 5432?", "db", 5432),
    ('could not translate host name "postgres" to address: Name or service not known', "postgres", 0),
    ("getaddrinfo ENOTFOUND redis-master", "redis-master", 0),
    ("amqp://guest@rabbit.mq:5672: connection refused", "rabbit.mq", 5672),
    ("09:00:12 ERROR app.js:114 connection refused", "", 0),
    ("2026-03-10T09:00:00Z connection refused", "", 0),
]


@pytest.mark.parametrize(("line", "host", "port"), ADDRESSES)
def test_a_dependency_is_named_by_host_and_port_where_the_log_names_it(line: str, host: str, port: int) -> None:
    seen = log_signature(line)
    assert seen.has(LogClass.DEPENDENCY)
    assert (seen.host, seen.port) == (host, port)


@pytest.mark.parametrize(
    ("line", "host", "port"),
    [
        ("could not connect to postgres://app:12345@db.internal:5432/orders: refused", "db.internal", 5432),
        ("dial amqp://svc:2024-Spring!@mq.shop:5672: connection refused", "mq.shop", 5672),
        ("connect ECONNREFUSED redis://default:99@98@cache:6379", "cache", 6379),
        ("connection refused: root:4711@tcp(db:3306)/orders", "db", 3306),
        ('{"url":"postgres://app:4711@db:5432","error":"connection refused"}', "db", 5432),
        ('{"password":4711,"error":"connection refused"}', "", 0),
        ("connection refused, password:4711", "", 0),
    ],
)
def test_a_user_and_a_password_before_the_host_are_neither_kept_nor_taken_for_it(
    line: str, host: str, port: int
) -> None:
    seen = log_signature(line)
    assert (seen.host, seen.port) == (host, port)


@pytest.mark.parametrize(
    ("last", "open_"),
    [
        ("migration: 41% (12400000/30100000 documents)", True),
        ("Performing database migration 0024", True),
        ("no pending migrations", False),
        ("migrations complete", False),
        ("migration check: already up to date", False),
    ],
)
def test_a_migration_counts_until_the_log_says_that_it_is_over(last: str, open_: bool) -> None:
    seen = log_signature(f"starting migration check\n{last}\nlistening on 8080")
    assert seen.has(LogClass.MIGRATION) is open_


def test_an_empty_log_says_nothing() -> None:
    assert log_signature("") == log_signature(None) == log_signature("\n \n")
    assert log_signature("").classes == ()


def test_what_two_tails_say_is_said_together() -> None:
    both = merged(log_signature("panic: nil map"), log_signature("connect ECONNREFUSED 10.0.0.5:5432"))
    assert both.has(LogClass.PANIC)
    assert both.has(LogClass.DEPENDENCY)
    assert both.port == 5432


@pytest.mark.claim("C-101")
@given(st.text(max_size=2000))
def test_nothing_of_the_text_is_left_but_a_host(text: str) -> None:
    seen = json.loads(log_signature(text).model_dump_json())
    assert set(seen) == {"lines", "classes", "host", "port"}
    assert seen["host"] == "" or seen["host"] in text.lower()
    assert all(found in [kind.value for kind in LogClass] for found in seen["classes"])


@given(st.one_of(st.none(), st.integers(), st.binary(), st.lists(st.text()), st.dictionaries(st.text(), st.text())))
def test_what_is_no_text_is_an_empty_log(value: object) -> None:
    assert log_signature(value).lines == 0


@pytest.mark.parametrize(
    "hostile",
    [
        "could not " * 100_000,
        "missing " * 100_000,
        "a.b.c-d:" * 100_000,
        "\x1b[" * 100_000,
        "\x00" * 1_000_000,
        "status 40" * 99_999,
    ],
    ids=["verbs", "adjectives", "hosts", "escapes", "nuls", "codes"],
)
def test_review_21_a_hostile_megabyte_is_read_in_linear_time(hostile: str) -> None:
    began = time.process_time()
    log_signature(hostile)
    assert time.process_time() - began < 5


def test_terminal_escapes_hide_no_word() -> None:
    assert log_signature("\x1b[31mpanic:\x1b[0m boom").has(LogClass.PANIC)


UNREACHED = [
    "rpc error: code = Unavailable desc = connection error",
    "FATAL: remaining connection slots are reserved for non-replication superuser connections",
    "Mysql2::Error::ConnectionError: Unknown MySQL server host 'db' (-2)",
    "pika.exceptions.AMQPConnectionError",
    "kafka.errors.NoBrokersAvailable: NoBrokersAvailable",
    "kafka: client has run out of available brokers to talk to: EOF",
    "Connection to node -1 (kafka-0/10.8.0.4:9092) could not be established. Node may not be available.",
    "org.apache.zookeeper.KeeperException$ConnectionLossException: KeeperErrorCode = ConnectionLoss for /ids",
    "panic: etcdserver: request timed out",
    "Unexpected response code: 500 (No cluster leader)",
    "cassandra.cluster.NoHostAvailable: ('Unable to connect to any servers', {})",
    "ORA-12541: TNS:no listener",
    "A network-related or instance-specific error occurred while establishing a connection to SQL Server.",
    'nginx: [emerg] host not found in upstream "api.shop.svc" in /etc/nginx/conf.d/default.conf:12',
    "Code: 503. Errors: * Vault is sealed",
    "requests.exceptions.ReadTimeout: Read timed out. (read timeout=5)",
    "Net::OpenTimeout: execution expired. Failed to open TCP connection to smtp:587",
    "RuntimeError: GET https://features.internal/bootstrap returned 503",
    "TypeError: fetch failed [cause]: ConnectTimeoutError: Connect Timeout Error",
]


@pytest.mark.parametrize("line", UNREACHED)
def test_a_peer_that_is_not_there_is_told_in_many_tongues(line: str) -> None:
    assert log_signature(line).has(LogClass.DEPENDENCY)


OTHERWISE = [
    ("RuntimeError: No CUDA GPUs are available", LogClass.HARDWARE),
    ("failed to create fsnotify watcher: too many open files", LogClass.NODE_EXHAUSTED),
    ("SyntaxError: Unexpected token } in JSON at position 411", LogClass.CONFIG_MISSING),
    ("usage: svc [-h] [--listen ADDR]", LogClass.CONFIG_MISSING),
    ("/app/svc: libc.so.6: version `GLIBC_2.34' not found (required by /app/svc)", LogClass.COMMAND),
    ('admission webhook "validate.acme.io" denied the request', LogClass.FORBIDDEN),
    ("Another member with the same id worker-1 is already registered", LogClass.LOCK),
    ("A server is already running. Check /app/tmp/pids/server.pid.", LogClass.STALE_FILE),
]


@pytest.mark.parametrize(("line", "kind"), OTHERWISE)
def test_other_causes_are_told_apart(line: str, kind: LogClass) -> None:
    assert log_signature(line).has(kind)


@pytest.mark.parametrize("line", ["timeout=30s retries=5", "listening on :8080", "loaded 12 connections.yaml rules"])
def test_a_setting_is_no_failure(line: str) -> None:
    assert log_signature(line).classes == ()
