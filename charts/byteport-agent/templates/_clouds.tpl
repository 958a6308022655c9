{{- /* Sources of metrics: what the settings say of them, which files they need, and by which way they are reached. */}}

{{- /* Sources that are polled, as JSON, however they were written. */}}
{{- define "byteport.cloudSources" -}}
{{- $sources := .Values.clouds.sources -}}
{{- if kindIs "string" $sources -}}
{{- $sources = splitList "," (nospace $sources) | compact -}}
{{- end -}}
{{ toJson $sources }}
{{- end }}

{{- /* Which value of `secrets` is which file, and where the settings name it, as JSON. */}}
{{- define "byteport.cloudFiles" -}}
[
{"secret": "clouds_ca", "file": "clouds-ca.crt", "section": "", "setting": "ca_file"},
{"secret": "prometheus_ca", "file": "prometheus-ca.crt", "section": "prometheus", "setting": "ca_file"},
{"secret": "prometheus_certificate", "file": "prometheus.crt", "section": "prometheus", "setting": "client_cert_file"},
{"secret": "prometheus_key", "file": "prometheus.key", "section": "prometheus", "setting": "client_key_file"}
]
{{- end }}

{{- /* Whether any of those Secrets is named. */}}
{{- define "byteport.cloudSecrets" -}}
{{- range include "byteport.cloudFiles" . | fromJsonArray -}}
{{- if (get $.Values.secrets .secret).name -}}true{{- end -}}
{{- end -}}
{{- end }}

{{- /* Settings of `clouds`. */}}
{{- define "byteport.clouds" -}}
{{- $clouds := omit .Values.clouds "serviceAccountAnnotations" "podLabels" "proxy" "sources" -}}
{{- $clouds = set $clouds "sources" (include "byteport.cloudSources" . | fromJsonArray) -}}
{{- with .Values.clouds.proxy -}}{{- $clouds = set $clouds "proxy" . -}}{{- end -}}
{{- range include "byteport.cloudFiles" . | fromJsonArray -}}
{{- if (get $.Values.secrets .secret).name -}}
{{- $path := printf "/run/byteport/keys/%s" .file -}}
{{- if .section -}}
{{- $clouds = set $clouds .section (set (deepCopy (get $clouds .section)) .setting $path) -}}
{{- else -}}
{{- $clouds = set $clouds .setting $path -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ toJson $clouds }}
{{- end }}

{{- /* Ports by which they are reached, each once, as JSON: 443, and what Prometheus's address and the proxy's say. */}}
{{- define "byteport.cloudPorts" -}}
{{- $found := list -}}
{{- range $source := include "byteport.cloudSources" . | fromJsonArray -}}
{{- if eq $source "prometheus" -}}
{{- $found = append $found (include "byteport.portOf" ($.Values.clouds.prometheus.url | default "")) -}}
{{- else -}}
{{- $found = append $found "443" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.clouds.proxy $found -}}
{{- $found = append $found (include "byteport.portOf" .Values.clouds.proxy) -}}
{{- end -}}
{{ toJson ($found | uniq | sortAlpha) }}
{{- end }}

{{- /* Ways out to them: (dict "root" $ "never" …). */}}
{{- define "byteport.cloudEgress" -}}
{{- $root := .root -}}
{{- $sources := include "byteport.cloudSources" $root | fromJsonArray -}}
- to:
    {{- include "byteport.blocks" (dict "cidrs" $root.Values.networkPolicy.clouds.cidrs "never" .never "where" "networkPolicy.clouds.cidrs") | nindent 4 }}
  ports:
    {{- range include "byteport.cloudPorts" $root | fromJsonArray }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- if has "aws" $sources }}
- to:
    - ipBlock: {cidr: 169.254.170.23/32}
    - ipBlock: {cidr: "fd00:ec2::23/128"}
  ports:
    - {protocol: TCP, port: 80}
{{- end }}
{{- /* On EKS this address is the node's identity, which is not taken. */}}
{{- if and (has "gcp" $sources) (not (contains "-eks-" $root.Capabilities.KubeVersion.Version)) }}
- to:
    - ipBlock: {cidr: 169.254.169.252/32}
    - ipBlock: {cidr: 169.254.169.254/32}
  ports:
    - {protocol: TCP, port: 80}
    - {protocol: TCP, port: 988}
{{- end }}
{{- end }}

{{- /* What no schema can say of them. */}}
{{- define "byteport.checkClouds" -}}
{{- $sources := include "byteport.cloudSources" . | fromJsonArray -}}
{{- if and (has "prometheus" $sources) (not .Values.clouds.prometheus.url) -}}
{{- fail "byteport: clouds.sources names prometheus, so clouds.prometheus.url must be set" -}}
{{- end -}}
{{- if and .Values.clouds.prometheus.token (not .Values.secret.backend) -}}
{{- fail "byteport: clouds.prometheus.token is a secret's name, so secret.backend must say where secrets live" -}}
{{- end -}}
{{- if and (has "gcp" $sources) (not .Values.clouds.gcp.project) -}}
{{- fail "byteport: clouds.sources names gcp, so clouds.gcp.project must be set" -}}
{{- end -}}
{{- range $word := list "subscription" "node_resource_group" "region" -}}
{{- if and (has "azure" $sources) (not (get $.Values.clouds.azure $word)) -}}
{{- fail (printf "byteport: clouds.sources names azure, so clouds.azure.%s must be set" $word) -}}
{{- end -}}
{{- end -}}
{{- $certificate := .Values.secrets.prometheus_certificate.name -}}
{{- $key := .Values.secrets.prometheus_key.name -}}
{{- if or (and $certificate (not $key)) (and $key (not $certificate)) -}}
{{- fail "byteport: secrets.prometheus_certificate and secrets.prometheus_key belong together; name both, or neither" -}}
{{- end -}}
{{- end }}
