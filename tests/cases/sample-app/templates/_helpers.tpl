{{- define "sample.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sample.page" -}}
{{ .Values.message }} ({{ .Values.environment | default "somewhere" }})
{{ end -}}
