{{ define "who" }}off{{ end }}
