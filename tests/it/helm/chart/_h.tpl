{{- define "name" }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end -}}
{{- define "dot" }}{{ . }}{{ end -}}
{{- define "json" }}{{ toJson . }}{{ end -}}
{{- define "fails" }}{{ required "it is required" . }}{{ end -}}
{{- define "bad" }}{{ .a.b.c }}{{ end -}}
{{- define "nested" }}{{ include "bad" . }}{{ end -}}
{{- define "loop" }}{{ include "loop" . }}{{ end -}}
{{- define "looptpl" }}{{ tpl "{{ include \"looptpl\" . }}" . }}{{ end -}}
{{- define "with space" -}} spaced {{ end -}}
