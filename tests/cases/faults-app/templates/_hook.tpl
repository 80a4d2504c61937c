{{- define "faults.hook" }}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .name }}
  annotations:
    helm.sh/hook: {{ .events }}
    {{- with .policy }}
    helm.sh/hook-delete-policy: {{ . }}
    {{- end }}
    {{- with .weight }}
    helm.sh/hook-weight: {{ . | quote }}
    {{- end }}
spec:
  backoffLimit: 0
  template:
    metadata:
      annotations:
        test.windlass.dev/outcome: {{ .outcome | default "complete" }}
    spec:
      restartPolicy: Never
      containers:
      - name: hook
        image: busybox
{{- end }}
