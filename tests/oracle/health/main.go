// Oracle for health: gives every object of a folder kstatus's verdict.
//
//	go run . DIR [ARGO.txt] > cases.json
//
// DIR holds one object per YAML file; ARGO.txt lines of "file verdict" as gitops-engine's own tests expect them.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

type kase struct {
	Name    string         `json:"name"`
	Kstatus string         `json:"kstatus"`
	Argo    string         `json:"argo,omitempty"`
	Object  map[string]any `json:"object"`
}

func main() {
	argo := map[string]string{}
	if len(os.Args) > 2 {
		data, err := os.ReadFile(os.Args[2])
		check(err)
		for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
			name, verdict, _ := strings.Cut(line, " ")
			argo["argo-"+name] = verdict
		}
	}
	files, err := filepath.Glob(filepath.Join(os.Args[1], "*.yaml"))
	check(err)
	sort.Strings(files)
	var cases []kase
	for _, file := range files {
		data, err := os.ReadFile(file)
		check(err)
		raw, err := yaml.YAMLToJSON(data)
		if err != nil {
			fmt.Fprintln(os.Stderr, file, err)
			continue
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			fmt.Fprintln(os.Stderr, file, err)
			continue
		}
		unstructured.RemoveNestedField(object.Object, "metadata", "managedFields")
		verdict := "Error"
		if result, err := status.Compute(object); err == nil {
			verdict = string(result.Status)
		}
		base := filepath.Base(file)
		cases = append(cases, kase{Name: strings.TrimSuffix(base, ".yaml"), Kstatus: verdict, Argo: argo[base], Object: object.Object})
	}
	data, err := json.MarshalIndent(cases, "", " ")
	check(err)
	fmt.Println(string(data))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
