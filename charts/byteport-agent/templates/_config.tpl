{{- /* The agent's settings and policy, as its own files have them; `byteport/settings/model.py` and
`byteport/domain/policy.py` are where each word comes from. A test reads what is rendered with the agent's own loader. */}}

{{- /* Names of the runbooks that are on, as JSON. */}}
{{- define "byteport.runbooksOn" -}}
{{- $on := list -}}
{{- range include "byteport.runbooks" . | fromJsonArray -}}
{{- if get $.Values.runbooks .value -}}{{- $on = append $on .name -}}{{- end -}}
{{- end -}}
{{ toJson $on }}
{{- end }}

{{- define "byteport.keyFiles" -}}
{{- if include "byteport.keysGiven" . -}}
{{ dict
    "payload" "/run/byteport/keys/payload.key"
    "bodies" "/run/byteport/keys/bodies.key"
    "grant" "/run/byteport/keys/grant"
    "public" "/run/byteport/keys/grant.pub"
    "checkpoint" "/run/byteport/keys/checkpoint" | toJson }}
{{- else -}}
{{ dict
    "payload" "/var/lib/byteport/keys/shared/payload.key"
    "bodies" "/var/lib/byteport/keys/bodies/bodies.key"
    "grant" "/var/lib/byteport/keys/ledger/grant"
    "public" "/var/lib/byteport/keys/shared/grant.pub"
    "checkpoint" "/var/lib/byteport/keys/signer/checkpoint" | toJson }}
{{- end -}}
{{- end }}

{{- /* The log's settings, with files of receivers where their Secrets are named. */}}
{{- define "byteport.audit" -}}
{{- $keys := include "byteport.keyFiles" . | fromJson -}}
{{- $audit := omit .Values.audit "signer" "export" -}}
{{- if .Values.audit.signer.enabled -}}
{{- $audit = set $audit "signer" (dict "key" $keys.checkpoint "state_file" "/var/lib/byteport/signer/state.json") -}}
{{- end -}}
{{- $export := omit .Values.audit.export "serviceAccountAnnotations" "target" "proxy" "file" -}}
{{- $export = set $export "target" (include "byteport.targets" . | fromJsonArray) -}}
{{- with .Values.audit.export.proxy -}}{{- $export = set $export "proxy" . -}}{{- end -}}
{{- if .Values.audit.export.file.existingClaim -}}
{{- $export = set $export "file" (dict "folder" "/var/lib/byteport/export") -}}
{{- end -}}
{{- range include "byteport.receiverFiles" . | fromJsonArray -}}
{{- if (get $.Values.secrets .secret).name -}}
{{- $path := printf "/run/byteport/keys/%s" .file -}}
{{- if .section -}}
{{- $export = set $export .section (set (deepCopy (get $export .section)) .setting $path) -}}
{{- else -}}
{{- $export = set $export .setting $path -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (has "api" $export.target) (not .Values.secrets.api_certificate.name) -}}
{{- $export = set $export "api" (set (deepCopy $export.api) "token_file" "/var/run/secrets/byteport-ledger/token") -}}
{{- end -}}
{{ set $audit "export" $export | toJson }}
{{- end }}

{{- /* Which value of `secrets` is which file, and where the settings name it, as JSON. */}}
{{- define "byteport.receiverFiles" -}}
[
{"secret": "webhook_secret", "file": "webhook-secret", "section": "webhook", "setting": "secret_file"},
{"secret": "splunk_token", "file": "splunk-token", "section": "splunk", "setting": "token_file"},
{"secret": "syslog_certificate", "file": "syslog.crt", "section": "syslog", "setting": "client_certificate_file"},
{"secret": "syslog_key", "file": "syslog.key", "section": "syslog", "setting": "client_key_file"},
{"secret": "api_certificate", "file": "api.crt", "section": "api", "setting": "certificate"},
{"secret": "api_key", "file": "api.key", "section": "api", "setting": "key"},
{"secret": "receivers_ca", "file": "receivers-ca.crt", "section": "", "setting": "ca_file"}
]
{{- end }}

{{- /* Logs, metrics and traces; files of the collector where their Secrets are named. */}}
{{- define "byteport.telemetry" -}}
{{- $traces := .Values.telemetry.traces -}}
{{- if $traces.endpoint -}}
{{- range include "byteport.tracesFiles" . | fromJsonArray -}}
{{- if (get $.Values.secrets .secret).name -}}
{{- $traces = set (deepCopy $traces) .setting (printf "/run/byteport/keys/%s" .file) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ set (deepCopy .Values.telemetry) "traces" $traces | toJson }}
{{- end }}

{{- define "byteport.tracesFiles" -}}
[
{"secret": "traces_headers", "file": "traces-headers", "setting": "headers_file"},
{"secret": "traces_ca", "file": "traces-ca.crt", "setting": "ca_file"}
]
{{- end }}

{{- /* Whose answers are taken; identity providers' only where a list of them is given. */}}
{{- define "byteport.approvals" -}}
{{- $approvals := dict "allowed_signers" "/etc/byteport/signers/allowed_signers" "revoked_keys" "/etc/byteport/signers/revoked_keys" -}}
{{- if .Values.approvals.issuers -}}{{- $approvals = set $approvals "issuers" "/etc/byteport/signers/issuers" -}}{{- end -}}
{{ toJson $approvals }}
{{- end }}

{{- define "byteport.settings" -}}
{{- $keys := include "byteport.keyFiles" . | fromJson -}}
{{- $cluster := dict "name" .Values.cluster.name "grant_public_key" $keys.public -}}
{{- with include "byteport.clusterUid" . -}}
{{- $cluster = set $cluster "uid" . -}}
{{- end -}}
{{- $temporal := dict "address" .Values.temporal.address "namespace" .Values.temporal.namespace "tls" .Values.temporal.tls -}}
{{- if .Values.temporal.payload_keys -}}
{{- $temporal = set (set $temporal "payload_keys" .Values.temporal.payload_keys) "payload_keys_seconds" .Values.temporal.payload_keys_seconds -}}
{{- else -}}
{{- $temporal = set $temporal "payload_key_file" $keys.payload -}}
{{- end -}}
{{- with .Values.temporal.tls_secret -}}
{{- if .name -}}
{{- if .ca -}}{{- $temporal = set $temporal "tls_ca_file" "/run/byteport/keys/temporal-ca.crt" -}}{{- end -}}
{{- if .cert -}}
{{- $temporal = set $temporal "tls_cert_file" "/run/byteport/keys/temporal.crt" -}}
{{- $temporal = set $temporal "tls_key_file" "/run/byteport/keys/temporal.key" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if .Values.temporal.api_key_secret.name -}}
{{- $temporal = set $temporal "api_key_file" "/run/byteport/keys/temporal-api-key" -}}
{{- end -}}
{{- $on := include "byteport.runbooksOn" . | fromJsonArray -}}
{{- $boundary := merge (dict "sight" .Values.sight "runbooks" $on "helper" .Values.nodeHelper.enabled "events" .Values.events.enabled) .Values.boundary -}}
{{- $ledger := dict "path" "/var/lib/byteport/state/ledger.db" "body_key" $keys.bodies "grant_key" $keys.grant -}}
{{- if .Values.ledger.postgresql.address -}}
{{- $ledger = set (omit $ledger "path") "password_file" "/run/byteport/keys/database-password" -}}
{{- end -}}
{{- $all := dict
    "tenant" .Values.tenant
    "state_dir" "/var/lib/byteport/state"
    "policy_file" "/etc/byteport/policy/policy.yaml"
    "reobserve_after_seconds" .Values.reobserve_after_seconds
    "cluster" $cluster
    "temporal" $temporal
    "ledger" $ledger
    "audit" (include "byteport.audit" . | fromJson)
    "limits" .Values.limits
    "storm" .Values.storm
    "approvals" (include "byteport.approvals" . | fromJson)
    "escalation" (include "byteport.escalation" . | fromJson)
    "people" .Values.people
    "secret" (include "byteport.secretSettings" . | fromJson)
    "clouds" (include "byteport.clouds" . | fromJson)
    "watch" .Values.watch
    "boundary" $boundary
    "telemetry" (include "byteport.telemetry" . | fromJson) -}}
{{- with include "byteport.postmortem" . | fromJson -}}
{{- $all = set $all "postmortem" . -}}
{{- end -}}
{{ toYaml $all }}
{{- end }}

{{- /* The database as one process logs in to it: (dict "root" $ "login" …). Each has a user of its own, so that this is no
part of the settings that all of them share. */}}
{{- define "byteport.ledgerUrl" -}}
{{- $postgres := .root.Values.ledger.postgresql -}}
{{- $url := printf "postgresql://%s@%s/%s" (get $postgres.users .login) $postgres.address $postgres.database -}}
{{- if .root.Values.secrets.database_ca.name -}}
{{- $url = printf "%s?sslrootcert=/run/byteport/keys/database-ca.crt" $url -}}
{{- end -}}
{{ $url }}
{{- end }}

{{- define "byteport.policy" -}}
{{- $protected := include "byteport.protectedNamespaces" . | fromJsonArray -}}
{{ toYaml (merge (dict "protected_namespaces" $protected "helper_namespace" .Values.nodeHelper.namespace) .Values.policy) }}
{{- end }}
