{{- define "byteport.dns" -}}
to:
  - namespaceSelector:
      matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicy.dns.namespace }}}
    {{- with .Values.networkPolicy.dns.podLabels }}
    podSelector:
      matchLabels: {{- toYaml . | nindent 8 }}
    {{- end }}
ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
{{- end }}

{{- /* Addresses; where they are any, never those by which a machine asks its cloud who it is. */}}
{{- define "byteport.blocks" -}}
{{- range $index, $cidr := . }}
{{- if $index }}{{ "\n" }}{{ end -}}
- ipBlock:
    cidr: {{ $cidr | quote }}
    {{- if eq $cidr "0.0.0.0/0" }}
    except: ["169.254.0.0/16"]
    {{- else if eq $cidr "::/0" }}
    except: ["fe80::/10", "fd00:ec2::/32"]
    {{- end }}
{{- end }}
{{- end }}
