{{ define "who" }}lib{{ end }}
