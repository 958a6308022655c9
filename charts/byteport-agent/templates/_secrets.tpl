{{- /* Which Secrets one process is given, and what each file is called: (dict "values" … "given" … "process" …). */}}
{{- define "byteport.secretSources" -}}
{{- $temporal := .values.temporal -}}
{{- if .given }}
{{- with .values.secrets }}
- secret: {name: {{ .payload_key.name }}, items: [{key: {{ .payload_key.key }}, path: payload.key}]}
{{- if $.process.token }}
- secret: {name: {{ .grant_public_key.name }}, items: [{key: {{ .grant_public_key.key }}, path: grant.pub}]}
{{- end }}
{{- if $.process.grants }}
- secret: {name: {{ .grant_key.name }}, items: [{key: {{ .grant_key.key }}, path: grant}]}
{{- end }}
{{- end }}
{{- end }}
{{- with $temporal.tls_secret }}
{{- if and .name .ca }}
- secret: {name: {{ .name }}, items: [{key: {{ .ca }}, path: temporal-ca.crt}]}
{{- end }}
{{- if and .name .cert }}
- secret: {name: {{ .name }}, items: [{key: {{ .cert }}, path: temporal.crt}, {key: {{ .key }}, path: temporal.key}]}
{{- end }}
{{- end }}
{{- with $temporal.api_key_secret }}
{{- if .name }}
- secret: {name: {{ .name }}, items: [{key: {{ .key }}, path: temporal-api-key}]}
{{- end }}
{{- end }}
{{- end }}
