{{- /* The channels to people: what the agent's settings say of them, and by which ports the processes that tell people reach them. */}}

{{- /* Settings of `escalation`, with the file of authorities where its Secret is named. */}}
{{- define "byteport.escalation" -}}
{{- $all := merge (dict "file" "/var/lib/byteport/notices/notices.jsonl") (deepCopy .Values.escalation) -}}
{{- if not .Values.escalation.proxy -}}{{- $all = omit $all "proxy" -}}{{- end -}}
{{- if .Values.secrets.channels_ca.name -}}{{- $all = set $all "ca_file" "/run/byteport/keys/channels-ca.crt" -}}{{- end -}}
{{ toJson $all }}
{{- end }}

{{- /* Ports of the channels that are named, as JSON. A webhook whose URL is a secret is taken to listen on 443. */}}
{{- define "byteport.channelPorts" -}}
{{- $escalation := .Values.escalation -}}
{{- $found := list -}}
{{- range $kind := $escalation.channels | default list -}}
{{- $section := get $escalation $kind | default dict -}}
{{- if eq $kind "email" -}}
{{- $found = append $found (regexFind "[0-9]+$" ($section.server | default "587")) -}}
{{- else -}}
{{- $address := "" -}}
{{- if eq $kind "webhook" -}}{{- $address = $section.url | default "" -}}{{- end -}}
{{- if eq $kind "pagerduty" -}}{{- $address = $section.api | default "" -}}{{- end -}}
{{- if and (eq $kind "slack") (not $section.webhook) -}}{{- $address = $section.api | default "" -}}{{- end -}}
{{- $found = append $found (include "byteport.portOf" $address) -}}
{{- end -}}
{{- end -}}
{{- if and $found $escalation.proxy -}}
{{- $found = append $found (include "byteport.portOf" $escalation.proxy) -}}
{{- end -}}
{{ toJson ($found | uniq | sortAlpha) }}
{{- end }}

{{- /* What no schema can say of the channels. */}}
{{- define "byteport.checkChannels" -}}
{{- $escalation := .Values.escalation -}}
{{- $needs := dict "slack" list "teams" (list "webhook") "pagerduty" (list "routing_key") "email" (list "server" "sender" "to") "webhook" (list "url" "secret") -}}
{{- range $kind := $escalation.channels | default list -}}
{{- $section := get $escalation $kind | default dict -}}
{{- if and (eq $kind "slack") (not $section.webhook) (not (and $section.token $section.channel)) -}}
{{- fail "byteport: escalation.channels names slack, so escalation.slack.token and channel, or webhook, must be set" -}}
{{- end -}}
{{- range $key := get $needs $kind -}}
{{- if not (get $section $key) -}}
{{- fail (printf "byteport: escalation.channels names %s, so escalation.%s.%s must be set" $kind $kind $key) -}}
{{- end -}}
{{- end -}}
{{- if and (not $.Values.secret.backend) (or (ne $kind "email") $section.password) -}}
{{- fail (printf "byteport: escalation.channels names %s, whose credential comes from a secret backend; set secret.backend" $kind) -}}
{{- end -}}
{{- end -}}
{{- range $rung := $escalation.by_rung | default list -}}
{{- range $kind := $rung -}}
{{- if not (has $kind ($escalation.channels | default list)) -}}
{{- fail (printf "byteport: escalation.by_rung names %s, which escalation.channels does not" $kind) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
