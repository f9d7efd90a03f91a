{{/* What resources are called, labelled and given. One idea each; what is refused is in _validate.tpl. */}}

{{- define "aloud.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 42 | trimSuffix "-" }}
{{- end }}

{{/* 42 characters leave room for "-vllm" and what a StatefulSet appends to it: 58 of 63. */}}
{{- define "aloud.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 42 | trimSuffix "-" }}
{{- else }}
{{- $name := include "aloud.name" . }}
{{- contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) | trunc 42 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* (list root component) */}}
{{- define "aloud.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "aloud.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list root component) */}}
{{- define "aloud.labels" -}}
{{- $root := index . 0 -}}
{{ include "aloud.selectorLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* (list image fallbackTag) */}}
{{- define "aloud.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest }}{{ $image.repository }}@{{ $image.digest }}{{ else }}{{ $image.repository }}:{{ $image.tag | default (index . 1) }}{{ end }}
{{- end }}

{{/* Whether there are keys: "yes" or nothing. */}}
{{- define "aloud.guarded" -}}
{{- if or .Values.keys.existingSecret .Values.keys.file }}yes{{ end }}
{{- end }}

{{- define "aloud.keysSecret" -}}
{{- .Values.keys.existingSecret | default (printf "%s-keys" (include "aloud.fullname" .)) }}
{{- end }}

{{/* "vllm" or "embedded". */}}
{{- define "aloud.engine" -}}
{{- if or .Values.vllm.enabled .Values.vllm.urls }}vllm{{ else }}embedded{{ end }}
{{- end }}

{{- define "aloud.vllmName" -}}
{{- include "aloud.fullname" . }}-vllm
{{- end }}

{{/* The servers' addresses as a YAML list. Each of the chart's own has a name that stays, so that a session finds its server again. */}}
{{- define "aloud.vllmUrls" -}}
{{- if .Values.vllm.enabled }}
{{- $name := include "aloud.vllmName" . }}
{{- range until (int .Values.vllm.replicas) }}
- http://{{ $name }}-{{ . }}.{{ $name }}.{{ $.Release.Namespace }}.svc:8000
{{- end }}
{{- else }}
{{- toYaml .Values.vllm.urls }}
{{- end }}
{{- end }}

{{/* Whether there may be several gateways at a time: "yes" or nothing. */}}
{{- define "aloud.several" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.gateway.replicas) 1) }}yes{{ end }}
{{- end }}

{{/* What a container may do, as Kubernetes' restricted profile has it. */}}
{{- define "aloud.containerSecurity" -}}
allowPrivilegeEscalation: false
capabilities: { drop: [ALL] }
readOnlyRootFilesystem: true
{{- end }}

{{- define "aloud.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* What a pod of ours never needs. Service links would set ALOUD_PORT to the Service's address, which the gateway reads as its port. */}}
{{- define "aloud.podBasics" -}}
serviceAccountName: {{ include "aloud.fullname" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where a component's pods go: its values. */}}
{{- define "aloud.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
