// Asks helm what `show values --jsonpath` prints for templates, and writes tests/cases/show/jsonpath.jsonl.
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

var templates = []string{
	// paths
	"", "text", "{.name}", "{.replicas}", "{.ratio}", "{.large}", "{.huge}", "{.on}", "{.nothing}", "{.empty}", "{.markup}", "{.unicode}",
	"{.nested}", "{.ports}", "{.ports[0]}", "{$.name}", "{@.name}", "{.}", "{$}", "name: {.name}, replicas: {.replicas}\n", "{.name}{.replicas}", "{.name .replicas}", "{ .name }",
	"{.missing}", "before {.missing} after", "{.name.missing}", "{.nothing.x}", "{['name']}", "{.['name']}", "{.nested['deep'].list}", "{.key\\.with\\.dots}", "{['key\\.with\\.dots']}", "{.it's}",
	"{.tree.a.b.c}", "{.tree.*}", "{.tree..c}", "{..c}", "{.tree..}", "{..port}", "{..list[0]}", "{...c}",
	// lists
	"{.ports[*].name}", "{.ports[1].name}", "{.ports[-1].name}", "{.ports[-3].name}", "{.ports[-4].name}", "{.ports[3].name}", "{.ports[0:2].name}", "{.ports[1:].name}", "{.ports[:1].name}", "{.ports[:-1].name}",
	"{.ports[::2].name}", "{.ports[0:0].name}", "{.ports[2:1].name}", "{.ports[0:9].name}", "{.ports[0:3:0].name}", "{.ports[0:3:-1].name}", "{.nested.deep.list[1:5:2]}", "{.nested.deep.list[*]}", "{.nested.deep.list[0,2,4]}",
	"{.nested.deep.list[0, 2]}", "{.ports[].name}", "{.ports[0]['name','port']}", "{.ports[*]['name', 'port']}", "{.name[0]}", "{.replicas[0]}", "{.empty[*]}", "{.empty[0]}", "{.lists[*][0]}", "{.lists[0:2][*]}", "{.lists[2][*]}",
	"{.mixed}", "{.mixed[*]}", "{.mixed[2]}", "{.mixed[*].three}", "{.name.*}", "{.unicode.*}", "{.ports[*].tls}",
	// filters
	"{.ports[?(@.tls)].name}", "{.ports[?(@.tls==true)].name}", "{.ports[?(@.name==\"http\")].port}", "{.ports[?(@.name=='https')].port}", "{.ports[?(@.name!=\"http\")].name}", "{.ports[?(@.port==80)].name}", "{.ports[?(@.port>100.5)].name}",
	"{.ports[?(@.port<=443.0)].name}", "{.ports[?(@.port>=80.0)].name}", "{.ports[?(@.name>\"http\")].name}", "{.ports[?(@.name<\"https\")].name}", "{.ports[?(@.missing)].name}", "{.ports[?(@.missing==1)].name}", "{.ports[?(@.port=~80)].name}",
	"{.nested.deep.list[?(@>2.5)]}", "{.nested.deep.list[?(@==2)]}", "{.nested.deep.list[?(2.0<@)]}", "{.name[?(@.x)]}", "{.mixed[?(@.three)]}", "{.mixed[?(@==\"two\")]}", "{.lists[?(@[0])]}", "{.ports[?(@.name==)].name}", "{.ports[?(==1)].name}", "{.ports[?(@.port!==80.5)].name}",
	"{.ports[?(@.name==\"a)b\")].name}", "{.ports[?(@.name=='it\\'s')].name}", "{.ports[?(@.port==80.0)].name}", "{.ports[?(@.port==80.5)].name}", "{.ports[?(@.tls<true)].name}", "{.ports[?(@.tls!=true)].name}",
	// ranges
	"{range .ports[*]}{.name}={.port}\n{end}", "{range .ports[*]}{.name}{end} done", "{range .empty[*]}{.name}{end}", "{range .empty[*]}x{end}y", "{range .lists[*]}[{range @[*]}{@},{end}]{end}", "{range .ports[*]}{.name}", "{end}", "{.name}{end}",
	"{range .ports[*]}{range .missing}{end}{end}", "{range .mixed[*]}{@};{end}", "{range .ports[0,1]}{.name} {end}{range .ports[2]}{.name}{end}", "{range .nested.deep.list[*]}{@}{'\\t'}{end}", "{range}{.name}{end}", "{range .ports[?(@.tls==true)]}{.name}{end}{.name}",
	// literals
	"{\"text\"}", "{'text'}", "{'\\n'}", "{\"a\\\"b\"}", "{'it\\'s'}", "{\"\\u00fc\"}", "{\"\\x41\"}", "{\"\\q\"}", "{'a\"b'}", "{5}", "{-5}", "{+5}", "{2.50}", "{1.2.3}", "{-}", "{99999999999999999999}", "{true}", "{false}", "{truely}", "{.name true}", "{.ports[*] 5}",
	// broken
	"{", "}", "{}", "{.name", "{.name\n}", "{'text}", "{\"text\n\"}", "{.ports[0", "{.ports[a]}", "{.ports[1:2:3:4]}", "{.ports[-]}", "{.ports[99999999999999999999]}", "{.ports[?(@.name]}", "{.ports[?(@.name)}", "{!}", "{.name|x}", "{(}", "{unknown}", "{range end}", "{.a\\}", "{[?(@.x)]}", "{[ü]}",
	"{.ports[0}].name}", "{ü}", "{.ü}", "a{.name}b{'c'}d", "{{.name}}", "{.name}}", "{,}", "{.name,.replicas}", "{[0]}", "{['a','b']}", "{['name','replicas']}", "{['name',0]}", "{['']}", "{['a'b']}",
}

type answer struct {
	Template string `json:"template"`
	Out      string `json:"out"`
	Err      string `json:"err,omitempty"`
}

func main() {
	cases := "../../cases/show"
	file, err := os.Create(filepath.Join(cases, "jsonpath.jsonl"))
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	version, err := exec.Command(os.Getenv("HELM"), "version", "--template", "{{.Version}}").Output()
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("helm %s", version)
	lines := json.NewEncoder(file)
	lines.SetEscapeHTML(false)
	for _, template := range templates {
		command := exec.Command(os.Getenv("HELM"), "show", "values", filepath.Join(cases, "chart"), "--jsonpath="+template)
		var out, problem bytes.Buffer
		command.Stdout, command.Stderr = &out, &problem
		_ = command.Run()
		if err := lines.Encode(answer{template, out.String(), problem.String()}); err != nil {
			log.Fatal(err)
		}
	}
}
