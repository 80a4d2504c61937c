// The oracle of tests/it/yaml.rs: what sigs.k8s.io/yaml, encoding/json and BurntSushi/toml, in the versions of helm v4.3.1,
// make of a text. It reads cases (one JSON object a line: op, text or base64) and writes them with want or error.
//
//	go run . < ../../cases/yaml/cases.jsonl > new.jsonl
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"
)

func pretty(v any) ([]byte, error) {
	var b bytes.Buffer
	e := yamlv3.NewEncoder(&b)
	e.SetIndent(2)
	err := e.Encode(v)
	return b.Bytes(), err
}

func key(s string) any {
	return map[string]any{s: map[string]any{s: []any{s, []any{s}}}, "b": s, "l": []any{map[string]any{s: s}}}
}

// run answers one question.
func run(op byte, text []byte) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, fmt.Errorf("PANIC %v", p)
		}
	}()
	var v any
	switch op {
	case 'y':
		if err = yaml.Unmarshal(text, &v); err == nil {
			out, err = json.Marshal(v)
		}
	case 's':
		if err = yaml.UnmarshalStrict(text, &v); err == nil {
			out, err = json.Marshal(v)
		}
	case 'm':
		m := map[string]any{}
		if err = yaml.Unmarshal(text, &m); err == nil {
			out, err = json.Marshal(m)
		}
	case 'r':
		if err = yaml.Unmarshal(text, &v); err == nil {
			out, err = yaml.Marshal(v)
		}
	case 'p':
		if err = yaml.Unmarshal(text, &v); err == nil {
			out, err = pretty(v)
		}
	case 'j':
		if err = json.Unmarshal(text, &v); err == nil {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			err = e.Encode(v)
			out = []byte(strings.TrimSuffix(b.String(), "\n"))
		}
	case 'i':
		if err = json.Unmarshal(text, &v); err == nil {
			out, err = json.MarshalIndent(v, "", "  ")
		}
	case 't':
		out, err = yaml.Marshal(string(text))
	case 'u':
		out, err = pretty(string(text))
	case 'k':
		out, err = yaml.Marshal(key(string(text)))
	case 'l':
		out, err = pretty(key(string(text)))
	case 'T':
		m := map[string]any{}
		if err = toml.Unmarshal(text, &m); err == nil {
			out, err = json.Marshal(m)
		}
	case 'e':
		if err = json.Unmarshal(text, &v); err == nil {
			var b bytes.Buffer
			err = toml.NewEncoder(&b).Encode(v)
			out = b.Bytes()
		}
	}
	return out, err
}

// A case: one of text (UTF-8) and base64 is the question, one of want and error the answer.
type question struct {
	Op     string `json:"op"`
	Text   string `json:"text,omitempty"`
	Base64 []byte `json:"base64,omitempty"`
	Want   string `json:"want,omitempty"`
	Error  string `json:"error,omitempty"`
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for in.Scan() {
		var q question
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			panic(err)
		}
		text := q.Base64
		if text == nil {
			text = []byte(q.Text)
		}
		want, err := run(q.Op[0], text)
		q.Want, q.Error = string(want), ""
		if err != nil {
			q.Want, q.Error = "", err.Error()
		}
		if err := out.Encode(q); err != nil {
			panic(err)
		}
	}
}
