{{- /* Words that several templates share. Lists and mappings are handed over as JSON. */}}

{{- define "byteport.labels" -}}
app.kubernetes.io/part-of: byteport
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Of one process: (dict "component" …). */}}
{{- define "byteport.selector" -}}
app.kubernetes.io/name: byteport-agent
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* An image, by digest where there is one: (dict "image" … "root" $). */}}
{{- define "byteport.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "byteport.temporalHost" -}}
{{ regexReplaceAll "\\.?:[0-9]+$" .Values.temporal.address "" | lower }}
{{- end }}

{{- /* Namespace of a Temporal that is in this cluster for certain (NAME.NAMESPACE.svc…), or nothing. */}}
{{- define "byteport.temporalNamespace" -}}
{{- $host := include "byteport.temporalHost" . -}}
{{- if regexMatch "^[^.]+\\.[^.]+\\.svc(\\..+)?$" $host -}}
{{ index (splitList "." $host) 1 }}
{{- end -}}
{{- end }}

{{- /* Namespaces in which its address may lie, by every form that a pod's search path finds, as JSON: to protect one too many
costs nothing. A name of one label is looked for in our own namespace. */}}
{{- define "byteport.temporalProtected" -}}
{{- $labels := splitList "." (include "byteport.temporalHost" .) -}}
{{- $found := list -}}
{{- if eq (len $labels) 2 -}}
{{- $found = append $found (index $labels 1) -}}
{{- else -}}
{{- range $index := list 1 2 -}}
{{- if and (gt (len $labels) (int (add1 $index))) (eq (index $labels (int (add1 $index))) "svc") -}}
{{- $found = append $found (index $labels $index) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{- define "byteport.temporalPort" -}}
{{ regexFind "[0-9]+$" .Values.temporal.address }}
{{- end }}

{{- define "byteport.metricsPort" -}}
{{ regexFind "[0-9]+$" .Values.telemetry.metrics_address }}
{{- end }}

{{- define "byteport.healthPort" -}}
{{ regexFind "[0-9]+$" .Values.telemetry.health_address }}
{{- end }}

{{- /* Beside the fixed ones, sorted: what the policies and the agent's own policy both forbid. */}}
{{- define "byteport.protectedNamespaces" -}}
{{- $all := concat .Values.protectedNamespaces (include "byteport.temporalProtected" . | fromJsonArray) -}}
{{- $more := list -}}
{{- range $all | uniq | sortAlpha -}}
{{- if not (has . (include "byteport.fixedProtected" $ | fromJsonArray)) -}}
{{- $more = append $more . -}}
{{- end -}}
{{- end -}}
{{ toJson $more }}
{{- end }}

{{- /* Whether the API server can prove a rollback: MutatingAdmissionPolicy is v1 from 1.36 on. */}}
{{- define "byteport.provesRollbacks" -}}
{{- if semverCompare ">=1.36.0-0" .Capabilities.KubeVersion.Version }}true{{ end -}}
{{- end }}

{{- /* One namespace's ceiling, as the agent reads it. */}}
{{- define "byteport.ceiling" -}}
{"mode":{{ .mode | default "dry_run" | quote }},"rollback":{{ .rollback | default list | uniq | sortAlpha | toJson }},"hpa":{{ .hpa | default list | uniq | sortAlpha | toJson }}}
{{- end }}

{{- /* This cluster's own name: as set, else as the API server says; nothing where neither is to be had. */}}
{{- define "byteport.clusterUid" -}}
{{- if .Values.cluster.uid -}}
{{ .Values.cluster.uid }}
{{- else -}}
{{ dig "metadata" "uid" "" (lookup "v1" "Namespace" "" "kube-system") }}
{{- end -}}
{{- end }}

{{- /* Whether keys come from Secrets; otherwise they are made on the volume. */}}
{{- define "byteport.keysGiven" -}}
{{- if .Values.secrets.grant_key.name }}true{{ end -}}
{{- end }}

{{- /* Kinds of receivers that the log goes to, as JSON, however they were written. */}}
{{- define "byteport.targets" -}}
{{- $target := .Values.audit.export.target -}}
{{- if kindIs "string" $target -}}
{{- $target = splitList "," (nospace $target) | compact -}}
{{- end -}}
{{ toJson $target }}
{{- end }}

{{- /* Whether anything is sent to a receiver or a witness. */}}
{{- define "byteport.speaksOutside" -}}
{{- if or (include "byteport.targets" . | fromJsonArray) .Values.audit.witnesses }}true{{ end -}}
{{- end }}

{{- define "byteport.claim" -}}
{{ .Values.ledger.volume.existingClaim | default "byteport-state" }}
{{- end }}

{{- /* What every container of ours is held to: `restricted`, and a root that cannot be written. */}}
{{- define "byteport.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
privileged: false
readOnlyRootFilesystem: true
{{- end }}

{{- define "byteport.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* Processes by privilege, as JSON: each with what it may be given. `workers/processes.py` is where they come from. */}}
{{- define "byteport.processes" -}}
{{- /* The agent reads the halt in the ledger, and writes there only where nobody has told it its cluster's name. */}}
{{- $reads := ne (include "byteport.clusterUid" .) "" -}}
{{- $file := not .Values.ledger.postgresql.address -}}
{{- $agent := dict "name" "byteport-agent" "component" "agent" "process" "cluster" "replicas" 1 "token" true "state" $file "stateReadOnly" $reads "login" "agent" -}}
{{- $rest := dict "name" "byteport-rest" "component" "rest" "process" "rest" "replicas" 1 "grants" true "bodies" true "state" $file "notices" true "login" "ledger" -}}
{{- $control := dict "name" "byteport-control" "component" "control" "process" "control" "replicas" (int .Values.control.replicas) -}}
{{- $ledger := dict "name" "byteport-ledger" "component" "ledger" "process" "ledger" "replicas" 1 "grants" true "bodies" true "state" $file "login" "ledger" -}}
{{- $notify := dict "name" "byteport-notify" "component" "notify" "process" "notify" "replicas" 1 "notices" true -}}
{{- $all := list $agent $rest -}}
{{- if eq .Values.processes "each" -}}
{{- $all = list $agent $control $ledger $notify -}}
{{- end -}}
{{- if include "byteport.speaksOutside" . -}}
{{- $all = append $all (dict "name" "byteport-export" "component" "export" "process" "export" "replicas" 1 "bodies" true "state" $file "receivers" true "login" "export") -}}
{{- end -}}
{{- if include "byteport.cloudSources" . | fromJsonArray -}}
{{- $all = append $all (dict "name" "byteport-cloud" "component" "cloud" "process" "cloud" "replicas" 1 "clouds" true) -}}
{{- end -}}
{{- if .Values.audit.signer.enabled -}}
{{- $all = append $all (dict "name" "byteport-signer" "component" "signer" "process" "signer" "replicas" 1 "state" $file "checkpoints" true "login" "signer") -}}
{{- end -}}
{{ toJson $all }}
{{- end }}

{{- /* How many pods serve queues. */}}
{{- define "byteport.workerCount" -}}
{{- $count := 0 -}}
{{- range include "byteport.processes" . | fromJsonArray -}}
{{- $count = add $count (int .replicas) -}}
{{- end -}}
{{ $count }}
{{- end }}
