{{- define "heify-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "heify-gateway.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := include "heify-gateway.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "heify-gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "heify-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "heify-gateway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "heify-gateway.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "heify-gateway.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* The seconds in a duration of the configuration, rounded up. */ -}}
{{- define "heify-gateway.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- if eq $unit "ms" }}{{ div (add $number 999) 1000 }}
{{- else if eq $unit "s" }}{{ $number }}
{{- else if eq $unit "m" }}{{ mul $number 60 }}
{{- else if eq $unit "h" }}{{ mul $number 3600 }}
{{- else }}{{ fail (printf "%q is no duration such as \"30s\"" .) }}
{{- end }}
{{- end }}

{{- /* Longer than the gateway itself takes: it goes on accepting, then drains, then closes the records. */ -}}
{{- define "heify-gateway.gracePeriod" -}}
{{- $server := .Values.config.server | default dict -}}
{{- $drain := include "heify-gateway.seconds" ($server.drain_timeout | default "30s") | int -}}
{{- $delay := include "heify-gateway.seconds" ($server.pre_stop_delay | default "0s") | int -}}
{{- $needed := add $drain $delay -}}
{{- with .Values.terminationGracePeriodSeconds -}}
{{- if le (int .) (int $needed) }}
{{- fail (printf "terminationGracePeriodSeconds (%d) must be above server.drain_timeout and server.pre_stop_delay together (%d s)" (int .) (int $needed)) }}
{{- end }}
{{- end }}
{{- .Values.terminationGracePeriodSeconds | default (add $needed 15) }}
{{- end }}

{{- /* What cannot work is refused before anything is applied. */ -}}
{{- define "heify-gateway.check" -}}
{{- if and (gt (int .Values.replicaCount) 1) (or .Values.persistence.enabled .Values.config.records) }}
{{- fail "replicaCount: records are one SQLite file, which one gateway at a time may write. Use 1 replica, or set persistence.enabled=false and leave config.records out for a gateway that records nothing." }}
{{- end }}
{{- $named := list }}
{{- range .Values.extraEnv }}{{ $named = append $named .name }}{{ end }}
{{- $own := or (has "HEIFY_API_KEY_FILE" $named) (has "HEIFY_API_KEY" $named) }}
{{- if not (or .Values.existingSecret $own) }}
{{- fail "existingSecret: name the Secret with the key central-key, or bring HEIFY_API_KEY_FILE by extraEnv." }}
{{- end }}
{{- $plain := list }}
{{- with .Values.config.upstream }}{{ if .api_key }}{{ $plain = append $plain "upstream.api_key" }}{{ end }}{{ end }}
{{- with .Values.config.admin }}
{{- if .token }}{{ $plain = append $plain "admin.token" }}{{ end }}
{{- range .tokens }}{{ if .token }}{{ $plain = append $plain "admin.tokens: token" }}{{ end }}{{ end }}
{{- end }}
{{- range .Values.config.alerts }}{{ if .secret }}{{ $plain = append $plain "alerts: secret" }}{{ end }}{{ end }}
{{- range .Values.config.tenants }}
{{- range .keys }}{{ if .key }}{{ $plain = append $plain "tenants.keys: key" }}{{ end }}{{ end }}
{{- end }}
{{- with $plain }}
{{- fail (printf "config.%s: a ConfigMap is no place for a secret. Put it into existingSecret, and name its file in /run/secrets/heify (or give sha256, where that will do)." (first .)) }}
{{- end }}
{{- end }}
