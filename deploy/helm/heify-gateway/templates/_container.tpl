{{- /* What both modes have in common. */ -}}
{{- define "heify-gateway.environment" -}}
{{- if and (eq .Values.mode "central") .Values.persistence.enabled }}
- { name: STATE_DIRECTORY, value: /var/lib/heify-gateway }
{{- else }}
# Nowhere to write: what has to be recorded stops the start, instead of being forgotten with the pod.
- { name: STATE_DIRECTORY, value: /nowhere }
{{- end }}
{{- if .Values.config }}
- { name: HEIFY_GATEWAY_CONFIG, value: /etc/heify-gateway/gateway.toml }
{{- end }}
{{- if .Values.existingSecret }}
- { name: HEIFY_API_KEY_FILE, value: /run/secrets/heify/central-key }
{{- end }}
# The kubelet and Prometheus ask from outside of the pod.
- { name: HEIFY_GATEWAY__STATUS__LISTEN, value: "0.0.0.0:8081" }
{{- $admin := .Values.config.admin | default dict }}
{{- if not $admin.listen }}
# The admin port is for `kubectl port-forward` only, unless config says otherwise.
- { name: HEIFY_GATEWAY__ADMIN__LISTEN, value: "127.0.0.1:8082" }
{{- end }}
{{- end }}

{{- define "heify-gateway.probes" -}}
# A start reads the whole journal: minutes of it where there are millions of calls.
startupProbe:
  httpGet: { path: /readyz, port: status }
  periodSeconds: 1
  failureThreshold: 300
livenessProbe:
  httpGet: { path: /livez, port: status }
  periodSeconds: 10
  timeoutSeconds: 3
readinessProbe:
  httpGet: { path: /readyz, port: status }
  periodSeconds: 5
  timeoutSeconds: 3
{{- end }}

{{- define "heify-gateway.mounts" -}}
{{- if .Values.config }}
# Folders, not single files: a subPath would never see a change.
- { name: heify-gateway-config, mountPath: /etc/heify-gateway, readOnly: true }
{{- end }}
{{- if .Values.existingSecret }}
- { name: heify-gateway-secret, mountPath: /run/secrets/heify, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "heify-gateway.volumes" -}}
{{- if .Values.config }}
- name: heify-gateway-config
  configMap: { name: {{ include "heify-gateway.fullname" . }} }
{{- end }}
{{- if .Values.existingSecret }}
- name: heify-gateway-secret
  secret: { secretName: {{ .Values.existingSecret }}, defaultMode: 0440 }
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /*
For the initContainers of a pod: the gateway as a native sidecar (Kubernetes 1.29 or later). The pod needs
the volumes of heify-gateway.sidecarVolumes, and a terminationGracePeriodSeconds above the gateway's own 30 s.
*/ -}}
{{- define "heify-gateway.sidecar" -}}
{{- include "heify-gateway.check" . -}}
- name: heify-gateway
  image: {{ include "heify-gateway.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  restartPolicy: Always # this makes it a sidecar
  args: [serve]
  env:
    # Loopback: only containers of this pod can call it.
    - { name: HEIFY_GATEWAY__SERVER__LISTEN, value: "127.0.0.1:{{ .Values.service.port }}" }
    {{- if not .Values.config }}
    - { name: HEIFY_GATEWAY_TENANT_KEY_FILE, value: /run/secrets/heify/tenant-key }
    {{- end }}
    {{- include "heify-gateway.environment" . | trim | nindent 4 }}
    {{- with .Values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  ports:
    - { name: status, containerPort: 8081 }
  {{- include "heify-gateway.probes" . | nindent 2 }}
  resources: {{- toYaml .Values.resources | nindent 4 }}
  securityContext: {{- toYaml .Values.securityContext | nindent 4 }}
  volumeMounts: {{- include "heify-gateway.mounts" . | trim | nindent 4 }}
{{- end }}

{{- define "heify-gateway.sidecarVolumes" -}}
{{- include "heify-gateway.volumes" . | trim }}
{{- end }}
