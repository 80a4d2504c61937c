// Oracle for checks: the built-in kinds of several Kubernetes versions in one compact file.
//
//	go run .        writes src/check/builtin.json.gz
//
// The sources are api/openapi-spec/v3 of k8s.io/kubernetes, from the Go module proxy, and for enums, which a server
// publishes and those files lack, pkg/generated/openapi. Descriptions, defaults' values and everything else that no check
// reads are left out; definitions that do not change between versions stand there once.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// The newest of each minor version that Kubernetes supports, and two before.
var versions = []string{"v1.37.2", "v1.36.0", "v1.35.0", "v1.34.0", "v1.33.0"}

// What a check reads of a schema.
var kept = map[string]bool{
	"type": true, "format": true, "$ref": true, "required": true, "properties": true, "items": true, "additionalProperties": true,
	"enum": true, "nullable": true, "allOf": true, "anyOf": true, "oneOf": true, "not": true, "pattern": true,
	"x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-int-or-string": true, "x-kubernetes-embedded-resource": true,
	"x-kubernetes-group-version-kind": true,
}

func main() {
	out := struct {
		Schemas  []json.RawMessage         `json:"schemas"`
		Versions map[string]map[string]int `json:"versions"`
	}{Versions: map[string]map[string]int{}}
	known := map[string]int{}
	read := func(version string) map[string]any { return read(module(version)) }
	for _, version := range versions {
		names := map[string]int{}
		for name, schema := range read(version) {
			text, err := json.Marshal(schema)
			check(err)
			names[name] = -1
			key := string(text)
			if _, there := known[key]; !there {
				known[key] = -1
			}
		}
		out.Versions[strings.TrimPrefix(version, "v")] = names
	}
	// Numbered in order of their text, so that the file is the same each time and likes stand beside likes.
	var texts []string
	for text := range known {
		texts = append(texts, text)
	}
	sort.Strings(texts)
	for number, text := range texts {
		known[text] = number
		out.Schemas = append(out.Schemas, json.RawMessage(text))
	}
	for _, version := range versions {
		names := out.Versions[strings.TrimPrefix(version, "v")]
		for name, schema := range read(version) {
			text, err := json.Marshal(schema)
			check(err)
			names[name] = known[string(text)]
		}
	}
	text, err := json.Marshal(out)
	check(err)
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	check(err)
	_, err = writer.Write(text)
	check(err)
	check(writer.Close())
	check(os.WriteFile("../../../src/check/builtin.json.gz", packed.Bytes(), 0o644))
	fmt.Printf("%d versions, %d definitions, %d bytes, %d packed\n", len(versions), len(texts), len(text), packed.Len())
}

// module is the folder of k8s.io/kubernetes of a version.
func module(version string) string {
	output, err := exec.Command("go", "mod", "download", "-json", "k8s.io/kubernetes@"+version).Output()
	check(err)
	var found struct{ Dir string }
	check(json.Unmarshal(output, &found))
	return found.Dir
}

// read is the definitions of all documents.
func read(folder string) map[string]any {
	files, err := filepath.Glob(filepath.Join(folder, "api/openapi-spec/v3/*.json"))
	check(err)
	definitions := map[string]any{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		check(err)
		var document struct {
			Components struct {
				Schemas map[string]map[string]any `json:"schemas"`
			} `json:"components"`
		}
		check(json.Unmarshal(data, &document))
		for name, schema := range document.Components.Schemas {
			small := shrink(schema).(map[string]any)
			small["x-kubernetes-group-version-kind"] = kinds(schema["x-kubernetes-group-version-kind"])
			if small["x-kubernetes-group-version-kind"] == nil {
				delete(small, "x-kubernetes-group-version-kind")
			}
			definitions[name] = small
		}
	}
	enums(filepath.Join(folder, "pkg/generated/openapi/zz_generated.openapi.go"), definitions)
	return definitions
}

// enums adds the enums of k8s.io/api's types, read from the functions that make their definitions.
func enums(file string, definitions map[string]any) {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	check(err)
	added := 0
	for _, declaration := range tree.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(function.Name.Name, "schema_k8sio_api_") {
			continue
		}
		name := "io.k8s." + strings.ReplaceAll(strings.TrimPrefix(function.Name.Name, "schema_k8sio_"), "_", ".")
		definition, there := definitions[name].(map[string]any)
		if !there {
			continue
		}
		var path []string
		var visit func(ast.Node) bool
		visit = func(node ast.Node) bool {
			pair, ok := node.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key := ""
			switch k := pair.Key.(type) {
			case *ast.Ident:
				key = k.Name
			case *ast.BasicLit:
				key, err = strconv.Unquote(k.Value)
				check(err)
			}
			if key == "Enum" {
				added += place(definition, path, pair.Value.(*ast.CompositeLit))
				return false
			}
			path = append(path, key)
			ast.Inspect(pair.Value, visit)
			path = path[:len(path)-1]
			return false
		}
		ast.Inspect(function.Body, visit)
	}
	if added < 100 {
		panic(fmt.Sprintf("%s: only %d enums were found", file, added))
	}
}

// place puts an enum where the path leads; how many it put.
func place(definition map[string]any, path []string, list *ast.CompositeLit) int {
	at := definition
	for index, step := range path {
		var inner any
		switch {
		case index > 0 && path[index-1] == "Properties":
			properties, _ := at["properties"].(map[string]any)
			inner = properties[step]
		case step == "Items":
			inner = at["items"]
		case step == "AdditionalProperties":
			inner = at["additionalProperties"]
		default:
			continue
		}
		next, ok := inner.(map[string]any)
		if !ok {
			return 0
		}
		at = next
	}
	var values []any
	for _, element := range list.Elts {
		text, err := strconv.Unquote(element.(*ast.BasicLit).Value)
		check(err)
		values = append(values, text)
	}
	at["enum"] = values
	return 1
}

// kinds leaves out what every definition of meta lists: all versions of all groups.
func kinds(list any) any {
	if all, ok := list.([]any); ok && len(all) == 1 {
		return all
	}
	return nil
}

func shrink(schema map[string]any) any {
	small := map[string]any{}
	for key, value := range schema {
		if !kept[key] {
			continue
		}
		switch key {
		case "properties":
			properties := map[string]any{}
			for name, property := range value.(map[string]any) {
				properties[name] = shrink(property.(map[string]any))
			}
			small[key] = properties
		case "items", "not":
			small[key] = shrink(value.(map[string]any))
		case "additionalProperties":
			if inner, ok := value.(map[string]any); ok {
				small[key] = shrink(inner)
			} else {
				small[key] = value
			}
		case "allOf", "anyOf", "oneOf":
			var list []any
			for _, item := range value.([]any) {
				list = append(list, shrink(item.(map[string]any)))
			}
			small[key] = list
		default:
			small[key] = value
		}
	}
	// `allOf: [{$ref}]` is how a reference is written that has a description: the reference is enough.
	if list, ok := small["allOf"].([]any); ok && len(list) == 1 && len(small) == 1 {
		return list[0]
	}
	return small
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
