{{- /* Which Secrets one process is given, and what each file is called: (dict "values" … "given" … "process" …). */}}
{{- define "byteport.secretSources" -}}
{{- $temporal := .values.temporal -}}
{{- if .given }}
{{- with .values.secrets }}
{{- if not $temporal.payload_keys }}
- secret: {name: {{ .payload_key.name | quote }}, items: [{key: {{ .payload_key.key | quote }}, path: payload.key}]}
{{- end }}
{{- if $.process.token }}
- secret: {name: {{ .grant_public_key.name | quote }}, items: [{key: {{ .grant_public_key.key | quote }}, path: grant.pub}]}
{{- end }}
{{- if $.process.bodies }}
- secret: {name: {{ .body_key.name | quote }}, items: [{key: {{ .body_key.key | quote }}, path: bodies.key}]}
{{- end }}
{{- if $.process.checkpoints }}
- secret: {name: {{ .checkpoint_key.name | quote }}, items: [{key: {{ .checkpoint_key.key | quote }}, path: checkpoint}]}
{{- end }}
{{- if $.process.grants }}
- secret: {name: {{ .grant_key.name | quote }}, items: [{key: {{ .grant_key.key | quote }}, path: grant}]}
{{- end }}
{{- end }}
{{- end }}
{{- if and .process.login .values.ledger.postgresql.address }}
{{- with get .values.secrets (printf "database_%s" .process.login) }}
- secret: {name: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: database-password}]}
{{- end }}
{{- with .values.secrets.database_ca }}
{{- if .name }}
- secret: {name: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: database-ca.crt}]}
{{- end }}
{{- end }}
{{- end }}
{{- if .process.receivers }}
{{- range include "byteport.receiverFiles" . | fromJsonArray }}
{{- $file := .file }}
{{- with get $.values.secrets .secret }}
{{- if .name }}
- secret: {name: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: {{ $file }}}]}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if .values.telemetry.traces.endpoint }}
{{- range include "byteport.tracesFiles" . | fromJsonArray }}
{{- $file := .file }}
{{- with get $.values.secrets .secret }}
{{- if .name }}
- secret: {name: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: {{ $file }}}]}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if .process.clouds }}
{{- range include "byteport.cloudFiles" . | fromJsonArray }}
{{- $file := .file }}
{{- with get $.values.secrets .secret }}
{{- if .name }}
- secret: {name: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: {{ $file }}}]}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if .process.notices }}
{{- with .values.secrets.channels_ca }}
{{- if .name }}
- secret: {name: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: channels-ca.crt}]}
{{- end }}
{{- end }}
{{- end }}
{{- with $temporal.tls_secret }}
{{- if and .name .ca }}
- secret: {name: {{ .name | quote }}, items: [{key: {{ .ca | quote }}, path: temporal-ca.crt}]}
{{- end }}
{{- if and .name .cert }}
- secret: {name: {{ .name | quote }}, items: [{key: {{ .cert | quote }}, path: temporal.crt}, {key: {{ .key | quote }}, path: temporal.key}]}
{{- end }}
{{- end }}
{{- with $temporal.api_key_secret }}
{{- if .name }}
- secret: {name: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: temporal-api-key}]}
{{- end }}
{{- end }}
{{- end }}

{{- /* Whether any Secret of the collector of traces is named, and it is used. */}}
{{- define "byteport.tracesSecrets" -}}
{{- if .Values.telemetry.traces.endpoint -}}
{{- range include "byteport.tracesFiles" . | fromJsonArray -}}
{{- if (get $.Values.secrets .secret).name -}}true{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{- /* Whether any receiver's Secret is named. */}}
{{- define "byteport.receiverSecrets" -}}
{{- range include "byteport.receiverFiles" . | fromJsonArray -}}
{{- if (get $.Values.secrets .secret).name -}}true{{- end -}}
{{- end -}}
{{- end }}
