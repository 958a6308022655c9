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
{{ dict "payload" "/run/byteport/keys/payload.key" "bodies" "/run/byteport/keys/bodies.key" "grant" "/run/byteport/keys/grant" "public" "/run/byteport/keys/grant.pub" | toJson }}
{{- else -}}
{{ dict "payload" "/var/lib/byteport/keys/shared/payload.key" "bodies" "/var/lib/byteport/keys/ledger/bodies.key" "grant" "/var/lib/byteport/keys/ledger/grant" "public" "/var/lib/byteport/keys/shared/grant.pub" | toJson }}
{{- end -}}
{{- end }}

{{- define "byteport.settings" -}}
{{- $keys := include "byteport.keyFiles" . | fromJson -}}
{{- $cluster := dict "name" .Values.cluster.name "grant_public_key" $keys.public -}}
{{- with include "byteport.clusterUid" . -}}
{{- $cluster = set $cluster "uid" . -}}
{{- end -}}
{{- $temporal := dict "address" .Values.temporal.address "namespace" .Values.temporal.namespace "tls" .Values.temporal.tls "payload_key_file" $keys.payload -}}
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
{{- $boundary := merge (dict "sight" .Values.sight "runbooks" $on "helper" .Values.nodeHelper.enabled) .Values.boundary -}}
{{- $all := dict
    "tenant" .Values.tenant
    "state_dir" "/var/lib/byteport/state"
    "policy_file" "/etc/byteport/policy/policy.yaml"
    "reobserve_after_seconds" .Values.reobserve_after_seconds
    "cluster" $cluster
    "temporal" $temporal
    "ledger" (dict "path" "/var/lib/byteport/state/ledger.db" "body_key" $keys.bodies "grant_key" $keys.grant)
    "audit" .Values.audit
    "limits" .Values.limits
    "storm" .Values.storm
    "approvals" (dict "allowed_signers" "/etc/byteport/signers/allowed_signers" "revoked_keys" "/etc/byteport/signers/revoked_keys")
    "escalation" (merge (dict "file" "/var/lib/byteport/notices/notices.jsonl") .Values.escalation)
    "watch" .Values.watch
    "boundary" $boundary
    "telemetry" .Values.telemetry -}}
{{ toYaml $all }}
{{- end }}

{{- define "byteport.policy" -}}
{{- $protected := include "byteport.protectedNamespaces" . | fromJsonArray -}}
{{ toYaml (merge (dict "protected_namespaces" $protected "helper_namespace" .Values.nodeHelper.namespace) .Values.policy) }}
{{- end }}
