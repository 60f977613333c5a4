{{- /*
A map as TOML. Not Helm's toToml: it writes whole numbers as 10000.0, which the gateway refuses. A text of
JSON is a text of TOML; tables and arrays inside of a section stand on one line.
*/ -}}

{{- define "heify-gateway.toml.key" -}}
{{- if regexMatch "^[A-Za-z0-9_-]+$" . }}{{ . }}{{ else }}{{ . | toJson }}{{ end }}
{{- end }}

{{- define "heify-gateway.toml.value" -}}
{{- if kindIs "map" . -}}
{ {{- range $index, $key := keys . | sortAlpha }}{{ if $index }},{{ end }} {{ include "heify-gateway.toml.key" $key }} = {{ include "heify-gateway.toml.value" (get $ $key) }}{{ end }} }
{{- else if kindIs "slice" . -}}
[{{ range $index, $item := . }}{{ if $index }}, {{ end }}{{ include "heify-gateway.toml.value" $item }}{{ end }}]
{{- else if kindIs "float64" . -}}
{{ if eq (float64 (int64 .)) . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- else if kindIs "invalid" . -}}
{{ fail "config: a key has no value (null)" }}
{{- else -}}
{{ . | toJson }}
{{- end }}
{{- end }}

{{- define "heify-gateway.toml.entries" -}}
{{- range $key := keys . | sortAlpha }}
{{ include "heify-gateway.toml.key" $key }} = {{ include "heify-gateway.toml.value" (get $ $key) }}
{{- end }}
{{- end }}

{{- define "heify-gateway.toml" -}}
{{- range $name, $section := . }}
{{- if kindIs "map" $section }}
[{{ include "heify-gateway.toml.key" $name }}]
{{- include "heify-gateway.toml.entries" $section }}
{{ else if kindIs "slice" $section }}
{{- range $section }}
[[{{ include "heify-gateway.toml.key" $name }}]]
{{- include "heify-gateway.toml.entries" . }}
{{ end }}
{{- else }}
{{- fail (printf "config.%s: must be a table or a list of tables" $name) }}
{{- end }}
{{- end }}
{{- end }}
