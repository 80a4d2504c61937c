// Asks Helm itself what its template functions do: writes the function map (name, parameters, result) and what every
// template of a generated list renders to or fails with. See ../../cases/functions/README.md.
package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"sort"
	"strings"
	"text/template"
	"unicode/utf8"
	_ "unsafe" // for go:linkname

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
)

//go:linkname helmFuncMap helm.sh/helm/v4/pkg/engine.funcMap
func helmFuncMap() template.FuncMap

// A Case is one template and its outcome. Texts that are not UTF-8 are written as Latin-1, with "latin1" set.
type Case struct {
	Function string  `json:"f"`
	Template string  `json:"t"`
	Output   *string `json:"out,omitempty"`
	Error    *string `json:"err,omitempty"`
	Latin1   bool    `json:"latin1,omitempty"`
}

type Function struct {
	Name     string   `json:"name"`
	Params   []string `json:"params"`
	Variadic bool     `json:"variadic"`
	Result   string   `json:"result"`
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func helmVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, dep := range info.Deps {
		if dep.Path == "helm.sh/helm/v4" {
			return dep.Version
		}
	}
	return "unknown"
}

func main() {
	dir := "../../cases/functions"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	funcs := helmFuncMap()
	writeFunctions(filepath.Join(dir, "funcmap.json"), funcs)
	c, err := loader.LoadDir(filepath.Join(dir, "chart"))
	check(err)
	values, err := json.MarshalIndent(c.Values, "", "  ")
	check(err)
	check(os.WriteFile(filepath.Join(dir, "values.json"), append(values, '\n'), 0o644))
	out, err := os.Create(filepath.Join(dir, "cases.jsonl.gz"))
	check(err)
	zip, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	check(err)
	writer := bufio.NewWriter(zip)
	encoder := json.NewEncoder(writer)
	encoder.SetEscapeHTML(false)
	check(encoder.Encode(map[string]string{"helm": helmVersion()}))
	count := 0
	for _, c2 := range generate(funcs) {
		count++
		check(encoder.Encode(run(c, c2)))
	}
	check(writer.Flush())
	check(zip.Close())
	check(out.Close())
	fmt.Println(count, "cases from helm", helmVersion())
}

func writeFunctions(path string, funcs template.FuncMap) {
	var list []Function
	for name, f := range funcs {
		t := reflect.TypeOf(f)
		fn := Function{Name: name, Params: []string{}, Variadic: t.IsVariadic(), Result: t.Out(0).String()}
		for i := range t.NumIn() {
			in := t.In(i)
			if t.IsVariadic() && i == t.NumIn()-1 {
				in = in.Elem()
			}
			fn.Params = append(fn.Params, in.String())
		}
		list = append(list, fn)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	file, err := os.Create(path)
	check(err)
	fmt.Fprintf(file, "{\"helm\": %q, \"functions\": [\n", helmVersion())
	for i, fn := range list {
		line, err := json.Marshal(fn)
		check(err)
		comma := ","
		if i == len(list)-1 {
			comma = ""
		}
		fmt.Fprintf(file, "%s%s\n", line, comma)
	}
	fmt.Fprintln(file, "]}")
	check(file.Close())
}

func run(c *chart.Chart, want Case) Case {
	copied := *c
	copied.Templates = []*common.File{{Name: "templates/t.yaml", Data: []byte(want.Template)}}
	values, err := util.ToRenderValues(&copied, map[string]any{}, common.ReleaseOptions{Name: "rel", Namespace: "ns", Revision: 1, IsInstall: true}, nil)
	check(err)
	rendered, err := engine.Render(&copied, values)
	var text string
	if err != nil {
		text = printable(err.Error())
		want.Error = &text
	} else {
		text = rendered["c/templates/t.yaml"]
		want.Output = &text
	}
	if !utf8.ValidString(text) || !utf8.ValidString(want.Template) {
		want.Latin1 = true
		want.Template = latin1(want.Template)
		text = latin1(text)
	}
	return want
}

// printable puts U+FFFD for every byte that is not UTF-8, as windlass does in errors: those are for people.
func printable(text string) string {
	return string([]rune(text))
}

func latin1(text string) string {
	var out strings.Builder
	for i := range len(text) {
		out.WriteRune(rune(text[i]))
	}
	return out.String()
}
