// Runs templates with Go's own text/template: one case a line on standard input, one answer a line on standard output.
//
// A case names its templates, the one to execute, the missingkey option and typed data (see decode); an answer is what
// was written, or the error's text. tests/it/differential compares the answers with those of windlass's engine.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/template"
	"time"
)

type file struct {
	Name string
	Text []byte
}

type request struct {
	Files      []file
	Execute    string
	MissingKey string
	Data       json.RawMessage
}

type answer struct {
	Out []byte `json:"out"`
	Err string `json:"err"`
	// What Go's DefinedTemplates says once all files are parsed; empty where one is refused.
	Defined string `json:"defined"`
	// Each template as its tree prints itself.
	Trees map[string][]byte `json:"trees"`
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for {
		line, err := in.ReadBytes('\n')
		if len(line) == 0 && err != nil {
			return
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			panic(err)
		}
		written, defined, trees, err := run(r)
		a := answer{Out: written, Defined: defined, Trees: trees}
		if err != nil {
			a.Out, a.Err = nil, err.Error()
			if a.Err == "" {
				a.Err = "(empty)"
			}
		}
		b, _ := json.Marshal(a)
		out.Write(b)
		out.WriteByte('\n')
	}
}

func run(r request) (written []byte, defined string, trees map[string][]byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	t := template.New("gotpl") // Helm's name
	if r.MissingKey != "" {
		t.Option("missingkey=" + r.MissingKey)
	}
	for _, f := range r.Files {
		if _, err := t.New(f.Name).Parse(string(f.Text)); err != nil {
			return nil, "", nil, err
		}
	}
	defined, trees = t.DefinedTemplates(), map[string][]byte{}
	// What runs is a copy of each tree: it has to do what the tree does.
	for _, one := range t.Templates() {
		trees[one.Name()] = []byte(one.Root.String())
		if _, err := t.AddParseTree(one.Name(), one.Tree.Copy()); err != nil {
			return nil, "", nil, err
		}
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, r.Execute, decode(r.Data))
	return b.Bytes(), defined, trees, err
}

// decode reads {"t": TYPE, "v": VALUE}; numbers are texts, strings are base64.
func decode(raw json.RawMessage) any {
	var tagged struct {
		T string
		V json.RawMessage
	}
	if err := json.Unmarshal(raw, &tagged); err != nil {
		panic(err)
	}
	text := func() string { var s string; json.Unmarshal(tagged.V, &s); return s }
	integer := func() int64 { n, _ := strconv.ParseInt(text(), 10, 64); return n }
	unsigned := func() uint64 { n, _ := strconv.ParseUint(text(), 10, 64); return n }
	float := func() float64 { n, _ := strconv.ParseFloat(text(), 64); return n }
	blob := func() []byte { b, _ := base64.StdEncoding.DecodeString(text()); return b }
	list := func() []any {
		var raws []json.RawMessage
		json.Unmarshal(tagged.V, &raws)
		items := make([]any, 0, len(raws))
		for _, raw := range raws {
			items = append(items, decode(raw))
		}
		return items[:len(items):len(items)]
	}
	entries := func() map[string]any {
		var raws map[string]json.RawMessage
		json.Unmarshal(tagged.V, &raws)
		m := map[string]any{}
		for k, raw := range raws {
			m[k] = decode(raw)
		}
		return m
	}
	switch tagged.T {
	case "nil":
		return nil
	case "bool":
		return text() == "true"
	case "int":
		return int(integer())
	case "int8":
		return int8(integer())
	case "int64":
		return integer()
	case "uint8":
		return uint8(unsigned())
	case "uint64":
		return unsigned()
	case "float64":
		return float()
	case "float32":
		return float32(float())
	case "complex":
		return complex(float(), -1.5)
	case "duration":
		return time.Duration(integer())
	case "string":
		return string(blob())
	case "bytes":
		return blob()
	case "list":
		return list()
	case "strings":
		out := make([]string, 0)
		for _, item := range list() {
			out = append(out, item.(string))
		}
		return out[:len(out):len(out)]
	case "ints":
		out := make([]int, 0)
		for _, item := range list() {
			out = append(out, item.(int))
		}
		return out[:len(out):len(out)]
	case "nilstrings":
		return []string(nil)
	case "map":
		return entries()
	case "mapstring":
		out := map[string]string{}
		for k, v := range entries() {
			out[k] = v.(string)
		}
		return out
	case "nilmap":
		return map[string]any(nil)
	case "struct":
		m := entries()
		return Thing{A: 7, B: "bee", C: m["C"], D: m, E: []string{"x", "y"}, hidden: 1}
	case "stringer":
		return Stringer{X: 3}
	}
	panic("unknown type " + tagged.T)
}

// Thing is a struct with methods of every kind of parameter.
type Thing struct {
	A      int
	B      string
	C      any
	D      map[string]any
	E      []string
	hidden int
}

func (t Thing) Name() string                            { return "name:" + t.B }
func (t Thing) Add(a, b int) int                        { return a + b }
func (t Thing) Join(sep string, parts ...string) string { return strings.Join(parts, sep) }
func (t Thing) Any(v any) any                           { return v }
func (t Thing) Nothing() any                            { return nil }
func (t Thing) Err() any                                { return errors.New("an error") }
func (t Thing) Flag(b bool) bool                        { return !b }
func (t Thing) Float(f float64) float64                 { return f * 2 }
func (t Thing) Byte(u uint8) uint8                      { return u }
func (t Thing) Small(i int8) int8                       { return i }
func (t Thing) Map(m map[string]any) int                { return len(m) }
func (t Thing) List(l []any) int                        { return len(l) }
func (t Thing) Strings(l []string) int                  { return len(l) }
func (t Thing) Complex(c complex128) complex128         { return c }
func (t Thing) Wait(d time.Duration) string             { return d.String() }
func (t Thing) Fail(message string) (string, error) {
	if message == "panic" {
		panic("it panicked")
	}
	return "", errors.New(message)
}

func (t Thing) Func() func(int, string) string {
	return func(n int, s string) string { return fmt.Sprint(n, s) }
}

func (t Thing) Variadic() func(string, ...any) (string, error) {
	return func(sep string, parts ...any) (string, error) {
		if sep == "" {
			return "", errors.New("no separator")
		}
		return strings.TrimSuffix(fmt.Sprintln(parts...), "\n") + sep, nil
	}
}

func (t Thing) Chan() chan int {
	c := make(chan int, 3)
	for i := range 3 {
		c <- i * 10
	}
	close(c)
	return c
}

func (t Thing) NoChan() chan int { return nil }

func (t Thing) Closed() chan int {
	c := make(chan int)
	close(c)
	return c
}

func (t Thing) Send() chan<- int { return make(chan int) }

func (t Thing) Pointer() *Thing { return nil }

func (t Thing) Seq() func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range 3 {
			if !yield(i * 10) {
				return
			}
		}
	}
}

func (t Thing) Seq2() func(func(string, int) bool) {
	return func(yield func(string, int) bool) {
		for i, key := range []string{"one", "two"} {
			if !yield(key, i) {
				return
			}
		}
	}
}

func (t Thing) NoSeq() func(func(int) bool) { return func(func(int) bool) {} }

func (t Thing) NoSeq2() func(func(string, int) bool) { return func(func(string, int) bool) {} }

// Stringer prints itself by value.
type Stringer struct{ X int }

func (s Stringer) String() string { return fmt.Sprintf("S<%d>", s.X) }
