{{- /* The secret backend: who reads from it, with what in hand, and by which way. */}}

{{- /* The processes that read secrets, as JSON: those that tell people, and the one that asks for metrics where it is by itself; and
everyone, where the payload keys are a secret. */}}
{{- define "byteport.secretReaders" -}}
{{- if .Values.temporal.payload_keys -}}
["agent", "rest", "control", "ledger", "notify", "export", "cloud", "signer", "console", "alerts"]
{{- else -}}
{{ include "byteport.readersOfAll" . }}
{{- end -}}
{{- end }}
{{- define "byteport.readersOfAll" -}}
["rest", "notify", "cloud"]
{{- end }}

{{- /* Which of the Secrets that the backend `k8s` reads one process is given, by their places, as JSON: all of them, or that of the
payload keys alone: (dict "root" $ "component" …). */}}
{{- define "byteport.projectedFor" -}}
{{- $found := dict -}}
{{- $all := has .component (include "byteport.readersOfAll" .root | fromJsonArray) -}}
{{- $keys := index (splitList "#" .root.Values.temporal.payload_keys) 0 -}}
{{- range $index, $name := .root.Values.secret.k8s.secrets -}}
{{- if or $all (eq $name $keys) -}}{{- $found = set $found (toString $index) $name -}}{{- end -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{- /* Settings of `secret`, with the files that the pods are given. */}}
{{- define "byteport.secretSettings" -}}
{{- $all := pick .Values.secret "vault" "aws_sm" "gcp_sm" "doppler" "onepassword" "check" -}}
{{- with .Values.secret.backend -}}{{- $all = set $all "backend" . -}}{{- end -}}
{{- if and .Values.secret.backend .Values.secrets.backend_ca.name -}}{{- $all = set $all "ca_file" "/run/byteport/secret-backend/ca.crt" -}}{{- end -}}
{{ toJson $all }}
{{- end }}

{{- /* Whether pods show a Vault a token of their own. */}}
{{- define "byteport.showsToken" -}}
{{- if and (eq .Values.secret.backend "vault") (eq (.Values.secret.vault.auth | default "kubernetes") "kubernetes") }}true{{ end -}}
{{- end }}

{{- /* Whether a token or an authority of the backend comes from a Secret. */}}
{{- define "byteport.backendSecrets" -}}
{{- if and .Values.secret.backend (or .Values.secrets.backend_token.name .Values.secrets.backend_ca.name) }}true{{ end -}}
{{- end }}

{{- /* What one process has in hand for the backend: (dict "root" $ "component" …). */}}
{{- define "byteport.secretMounts" -}}
{{- with .root }}
{{- if include "byteport.showsToken" . }}
- {name: backend-token, mountPath: /var/run/secrets/byteport-secrets, readOnly: true}
{{- end }}
{{- if include "byteport.backendSecrets" . }}
- {name: secret-backend, mountPath: /run/byteport/secret-backend, readOnly: true}
{{- end }}
{{- if eq .Values.secret.backend "k8s" }}
{{- range $index, $name := include "byteport.projectedFor" $ | fromJson }}
- {name: secret-{{ $index }}, mountPath: /run/byteport/secrets/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Each of them lies in memory, and the kubelet writes anew what was rotated. */}}
{{- define "byteport.secretVolumes" -}}
{{- with .root }}
{{- if include "byteport.showsToken" . }}
- name: backend-token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {audience: {{ .Values.secret.audience | quote }}, expirationSeconds: 600, path: token}
{{- end }}
{{- if include "byteport.backendSecrets" . }}
- name: secret-backend
  projected:
    defaultMode: 0440
    sources:
      {{- with .Values.secrets.backend_token }}
      {{- if .name }}
      - secret: {name: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: token}]}
      {{- end }}
      {{- end }}
      {{- with .Values.secrets.backend_ca }}
      {{- if .name }}
      - secret: {name: {{ .name | quote }}, items: [{key: {{ .key | quote }}, path: ca.crt}]}
      {{- end }}
      {{- end }}
{{- end }}
{{- if eq .Values.secret.backend "k8s" }}
{{- range $index, $name := include "byteport.projectedFor" $ | fromJson }}
- name: secret-{{ $index }}
  secret: {secretName: {{ $name | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The backend's address, where the settings say one. */}}
{{- define "byteport.backendAddress" -}}
{{- $secret := .Values.secret -}}
{{ get (dict "vault" $secret.vault.address "aws-sm" $secret.aws_sm.endpoint "gcp-sm" $secret.gcp_sm.endpoint "doppler" $secret.doppler.endpoint "1password" $secret.onepassword.address) $secret.backend | default "" }}
{{- end }}

{{- /* Ways out to the backend, for whoever reads from it: (dict "root" $ "never" …). */}}
{{- define "byteport.backendEgress" -}}
{{- $root := .root -}}
{{- $never := .never -}}
{{- $backend := $root.Values.secret.backend -}}
{{- $address := include "byteport.backendAddress" $root | trim -}}
{{- $host := regexReplaceAll "[:/].*$" (trimPrefix "https://" $address) "" | lower -}}
- to:
    {{- if regexMatch "^[^.]+[.][^.]+[.]svc([.].+)?$" $host }}
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ index (splitList "." $host) 1 | quote }}}
    {{- else }}
    {{- include "byteport.blocks" (dict "cidrs" $root.Values.networkPolicy.secretBackend.cidrs "never" $never "where" "networkPolicy.secretBackend.cidrs") | nindent 4 }}
    {{- end }}
  ports:
    - {protocol: TCP, port: {{ include "byteport.portOf" $address }}}
{{- if and $address (has $backend (list "aws-sm" "gcp-sm")) }}
- to:
    {{- include "byteport.blocks" (dict "cidrs" $root.Values.networkPolicy.secretBackend.cidrs "never" $never "where" "networkPolicy.secretBackend.cidrs") | nindent 4 }}
  ports:
    - {protocol: TCP, port: 443}
{{- end }}
{{- if eq $backend "aws-sm" }}
- to:
    - ipBlock: {cidr: 169.254.170.23/32}
    - ipBlock: {cidr: "fd00:ec2::23/128"}
  ports:
    - {protocol: TCP, port: 80}
{{- end }}
{{- /* On EKS this address is the node's identity, which is not taken. */}}
{{- if and (eq $backend "gcp-sm") (not (contains "-eks-" $root.Capabilities.KubeVersion.Version)) }}
- to:
    - ipBlock: {cidr: 169.254.169.252/32}
    - ipBlock: {cidr: 169.254.169.254/32}
  ports:
    - {protocol: TCP, port: 80}
    - {protocol: TCP, port: 988}
{{- end }}
{{- end }}

{{- /* What no schema can say of the backend. */}}
{{- define "byteport.checkBackend" -}}
{{- $secret := .Values.secret -}}
{{- if and .Values.temporal.payload_keys (not $secret.backend) -}}
{{- fail "byteport: temporal.payload_keys names a secret, so secret.backend must be set: it is where the secret is" -}}
{{- end -}}
{{- if and .Values.temporal.payload_keys (eq $secret.backend "k8s") (not (has (index (splitList "#" .Values.temporal.payload_keys) 0) $secret.k8s.secrets)) -}}
{{- fail "byteport: temporal.payload_keys must be name#key of a Secret that secret.k8s.secrets lists" -}}
{{- end -}}
{{- if and .Values.temporal.payload_keys .Values.secrets.payload_key.name -}}
{{- fail "byteport: temporal.payload_keys and secrets.payload_key are two places for the same keys; set one of them" -}}
{{- end -}}
{{- if and .Values.temporal.payload_keys (not (include "byteport.keysGiven" .)) -}}
{{- fail "byteport: temporal.payload_keys needs the other keys from Secrets, since those on the volume would be made beside it; set secrets.*" -}}
{{- end -}}
{{- range $backend, $word := dict "vault" "vault.address" "gcp-sm" "gcp_sm.project" "1password" "onepassword.address" -}}
{{- $parts := splitList "." $word -}}
{{- if and (eq $secret.backend $backend) (not (get (get $secret (index $parts 0)) (index $parts 1))) -}}
{{- fail (printf "byteport: secret.backend is %s, so secret.%s must be set" $backend $word) -}}
{{- end -}}
{{- end -}}
{{- if and (has $secret.backend (list "doppler" "1password")) (not .Values.secrets.backend_token.name) -}}
{{- fail (printf "byteport: secret.backend is %s, so secrets.backend_token.name must be set: it is the Secret with the token that opens it" $secret.backend) -}}
{{- end -}}
{{- if and (eq $secret.backend "k8s") (not $secret.k8s.secrets) -}}
{{- fail "byteport: secret.backend is k8s, so secret.k8s.secrets must name the Secrets that the pods are given" -}}
{{- end -}}
{{- if and (eq $secret.backend "vault") (ne ($secret.vault.auth | default "kubernetes") "kubernetes") -}}
{{- fail "byteport: secret.vault.auth is for processes outside of a cluster; in one it is kubernetes, by a token of the pod's own" -}}
{{- end -}}
{{- end }}
