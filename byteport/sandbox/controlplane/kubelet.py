"""What a simulated kubelet writes: Go templates over the pod, for its status and for the events that it sends.

The wording is the kubelet's own of Kubernetes 1.37, so that what reads it meets what it will meet in a real cluster.
Comes before `stages.py`, which says when each of them is written. kwok adds the functions `Now`, `Quote`,
`NodeIPWith` and `PodIPWith` to sprig's. A status names every container, because the API server replaces the list; a
condition keeps its time while its status stays, because `minReadySeconds` counts from it.
"""

from __future__ import annotations

from typing import Any

FACTS = """
{{ $now := Now }}
{{ $annotations := or .metadata.annotations dict }}
{{ $fault := get $annotations "sim.byteport.io/fault" }}
{{ $target := get $annotations "sim.byteport.io/container" | default (index .spec.containers 0).name }}
{{ $image := "" }}
{{ $probed := false }}
{{ range .spec.containers }}{{ if eq .name $target }}{{ $image = .image }}{{ $probed = not (empty .readinessProbe) }}{{ end }}{{ end }}
{{ $statuses := dict }}
{{ range .status.containerStatuses }}{{ $_ := set $statuses .name . }}{{ end }}
{{ $restarts := int (get (get $statuses $target | default dict) "restartCount" | default 0) }}
{{ $backoff := int (get $annotations "sim.byteport.io/backoff-s" | default "10") }}
{{ range until (min $restarts 10 | int) }}{{ $backoff = mul $backoff 2 }}{{ end }}
{{ $backoff = min $backoff 300 }}
{{ $pod := printf "%s_%s(%s)" .metadata.name .metadata.namespace .metadata.uid }}
{{ $said := get $annotations "sim.byteport.io/message" }}
{{ $pull := $said | default (printf "rpc error: code = NotFound desc = failed to pull and unpack image %q: failed to resolve reference %q: %s: not found" $image $image $image) }}
{{ $config := $said | default (printf "couldn't find key LOG_LEVEL in ConfigMap %s/app-config" .metadata.namespace) }}
{{ $broken := or (eq $fault "probe") (and $probed (has $fault (list "transient" "crash" "oom" "liveness"))) }}
"""

CONDITIONS = """
{{ $conditions := .status.conditions }}
conditions:
{{ range list "PodReadyToStartContainers" "Initialized" "ContainersReady" "Ready" }}
{{ $type := . }}
{{ $status := "True" }}
{{ if and (not $ready) (has $type (list "ContainersReady" "Ready")) }}{{ $status = "False" }}{{ end }}
{{ $since := $now }}
{{ range $conditions }}{{ if and (eq .type $type) (eq .status $status) .lastTransitionTime }}{{ $since = .lastTransitionTime }}{{ end }}{{ end }}
- type: {{ $type }}
  status: {{ $status | Quote }}
  lastTransitionTime: {{ $since | Quote }}
  reason: {{ if eq $status "True" }}null{{ else }}ContainersNotReady{{ end }}
  message: {{ if eq $status "True" }}null{{ else }}{{ printf "containers with unready status: [%s]" $target | Quote }}{{ end }}
{{ end }}
"""

# The other containers of the pod: running and ready, as they already are or from now on.
OTHERS = """
{{ if ne .name $target }}
{{ with get $statuses .name }}
- {{ toJson . }}
{{ else }}
- name: {{ .name }}
  image: {{ .image | Quote }}
  imageID: {{ printf "sim://%s" .image | Quote }}
  containerID: {{ printf "sim://%s" (uuidv4) | Quote }}
  ready: true
  started: true
  restartCount: 0
  state: {running: {startedAt: {{ $now | Quote }}}}
{{ end }}
{{ else }}
"""

PLACED = """
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
hostIPs: [{ip: {{ NodeIPWith .spec.nodeName | Quote }}}]
podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) | Quote }}
startTime: {{ .status.startTime | default $now | Quote }}
{{ with .spec.initContainers }}
initContainerStatuses:
{{ range . }}
- name: {{ .name }}
  image: {{ .image | Quote }}
  imageID: {{ printf "sim://%s" .image | Quote }}
  restartCount: 0
  {{ if eq (.restartPolicy | default "") "Always" }}
  ready: true
  started: true
  state: {running: {startedAt: {{ $now | Quote }}}}
  {{ else }}
  ready: true
  started: false
  state: {terminated: {exitCode: 0, reason: Completed, startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}
  {{ end }}
{{ end }}
{{ end }}
"""

RUNS = (
    FACTS
    + "{{ $ready := not $broken }}"
    + CONDITIONS
    + "containerStatuses:\n{{ range .spec.containers }}"
    + OTHERS
    + """
{{ $last := get (get $statuses .name | default dict) "lastState" | default dict }}
- name: {{ .name }}
  image: {{ .image | Quote }}
  imageID: {{ printf "sim://%s" .image | Quote }}
  containerID: {{ printf "sim://%s" (uuidv4) | Quote }}
  ready: {{ $ready }}
  started: {{ or $ready (eq $fault "probe") }}
  restartCount: {{ if $last }}{{ add1 $restarts }}{{ else }}0{{ end }}
  lastState: {{ toJson $last }}
  state: {running: {startedAt: {{ $now | Quote }}}}
{{ end }}
{{ end }}
"""
)
STARTED = RUNS + PLACED + "phase: Running\n"

WAITS = (
    FACTS
    + "{{ $ready := false }}"
    + CONDITIONS
    + "containerStatuses:\n{{ range .spec.containers }}"
    + OTHERS
    + """
- name: {{ .name }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: false
  started: false
  restartCount: 0
  state: {waiting: {reason: REASON, message: {{ MESSAGE | Quote }}}}
{{ end }}
{{ end }}
"""
    + PLACED
    + "phase: Pending\n"
)
PULL_FAILED = WAITS.replace("REASON", "ErrImagePull").replace("MESSAGE", "$pull")
PULL_BACKS_OFF = WAITS.replace("REASON", "ImagePullBackOff").replace(
    "MESSAGE", 'printf "Back-off pulling image %q: ErrImagePull: %s" $image $pull'
)
MISCONFIGURED = WAITS.replace("REASON", "CreateContainerConfigError").replace("MESSAGE", "$config")

CRASHED = (
    FACTS
    + "{{ $ready := false }}"
    + CONDITIONS
    + "containerStatuses:\n{{ range .spec.containers }}"
    + OTHERS
    + """
{{ $before := get $statuses .name }}
- name: {{ .name }}
  image: {{ .image | Quote }}
  imageID: {{ $before.imageID | Quote }}
  containerID: {{ $before.containerID | Quote }}
  ready: false
  started: false
  restartCount: {{ $restarts }}
  lastState:
    terminated:
      exitCode: {{ get $annotations "sim.byteport.io/exit-code" | default (has $fault (list "oom" "liveness") | ternary "137" "1") }}
      reason: {{ if eq $fault "oom" }}OOMKilled{{ else }}Error{{ end }}
      startedAt: {{ $before.state.running.startedAt | Quote }}
      finishedAt: {{ $now | Quote }}
      containerID: {{ $before.containerID | Quote }}
  state:
    waiting:
      reason: CrashLoopBackOff
      message: {{ printf "back-off %ds restarting failed container=%s pod=%s" $backoff .name $pod | Quote }}
{{ end }}
{{ end }}
"""
)

PROBED = (
    FACTS
    + '{{ $ready := ne $fault "probe" }}'
    + CONDITIONS
    + """containerStatuses:
{{ range .status.containerStatuses }}
- {{ if eq .name $target }}{{ $_ := set . "ready" $ready }}{{ $_ := set . "started" true }}{{ end }}{{ toJson . }}
{{ end }}
"""
)

# A restart says the same thing again: one event, counted. An attempt (a pull) makes an event of its own each time.
EVENT = (
    FACTS
    + """
{{ $message := MESSAGE }}
{{ $key := KEY }}
apiVersion: v1
kind: Event
metadata:
  name: {{ printf "%s.%s" .metadata.name (printf "%s/REASON/%s/%s" .metadata.uid $message $key | sha256sum | trunc 16) }}
  namespace: {{ .metadata.namespace }}
type: TYPE
reason: REASON
message: {{ $message | Quote }}
involvedObject:
  apiVersion: v1
  kind: Pod
  namespace: {{ .metadata.namespace }}
  name: {{ .metadata.name }}
  uid: {{ .metadata.uid }}
  fieldPath: {{ printf "spec.containers{%s}" $target | Quote }}
source: {component: kubelet, host: {{ .spec.nodeName }}}
reportingComponent: kubelet
reportingInstance: {{ .spec.nodeName }}
count: COUNT
firstTimestamp: FIRST
lastTimestamp: {{ $now | Quote }}
"""
)


def repeated(kind: str, reason: str, message: str) -> dict[str, Any]:
    """A step that sends an event which every restart counts up. `message` is a template expression."""
    return _event(kind, reason, message, '""', "{{ add1 $restarts }}", "{{ .status.startTime | default $now | Quote }}")


def attempted(kind: str, reason: str, message: str) -> dict[str, Any]:
    """A step that sends an event of one attempt among several. `message` is a template expression."""
    return _event(kind, reason, message, "uuidv4", "1", "{{ $now | Quote }}")


def status(template: str) -> dict[str, Any]:
    """A step that writes the pod's status."""
    return {"patch": {"subresource": "status", "root": "status", "template": template}}


def _event(kind: str, reason: str, message: str, key: str, count: str, first: str) -> dict[str, Any]:
    text = EVENT.replace("MESSAGE", message).replace("REASON", reason).replace("TYPE", kind)
    return {"apply": {"template": text.replace("KEY", key).replace("COUNT", count).replace("FIRST", first)}}
