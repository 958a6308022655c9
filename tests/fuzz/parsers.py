"""Every parser of text that somebody else writes: a tenant's objects, a program's log, a node's commands, a signer, a file.

Each reads anything and gives a value, or raises its declared error. A new parser belongs here. Comes before the test.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pydantic
from temporalio.api.common.v1 import Payload

from activities.export import answers as receivers
from activities.export import splunk_answers
from activities.kubernetes.answers import Asked, decoded, error_of, is_no_log
from activities.kubernetes.kubeconfig import one_context
from activities.kubernetes.policy_source import parse_policy
from activities.secrets.strict_json import NotPlain, plain_list, plain_object
from byteport.audit.bundle import cut, read
from byteport.audit.checkpoint import parse_checkpoint
from byteport.audit.independent import Verifier
from byteport.audit.lines import survey
from byteport.audit.notes import parse_note, parse_vkey
from byteport.audit.records import read_header, read_payload
from byteport.boundary.choices import Choices
from byteport.boundary.selfcheck import ceilings_in
from byteport.cli.explain import documents_of
from byteport.cli.find import parse_target
from byteport.contracts.secret_names import secret_name
from byteport.domain.addresses import literal, names_loopback
from byteport.domain.approvals import Answer, AnswerText, SignedAnswer
from byteport.domain.limits import Limits, RecurringFreeze
from byteport.domain.markdown import inert
from byteport.domain.redaction import command_line, redact, sanitised
from byteport.errors import BytePortError, ConfigError, MalformedInput
from byteport.kubernetes import fields
from byteport.kubernetes.alerts import read_group
from byteport.kubernetes.cloudwatch_alarms import read_alarm
from byteport.kubernetes.disk_output import lines_of, read_disk_output
from byteport.kubernetes.enrolment import given_in
from byteport.kubernetes.events import read_event
from byteport.kubernetes.label_selectors import selects
from byteport.kubernetes.logs import log_signature
from byteport.kubernetes.messages import pull_trouble, refusal, start_trouble, unfit
from byteport.kubernetes.migrations import migrating_containers
from byteport.kubernetes.node_commands import host_path, is_read
from byteport.kubernetes.node_memory import read_free
from byteport.kubernetes.patches import patch_arguments
from byteport.kubernetes.quantities import bytes_of, percent, quantity
from byteport.runbooks.alerts import firing
from byteport.settings.freezes import check_freezes
from byteport.settings.load import load, variable
from byteport.telemetry import printable
from byteport.temporal.keys import read_key_ring
from byteport.temporal.opened import value_of
from byteport.trust.allowed_signers import parse_allowed_signers, parse_revoked_keys
from byteport.trust.attested import attested_by
from byteport.trust.attested_issuers import NOBODY, parse_issuers, parse_keys
from byteport.trust.private_keys import parse_private_key
from byteport.trust.public_keys import public_key_from_blob, public_key_from_text
from byteport.trust.sshsig import parse as parse_signature

JSON = dict[str, Any]
NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
ANSWER_TEXT = AnswerText(
    tenant="acme",
    cluster_uid="u",
    incident_id="i",
    plan_digest="a" * 64,
    answer=Answer.APPROVE,
    reason_digest="b" * 64,
    asked_because="c" * 64,
    not_before=NOW,
    expires_at=NOW,
    id="0" * 32,
)

Reads = Callable[[bytes, Path], object]
"""What it makes of the bytes; the folder is for parsers that read a file."""


class Parser(NamedTuple):
    """One parser, what it may raise, and words that lead it somewhere."""

    name: str
    reads: Reads
    raises: tuple[type[Exception], ...] = ()
    words: tuple[str, ...] = ()
    shown: bool = False
    """What it gives is shown to people, so that it is one bounded line without control characters."""
    largest: int = 64 * 1024
    """How much of it the tests of time give; a YAML reader in Python takes seconds for that."""


def of_text(parse: Callable[[str], object]) -> Reads:
    """Whoever hands it a text has decoded it so that nothing is lost."""
    return lambda data, folder: parse(data.decode("utf-8", "replace"))


def of_file(parse: Callable[[Path], object], name: str = "file") -> Reads:
    def read(data: bytes, folder: Path) -> object:
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(data)
        return parse(path)

    return read


def _of_json(parse: Callable[[Any], object]) -> Reads:
    """Of what an API server or a caller has sent, and JSON has let through."""

    def read(data: bytes, folder: Path) -> object:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            value = data.decode("utf-8", "replace")
        return parse(value)

    return read


def _event(said: str) -> object:
    about = {"kind": "Pod", "name": said, "fieldPath": said}
    return read_event(
        {"metadata": {"name": said}, "involvedObject": about, "reason": said, "message": said, "type": said}
    )


def _crontab(said: str) -> None:
    try:
        window = RecurringFreeze(cron=said, timezone=said[:64] or "UTC", hours=1)
        named = window.model_copy(update={"timezone": "Europe/Berlin"})
    except pydantic.ValidationError:
        return
    for one in (window, named):
        with contextlib.suppress(ConfigError):
            check_freezes(Limits(freezes=(one,)))


def _quantities(said: str) -> object:
    return quantity(said), bytes_of(said), percent(said)


def _ceilings(said: str) -> object:
    return ceilings_in({"data": {said: said, "shop": said}}, Choices()), given_in({"data": {said: said}})


def _patch(value: Any) -> object:
    operations = fields.entries(value) or [{"op": value, "path": value, "value": value}]
    return patch_arguments(operations, dict(fields.mapping(value)), cluster_uid="c", namespace="shop", name="web")


def _alert(value: Any) -> object:
    return firing(value if isinstance(value, dict) else {"Message": str(value)})


def _group(value: Any) -> object:
    return read_group(value if isinstance(value, dict) else {"version": "4", "alerts": value})


def _labels(value: Any) -> object:
    return selects(value, {"app": "web"}), selects({"matchExpressions": value}, {"app": "web"}), fields.name(value)


def _refusal(data: bytes, folder: Path) -> object:
    return [error_of(Asked("get pods"), status, {"Retry-After": "x"}, data).code for status in range(400, 600)]


def _template(said: str) -> object:
    container = {"name": said, "image": said, "command": [said], "args": said}
    return migrating_containers({"metadata": {"annotations": {said: said}}, "spec": {"initContainers": [container]}})


def _environment(said: str) -> object:
    return load(None, {"BYTEPORT_CLUSTER_NAME": "it", variable("limits.freezes"): said})


def _kubeconfig(path: Path) -> object:
    return one_context([path], None, allow_exec_plugins=False)


def _yaml(name: str, reads: Reads, error: type[Exception], *words: str) -> Parser:
    """A reader of YAML, which is slow in Python, and looks up to 1024 characters ahead: what is shorter tells nothing."""
    own = ("- ", "[", "{", "&a ", "*a ", "a: ", "\n", "2001-99-99", "0000-00-00", "? ", "|", "<<: ", "!!set ")
    return Parser(name, reads, (error,), (*words, *own), largest=8 * 1024)


def _receiver(said: str) -> object:
    return receivers.retry_after(said, NOW), literal(said), names_loopback(said)


def _collector(data: bytes, folder: Path) -> object:
    """A yes of Splunk's, and its acknowledgements."""
    asked = receivers.Asked("events", url="a.url", credential="a.token")
    answer = receivers.Answer(200, {}, data)
    with contextlib.suppress(BytePortError):
        splunk_answers.acknowledged(asked, answer, NOW, {1, 2})
    return splunk_answers.taken(asked, answer, NOW)


def _second(data: bytes, folder: Path) -> object:
    verifier = Verifier(("a", "b"), [("byteport.io/log/a/b", b"k" * 32)], [], 0)
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        verifier.read(line, str(number))
    return verifier.finish()


PARSERS = (
    Parser("quantities", of_text(_quantities), words=("1", "0", ".", "1e9", "Ki", "9" * 20, "%", " ", "-")),
    Parser("crontab", of_text(_crontab), words=("*", "* * * * *", "0 0 30 2 *", "1-5/2,", "L", "MON#2", " ", "@daily", "59")),
    Parser(
        "logs",
        of_text(log_signature),
        words=(
            "migration ", "applied ", "connection refused tcp 10.0.0.1:5432 ", "lookup ", "a.", "a-", "config ", "@", "://", "x:1",
            "unexpected ", "panic: ", "applied migrated ", "lock", "indexing ", "host=", "waiting for ", "\n", "a:99\n",
        ),
    ),
    Parser("redact", of_text(lambda said: redact(said, ["hunter2"])), words=("password=", "--token ", "'", '"', "\\\"", "://a:", "@", "curl -u ", "eyJ", "[REDACTED]", "-----BEGIN ", "a.", "--set a", "=", "cookie: ", "AKIA", "hunter2")),
    Parser("notes", of_text(lambda said: sanitised(said, ["hunter2"])), words=("\x1b[", "\x1b]", "\x07", "\u202e", "\u200b", "pass", "word=", "'", "x"), shown=True),
    Parser("commands", of_text(lambda said: command_line(said.split(" "), ["hunter2"])), words=("--password ", "'", "$(", "=", "a ", "[REDACTED]")),
    Parser("disks", of_text(lambda said: read_disk_output(lines_of(said))), words=("/dev/vda1 200G 183G 17G 92% /\n", "df -i: ", "1G ", "/a", "99% ", "crictl: 9 images 3 in use", "du: ", "find: /a 1 files", "\t", "9" * 18, "overlay ")),
    Parser("free", of_text(lambda said: read_free(said.splitlines())), words=("total used free shared buff/cache available\n", "Mem: ", "1 ", "-/+ buffers/cache: ", "9" * 18, "-1 ")),
    Parser("argv", of_text(lambda said: (is_read(["du", "-sh", said]), host_path(said))), words=("/var", "/..", "/a", ".", "-", "/var/lib/kubelet/pods/", "\x00")),
    Parser("events", of_text(_event), words=("spec.containers{", "Liveness probe failed: ", "pull ", "image ", "Back-off ", "}")),
    Parser(
        "messages",
        of_text(lambda said: (pull_trouble(said), refusal(said), start_trouble(said), unfit(said))),
        words=("secret ", "extracting ", "unpack ", "sandbox ", "a/b", '"', "executable file ", "object ", "not found", "layer "),
    ),
    Parser("messages' text", of_text(fields.message), words=("\x1b[", "\x1b[0;", "\r\n", "\x00", "é"), shown=False),
    Parser("migrations", of_text(_template), words=("migrate ", "db:", "alembic upgrade ", "-", ".", "_", "no-", "schema ")),
    Parser("images", of_text(lambda said: (fields.image(said), fields.registry(said), fields.instant(said))), words=("registry/", ":", "@sha256:", "a.", "2026-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00")),
    Parser("names", _of_json(_labels), words=('[{"key":"a","operator":"In","values":["b"]}]', "[", "{", '"a"', "null")),
    Parser("JSON Patch", _of_json(_patch), words=('[{"op":"test","path":"/metadata/uid","value":"u"},', '{"op":"replace","path":"/spec/template","value":{}}', "[", "~1", "~0")),
    Parser("ceilings", of_text(_ceilings), words=('{"mode":"auto","rollback":["', "*", '"]}', "[", "{", "a-", "a.", '{"mode":')),
    Parser("API answers", lambda data, folder: decoded(data), (ValueError,), ("{", "[", '{"a":', "1e999", '"\\ud800"', "null")),
    Parser("API refusals", _refusal, words=('{"message":"', "ValidatingAdmissionPolicy '", "a.", "disruption budget ", "[", '{"details":{"causes":[', "container ", "not found")),
    Parser("log answers", lambda data, folder: is_no_log(400, data), words=('{"message":"', "container ", "previous terminated container ", "[")),
    Parser("alerts", _of_json(_alert), words=('{"alerts":[', '{"Message":"', "{", "[", '{"labels":{"alertname":"a"}},', "]}")),
    Parser("webhooks of Alertmanager", _of_json(_group), (MalformedInput,), ('{"version":"4","alerts":[', '{"status":"firing","labels":{"alertname":"KubePodCrashLooping","', 'exported_pod":"web-1"}}', '"byteport_signal":"error_rate"', "[", "{", "]}", '"startsAt":"9999-12-31T23:59:59Z"')),
    Parser("alarms of CloudWatch", of_text(read_alarm), (MalformedInput,), ('{"NewStateValue":"ALARM","Trigger":{', '"Dimensions":[{"name":"InstanceId","value":"i-0123456789abcdef0"}', "]}}", "[", "{", '"AlarmArn":"\\ud800"', "1e999")),
    Parser("signatures", of_text(parse_signature), (MalformedInput,), ("-----BEGIN SSH SIGNATURE-----\n", "U1NIU0lH", "AAAA", "=", "\n", "-----END SSH SIGNATURE-----", "\r\n", " ")),
    Parser("answers", of_text(SignedAnswer.model_validate_json), (pydantic.ValidationError,), ('{"text":"', "[", "{", '{"signature":', "}")),
    Parser("public keys", lambda data, folder: public_key_from_blob(data), (MalformedInput,), ("\x00\x00\x00\x0bssh-ed25519", "\x00\x00\x00\x07ssh-rsa", "\x00\x00\x00\x01", "\x00\x00\xff\x00", "\x00")),
    Parser("public keys' text", of_text(lambda said: public_key_from_text("ssh-ed25519", said)), (MalformedInput,), ("AAAAC3NzaC1lZDI1NTE5", "AAAA", "=", "/")),
    Parser("private keys", lambda data, folder: parse_private_key(data), (MalformedInput,), ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\n", "MC4CAQ", "AAAA", "-----END PRIVATE KEY-----\n")),
    Parser("allowed signers", lambda data, folder: parse_allowed_signers(data), (ConfigError, MalformedInput), ("ada ", 'namespaces="', 'valid-before="', "ssh-ed25519 ", "AAAA", ",", '"', "\n", "#", "!*")),
    Parser("identity providers", lambda data, folder: parse_issuers(data), (ConfigError,), ("issuers:", " [{", "issuer: https://x", "people: {", "keys: ", "claim: ", "}", "]", "\n", "- ", "&a", "*a")),
    Parser("keys of an identity provider", lambda data, folder: parse_keys(data, "keys"), (ConfigError,), ('{"keys":[', '{"kty":"RSA",', '"kid":"a",', '"n":"AQ",', '"e":"AQAB"', '"crv":"P-256"', "}", "]", ",")),
    Parser("identity token", lambda data, folder: attested_by(data.decode("utf-8", "replace"), ANSWER_TEXT, NOBODY, now=NOW, first_heard=True), (), ("eyJhbGciOiJSUzI1NiJ9", ".", "e30", "AAAA", "eyJhbGciOiJub25lIn0", "=", "-", "_")),
    Parser("revoked keys", lambda data, folder: parse_revoked_keys(data), (ConfigError, MalformedInput), ("ssh-ed25519 ", "SSHKRL\n\x00", "AAAA", "\n")),
    Parser("records", lambda data, folder: (read_header(data), read_payload(data)), (MalformedInput,), ('{"seq":1,"', "[", "{", "1e999", "NaN", '"\\u0000"')),
    Parser("lines of a log", lambda data, folder: (list(read(cut(io.BytesIO(data)), "a")), survey(data.splitlines(keepends=True))), words=('{"sealed":{"header":"', '","payload":null,"salt":null}}', '{"checkpoint":"', "[", "{", "1e999", "NaN", "\n", '"\\ud800"', '\\"seq\\":1,')),
    Parser("the same, a second time", _second, words=('{"sealed":{"header":"', '","payload":null,"salt":null}}', '{"checkpoint":"', "[", "{", "1e999", "NaN", "\n", '"\\ud800"', '\\"seq\\":1,')),
    Parser("checkpoints", of_text(lambda said: parse_checkpoint(parse_note(said).text)), (MalformedInput,), ("byteport.io/log/a/b\n", "7\n", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", "\n— a AAAAAAAA\n", "— ", "\n", "+", "9" * 19)),
    Parser("verifier keys", of_text(parse_vkey), (MalformedInput,), ("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", "+", "a", "=", "AAAA", " ")),
    _yaml("policy", lambda data, folder: parse_policy(data, "policy.yaml"), ConfigError, "mode: auto\n", "!!python/object:os "),
    _yaml("settings", of_file(lambda path: load(path, {}), "config.yaml"), ConfigError, "cluster: {name: a}\n", "limits:\n  "),
    _yaml("environment", of_text(_environment), ConfigError, "[{cron: 0 17 * * FRI, timezone: Europe/Berlin, hours: 62}]", "{a: b}"),
    _yaml("kubeconfig", of_file(_kubeconfig, "kubeconfig"), ConfigError, "current-context: it\n", "contexts:\n", "- name: it\n"),
    _yaml("bundles", of_file(documents_of, "bundle.yaml"), MalformedInput, "kind: Pod\n", "---\n", '{"a":'),
    Parser("payloads", lambda data, folder: value_of(Payload(metadata={"encoding": b"json/plain"}, data=data)), words=("[", "{", '{"a":', "1e999")),
    Parser("payload keys", of_file(read_key_ring, "keys"), (ConfigError,), ("00" * 32, "\n", "#", "=", "AAAA", " ")),
    Parser("targets", of_text(lambda said: parse_target(said, cluster_uid="c", namespace=None)), (MalformedInput,), ("shop/", "deployment/", "node/", "web", "/")),
    Parser("Markdown", of_text(inert), words=("@", "<", "](", "`", "*", "\n", "\u202e", "http://", "\x1b["), shown=True),
    Parser("receivers", of_text(_receiver), words=("0x", "0251.", "2852039166", "::ffff:", "1", ".", "Tue, 10 Mar 2026 09:02:00 GMT", "9999", "-", "%")),
    Parser("receivers' answers", _collector, (BytePortError, splunk_answers.Refused), ('{"code":0,', '"acks":{"1":true}', '"ackId":1}', "[", "{", '{"code":6,"invalid-event-number":')),
    Parser("answers of secret backends", lambda data, folder: plain_object(data), (NotPlain,), ('{"data":{"', '"metadata":{"version":1', "[", "{", "}", "1e999", "NaN", '"\\ud800"', '"a":1,"a":')),
    Parser("lists of secret backends", lambda data, folder: plain_list(data), (NotPlain,), ("[{", '"id":"', "}]", "]}", "[", "{", "1e999")),
    Parser("names of secrets", of_text(secret_name), (ValueError,), ("a", "/", "..", "#", ".", "-", "\x00", "\n", "%2e")),
    Parser("log lines", of_text(printable), words=("\r\n", "\x1b[31m", "\x00", "\u2028", "x")),
)  # fmt: skip
"""In no order."""
