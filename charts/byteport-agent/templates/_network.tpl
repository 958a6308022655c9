{{- /* Ports of the receivers that the log goes to and of the witnesses, each once, as JSON: what their addresses say, else what
their kind has. A file is reached by no port. */}}
{{- define "byteport.receiverPorts" -}}
{{- $export := .Values.audit.export -}}
{{- $found := list -}}
{{- $addresses := dict "s3" $export.s3.endpoint "gcs" $export.gcs.endpoint "syslog" $export.syslog.address "splunk" $export.splunk.url "webhook" $export.webhook.url "api" $export.api.url -}}
{{- range $kind := include "byteport.targets" . | fromJsonArray -}}
{{- if ne $kind "file" -}}
{{- $found = append $found (include "byteport.portOf" (get $addresses $kind | default "")) -}}
{{- end -}}
{{- if or (and (eq $kind "s3") $export.s3.endpoint) (and (eq $kind "gcs") $export.gcs.endpoint) -}}
{{- $found = append $found "443" -}}
{{- end -}}
{{- end -}}
{{- if and $export.proxy $found -}}
{{- $found = append $found (include "byteport.portOf" $export.proxy) -}}
{{- end -}}
{{- range .Values.audit.witnesses -}}
{{- $found = append $found (include "byteport.portOf" .url) -}}
{{- end -}}
{{ toJson ($found | uniq | sortAlpha) }}
{{- end }}

{{- /* The port that an address names, or that of its scheme. */}}
{{- define "byteport.portOf" -}}
{{- $named := regexFind ":[0-9]{1,5}$" (regexReplaceAll "/.*$" (regexReplaceAll "^[a-z]+://" . "") "") -}}
{{- if $named -}}
{{ regexFind "[0-9]+" $named }}
{{- else if hasPrefix "http://" . -}}
80
{{- else -}}
443
{{- end -}}
{{- end }}

{{- define "byteport.dns" -}}
to:
  - namespaceSelector:
      matchLabels: {kubernetes.io/metadata.name: {{ .Values.networkPolicy.dns.namespace | quote }}}
    {{- with .Values.networkPolicy.dns.podLabels }}
    podSelector:
      matchLabels: {{- toYaml . | nindent 8 }}
    {{- end }}
ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
{{- end }}

{{- /* Link-local addresses, and those outside of them by which a machine asks its cloud who it is, as JSON; and the same within
addresses that a network translates (NAT64, 6to4). */}}
{{- define "byteport.metadata" -}}
[
"169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",
"fe80::/10", "fd00:ec2::/32", "fd00:c1::a9fe:a9fe/128", "fd00:42::42/128", "fd20:ce::254/128",
"64:ff9b::a9fe:0/112", "64:ff9b::6464:64c8/128", "64:ff9b::a83f:8110/128", "64:ff9b::c000:c0/128",
"64:ff9b:1::a9fe:0/112", "64:ff9b:1::6464:64c8/128", "64:ff9b:1::a83f:8110/128", "64:ff9b:1::c000:c0/128",
"2002:a9fe::/32", "2002:6464:64c8::/48", "2002:a83f:8110::/48", "2002:c000:c0::/48"
]
{{- end }}

{{- /* Each of them with its bits, as JSON; reckoned once for all blocks. */}}
{{- define "byteport.metadataBits" -}}
{{- $found := dict -}}
{{- range include "byteport.metadata" . | fromJsonArray -}}
{{- $found = set $found . (include "byteport.bits" (dict "cidr" . "where" "byteport.metadata")) -}}
{{- end -}}
{{ toJson $found }}
{{- end }}

{{- /* What all addresses of a block begin with, in bits, after a 4 or a 6; one block lies in another where it begins with
what that one is. Fails on what is no block: (dict "cidr" … "where" …). */}}
{{- define "byteport.bits" -}}
{{- $wrong := printf "byteport: %s has %q, which is no block of addresses; write one as 10.0.0.0/8 or fd00::/8, without leading zeros" .where .cidr -}}
{{- if not (regexMatch "^[0-9a-fA-F.:]+/(0|[1-9][0-9]{0,2})$" .cidr) -}}{{- fail $wrong -}}{{- end -}}
{{- $address := index (splitList "/" .cidr) 0 | lower -}}
{{- $length := index (splitList "/" .cidr) 1 | int -}}
{{- $bits := "" -}}
{{- $family := "6" -}}
{{- if regexMatch "^(0|[1-9][0-9]{0,2})([.](0|[1-9][0-9]{0,2})){3}$" $address -}}
{{- $family = "4" -}}
{{- range splitList "." $address -}}
{{- if gt (int .) 255 -}}{{- fail $wrong -}}{{- end -}}
{{- $bits = printf "%s%08b" $bits (int .) -}}
{{- end -}}
{{- else -}}
{{- $halves := splitList "::" $address -}}
{{- if gt (len $halves) 2 -}}{{- fail $wrong -}}{{- end -}}
{{- $groups := list -}}
{{- range $index, $half := $halves -}}
{{- if not (regexMatch "^([0-9a-f]{1,4}(:[0-9a-f]{1,4})*)?$" $half) -}}{{- fail $wrong -}}{{- end -}}
{{- $some := $half | splitList ":" | compact -}}
{{- if $index -}}
{{- $missing := sub 8 (add (len $groups) (len $some)) | int -}}
{{- if lt $missing 1 -}}{{- fail $wrong -}}{{- end -}}
{{- range until $missing -}}{{- $groups = append $groups "0" -}}{{- end -}}
{{- end -}}
{{- $groups = concat $groups $some -}}
{{- end -}}
{{- if ne (len $groups) 8 -}}{{- fail $wrong -}}{{- end -}}
{{- $nibbles := dict "0" "0000" "1" "0001" "2" "0010" "3" "0011" "4" "0100" "5" "0101" "6" "0110" "7" "0111" "8" "1000" "9" "1001" "a" "1010" "b" "1011" "c" "1100" "d" "1101" "e" "1110" "f" "1111" -}}
{{- range $groups -}}
{{- range trunc -4 (printf "000%s" .) | splitList "" -}}{{- $bits = print $bits (get $nibbles .) -}}{{- end -}}
{{- end -}}
{{- if and (hasPrefix (print (repeat 80 "0") (repeat 16 "1")) $bits) (ge $length 96) -}}
{{- fail (printf "byteport: %s has %q, which is of IPv4; write it as 10.0.0.0/8 is written" .where .cidr) -}}
{{- end -}}
{{- end -}}
{{- if gt $length (len $bits) -}}{{- fail $wrong -}}{{- end -}}
{{- if contains "1" (substr $length (len $bits) $bits) -}}
{{- fail (printf "byteport: %s has %q, whose address has bits beyond /%d; write the first address of the block" .where .cidr $length) -}}
{{- end -}}
{{ $family }}{{ substr 0 $length $bits }}
{{- end }}

{{- /* An `ipBlock` without what of `byteport.metadata` lies in it, as JSON: (dict "block" … "never" … "where" …). A block that
itself lies in there is left as it is: whoever writes one means it. */}}
{{- define "byteport.block" -}}
{{- $bits := include "byteport.bits" (dict "cidr" .block.cidr "where" .where) -}}
{{- $except := .block.except | default list -}}
{{- $left := list -}}
{{- range $except -}}
{{- $out := include "byteport.bits" (dict "cidr" . "where" $.where) -}}
{{- if or (eq $out $bits) (not (hasPrefix $bits $out)) -}}
{{- fail (printf "byteport: %s leaves %q out of %q, of which it is no part" $.where . $.block.cidr) -}}
{{- end -}}
{{- $left = append $left $out -}}
{{- end -}}
{{- range $range, $inner := .never -}}
{{- $known := not (and (hasPrefix $bits $inner) (ne $bits $inner)) -}}
{{- range $left -}}{{- if hasPrefix . $inner -}}{{- $known = true -}}{{- end -}}{{- end -}}
{{- if not $known -}}{{- $except = append $except $range -}}{{- end -}}
{{- end -}}
{{- $block := dict "cidr" .block.cidr -}}
{{- if $except -}}{{- $block = set $block "except" $except -}}{{- end -}}
{{ toJson $block }}
{{- end }}

{{- /* Peers by their addresses, none of which is a cloud's metadata: (dict "cidrs" … "never" … "where" …). */}}
{{- define "byteport.blocks" -}}
{{- $peers := list -}}
{{- range $cidr := .cidrs -}}
{{- $bits := include "byteport.bits" (dict "cidr" $cidr "where" $.where) -}}
{{- range $range, $outer := $.never -}}
{{- if hasPrefix $outer $bits -}}
{{- fail (printf "byteport: %s has %q, which lies in %s: link-local, or a cloud's metadata; if it is meant, name it in networkPolicy.extraEgress" $.where $cidr $range) -}}
{{- end -}}
{{- end -}}
{{- $block := include "byteport.block" (dict "block" (dict "cidr" $cidr) "never" $.never "where" $.where) | fromJson -}}
{{- $peers = append $peers (dict "ipBlock" $block) -}}
{{- end -}}
{{ toYaml $peers }}
{{- end }}

{{- /* Rules of one's own, each block as `byteport.block` has it: (dict "rules" … "never" …). */}}
{{- define "byteport.extraEgress" -}}
{{- $rules := list -}}
{{- range $index, $rule := .rules -}}
{{- $peers := list -}}
{{- range $at, $peer := $rule.to -}}
{{- if get ($peer | default dict) "ipBlock" -}}
{{- $where := printf "networkPolicy.extraEgress[%d].to[%d].ipBlock" $index $at -}}
{{- $peer = dict "ipBlock" (include "byteport.block" (dict "block" $peer.ipBlock "never" $.never "where" $where) | fromJson) -}}
{{- end -}}
{{- $peers = append $peers $peer -}}
{{- end -}}
{{- $rules = append $rules (dict "to" $peers "ports" $rule.ports) -}}
{{- end -}}
{{ toYaml $rules }}
{{- end }}

{{- /* Fails where a rule of these policies (text) names no peer or no port, which Kubernetes reads as every one. The schema
sees to it that no value is taken away; this sees what is rendered, whatever Helm was told to skip. */}}
{{- define "byteport.noOpenRule" -}}
{{- range $text := regexSplit "(?m)^---$" . -1 -}}
{{- $policy := fromYaml $text -}}
{{- range $direction, $peers := dict "egress" "to" "ingress" "from" -}}
{{- range $index, $rule := dig "spec" $direction list $policy -}}
{{- range $key := list $peers "ports" -}}
{{- $named := get $rule $key -}}
{{- if or (not $named) (has nil $named) (has dict $named) -}}
{{- fail (printf "byteport: NetworkPolicy %s: %s[%d].%s would be empty, which is every one; say which in networkPolicy.*" $policy.metadata.name $direction $index $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}
