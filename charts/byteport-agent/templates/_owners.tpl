{{- /* Fails when an object of that name is there and is not this release's; renders nothing. */}}
{{- define "byteport.mustBeOurs" -}}
{{- $live := lookup .apiVersion .kind .namespace .name -}}
{{- if $live -}}
{{- $notes := dig "metadata" "annotations" dict $live -}}
{{- $release := get $notes "meta.helm.sh/release-name" -}}
{{- $namespace := get $notes "meta.helm.sh/release-namespace" -}}
{{- if or (ne $release .root.Release.Name) (ne $namespace .root.Release.Namespace) -}}
{{- $where := ternary .name (printf "%s/%s" .namespace .name) (empty .namespace) -}}
{{- $owner := ternary "nobody's release" (printf "the release %s in %s" $release $namespace) (empty $release) -}}
{{- fail (printf "byteport: the %s %s is there already and is %s; %s" .kind $where $owner .remedy) -}}
{{- end -}}
{{- end -}}
{{- end }}
