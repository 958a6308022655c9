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
{{- $clouds := omit .Values.clouds "serviceAccountAnnotations" "podLabels" "federation" "proxy" "sources" -}}
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
{{- /* On EKS this address is the node's identity, which is not taken; nor is it asked where the pod's is federated. */}}
{{- if and (has "gcp" $sources) (not $root.Values.clouds.federation.google.provider) (not (contains "-eks-" $root.Capabilities.KubeVersion.Version)) }}
- to:
    - ipBlock: {cidr: 169.254.169.252/32}
    - ipBlock: {cidr: 169.254.169.254/32}
  ports:
    - {protocol: TCP, port: 80}
    - {protocol: TCP, port: 988}
{{- end }}
{{- end }}

{{- /* Who the process is to a cloud that is not the cluster's own: volumes, where they are mounted, and what points there. */}}
{{- define "byteport.federationVolumes" -}}
{{- with .Values.clouds.federation.google.provider }}
# Shown to Google's token exchange alone: the API server takes it for nobody.
- name: google
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, audience: {{ printf "https://iam.googleapis.com/%s" . | quote }}, expirationSeconds: 3600}
      - configMap: {name: byteport-google}
{{- end }}
{{- if .Values.clouds.federation.azure.client_id }}
# Shown to Microsoft's token endpoint alone: the API server takes it for nobody.
- name: azure
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, audience: {{ .Values.clouds.federation.azure.audience | quote }}, expirationSeconds: 3600}
{{- end }}
{{- end }}

{{- define "byteport.federationMounts" -}}
{{- if .Values.clouds.federation.google.provider }}
- {name: google, mountPath: /var/run/secrets/byteport-google, readOnly: true}
{{- end }}
{{- if .Values.clouds.federation.azure.client_id }}
- {name: azure, mountPath: /var/run/secrets/byteport-azure, readOnly: true}
{{- end }}
{{- end }}

{{- define "byteport.federationEnvironment" -}}
{{- if .Values.clouds.federation.google.provider }}
- {name: GOOGLE_APPLICATION_CREDENTIALS, value: /var/run/secrets/byteport-google/credentials.json}
{{- end }}
{{- with .Values.clouds.federation.azure }}
{{- if .client_id }}
- {name: AZURE_TENANT_ID, value: {{ .tenant_id | quote }}}
- {name: AZURE_CLIENT_ID, value: {{ .client_id | quote }}}
- {name: AZURE_FEDERATED_TOKEN_FILE, value: /var/run/secrets/byteport-azure/token}
{{- with .authority }}
- {name: AZURE_AUTHORITY_HOST, value: {{ . | quote }}}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Google's credential configuration: it says where the token lies and whom it is shown, and holds nothing secret. */}}
{{- define "byteport.googleCredentials" -}}
{{- $google := .Values.clouds.federation.google -}}
{{- $configuration := dict
    "type" "external_account"
    "audience" (printf "//iam.googleapis.com/%s" $google.provider)
    "subject_token_type" "urn:ietf:params:oauth:token-type:jwt"
    "token_url" "https://sts.googleapis.com/v1/token"
    "credential_source" (dict "file" "/var/run/secrets/byteport-google/token" "format" (dict "type" "text")) -}}
{{- with $google.service_account -}}
{{- $url := printf "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/%s:generateAccessToken" . -}}
{{- $configuration = set $configuration "service_account_impersonation_url" $url -}}
{{- end -}}
{{ toPrettyJson $configuration }}
{{- end }}

{{- /* What no schema can say of them. */}}
{{- define "byteport.checkClouds" -}}
{{- $sources := include "byteport.cloudSources" . | fromJsonArray -}}
{{- $google := .Values.clouds.federation.google -}}
{{- if and $google.provider (not (has "gcp" $sources)) -}}
{{- fail "byteport: clouds.federation.google is for the source gcp, which clouds.sources does not name" -}}
{{- end -}}
{{- if and $google.service_account (not $google.provider) -}}
{{- fail "byteport: clouds.federation.google.service_account needs clouds.federation.google.provider" -}}
{{- end -}}
{{- $azure := .Values.clouds.federation.azure -}}
{{- if and (or $azure.client_id $azure.tenant_id) (not (has "azure" $sources)) -}}
{{- fail "byteport: clouds.federation.azure is for the source azure, which clouds.sources does not name" -}}
{{- end -}}
{{- if ne (empty $azure.client_id) (empty $azure.tenant_id) -}}
{{- fail "byteport: clouds.federation.azure.tenant_id and clouds.federation.azure.client_id belong together; set both, or neither" -}}
{{- end -}}
{{- if and $azure.client_id (hasKey .Values.clouds.podLabels "azure.workload.identity/use") -}}
{{- fail "byteport: clouds.podLabels has azure.workload.identity/use, by which AKS gives the pod its identity; outside of AKS clouds.federation.azure does, and not both" -}}
{{- end -}}
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
