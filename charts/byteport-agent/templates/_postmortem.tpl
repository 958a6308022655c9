{{- /* Postmortems: what the agent's settings say of them, and by which ports the processes that tell people reach their place. */}}

{{- /* Settings of `postmortem`, empty where none are filed. Files lie beside the notices; GitHub's authorities are those of the channels. */}}
{{- define "byteport.postmortem" -}}
{{- $all := dict -}}
{{- with .Values.postmortem.target -}}
{{- $all = deepCopy $.Values.postmortem -}}
{{- if not $.Values.postmortem.proxy -}}{{- $all = omit $all "proxy" -}}{{- end -}}
{{- if eq . "file" -}}{{- $all = set $all "folder" "/var/lib/byteport/notices/postmortems" -}}{{- end -}}
{{- if and (eq . "github") $.Values.secrets.channels_ca.name -}}{{- $all = set $all "ca_file" "/run/byteport/keys/channels-ca.crt" -}}{{- end -}}
{{- end -}}
{{ toJson $all }}
{{- end }}

{{- define "byteport.postmortemPorts" -}}
{{- $found := list -}}
{{- if eq (.Values.postmortem.target | default "") "github" -}}
{{- $found = append $found (include "byteport.portOf" ((.Values.postmortem.github | default dict).api | default "")) -}}
{{- if .Values.postmortem.proxy -}}
{{- $found = append $found (include "byteport.portOf" .Values.postmortem.proxy) -}}
{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{- /* What no schema can say of them. */}}
{{- define "byteport.checkPostmortem" -}}
{{- if eq (.Values.postmortem.target | default "") "github" -}}
{{- range $key := list "repository" "token" -}}
{{- if not (get ($.Values.postmortem.github | default dict) $key) -}}
{{- fail (printf "byteport: postmortem.target is github, so postmortem.github.%s must be set" $key) -}}
{{- end -}}
{{- end -}}
{{- if not .Values.secret.backend -}}
{{- fail "byteport: postmortem.target is github, whose token comes from a secret backend; set secret.backend" -}}
{{- end -}}
{{- end -}}
{{- end }}
