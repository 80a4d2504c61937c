module yoracle
go 1.26.0
require (
	sigs.k8s.io/yaml v1.6.0
	go.yaml.in/yaml/v2 v2.4.4
	go.yaml.in/yaml/v3 v3.0.5
	github.com/BurntSushi/toml v1.6.0
)
