package main

import (
	"fmt"
	"math/rand"
	"reflect"
	"sort"
	"strings"
	"text/template"
)

// Expressions for arguments, by Go type.
var (
	texts = []string{`""`, `"a"`, `"hello world foo"`, `"äöü ß 日本"`, `"😀 x"`, `"\xff\xfea"`, `"one\ntwo\n"`, `"  pad\t "`,
		`"1.2.3"`, `"123"`, `"-5"`, `"0x1F"`, `"1_000"`, `"a,b,,c"`, `"FooBarBaz"`, `"some_words-and more"`, `"/a/b/../c.txt"`,
		`"https://u:p@h.example:80/p/a?q=1#f"`, `"true"`, `"3.14"`, `"1e3"`, `"it's \"q\" \\ <b>&"`, `"aGVsbG8="`, `"NBSWY3DP"`, `.Values.str`,
		`.Values.empty`, `.Values.multi`, `.Chart.Name`, `.Chart.Version`, "`raw\\n`", `"2024-02-29"`, `"1h30m"`, `"a: 1\nb: [2, x]"`, `"{\"a\": [1, null]}"`}
	small  = []string{"0", "1", "-1", "2", "3", "4", "5", "7", "10", "-3", "20"}
	ints   = append([]string{"9223372036854775807", "-9223372036854775808", "100", "0x10", "1_000"}, small...)
	floats = []string{"0.0", "1.5", "-2.5", "1e21", "1e-7", "0.1", "3.0", "123456789.125", "0.5", "2", ".Values.float", ".Values.int"}
	bools  = []string{"true", "false", ".Values.yes", ".Values.no"}
	lists  = []string{`(list)`, `(list 1 2 3)`, `(list "b" "a" nil "a")`, `(list (list 1) (list) (list 1))`, `.Values.list`, `.Values.emptylist`,
		`.Values.mixed`, `.Values.names`, `(until 3)`, `(splitList "," "b,a,,b")`, `(list 0 "" false nil 1.0 1)`, `.Capabilities.APIVersions`,
		`(concat)`, `(chunk 2 (list 1 2 3))`}
	maps = []string{`(dict)`, `(dict "a" 1)`, `(dict "a" (dict "b" 2 "c" nil))`, `(dict "x" "y" "a" "")`, `.Values.map`, `.Values.emptymap`, `.Values.nested`,
		`.Values.missing`, `(fromJson "null")`, `(dict "a" (list 1 2))`}
	others = []string{`nil`, `.Values.none`, `.Values.missing`, `(semver "1.2.3")`, `.Release`, `.Files`, `1i`, `'x'`, `(int64 5)`, `(float64 2.5)`,
		`.Values.big`, `(split "," "a,b")`, `.Values`, `(mustToDuration "90s")`, `(.Files.GetBytes "files/a.txt")`}
)

// Functions that would build something huge of a big number, or have no end.
var sized = map[string]bool{"repeat": true, "indent": true, "nindent": true, "until": true, "untilStep": true, "seq": true, "randAlpha": true,
	"randAlphaNum": true, "randAscii": true, "randNumeric": true, "randBytes": true, "genCA": true, "genSignedCert": true, "genSelfSignedCert": true}

// Functions whose result depends on chance, time or the network: their results are only measured.
var chance = map[string]string{"randAlpha": "len", "randAlphaNum": "len", "randAscii": "len", "randNumeric": "len", "randBytes": "b64dec | len",
	"uuidv4": "len", "shuffle": "len", "bcrypt": "len", "htpasswd": "kindOf", "encryptAES": "kindOf", "genPrivateKey": "kindOf",
	"genCA": "kindOf", "genCAWithKey": "kindOf", "genSelfSignedCert": "kindOf", "genSelfSignedCertWithKey": "kindOf", "genSignedCert": "kindOf",
	"genSignedCertWithKey": "kindOf", "buildCustomCert": "kindOf", "now": "kindOf", "ago": "kindOf", "randInt": "kindOf", "getHostByName": "quote",
	"htmlDate": "len", "htmlDateInZone": "len", "date": "kindOf", "dateInZone": "kindOf", "date_in_zone": "kindOf",
	"toDate": "kindOf", "mustToDate": "kindOf", "dateModify": "kindOf", "date_modify": "kindOf", "mustDateModify": "kindOf", "must_date_modify": "kindOf",
	"keys": "sortAlpha", "values": "len", "derivePassword": "quote"}

// How many generated cases a slow function gets; others get the default.
var slow = map[string]int{"bcrypt": 3, "htpasswd": 3, "derivePassword": 4, "genPrivateKey": 4, "genCA": 3, "genCAWithKey": 4, "genSelfSignedCert": 3,
	"genSelfSignedCertWithKey": 4, "genSignedCert": 3, "genSignedCertWithKey": 4, "getHostByName": 2}

const perFunction = 48

func pool(t reflect.Type, function string) []string {
	switch t.String() {
	case "string":
		return texts
	case "int", "int64":
		if sized[function] {
			return small
		}
		return ints
	case "float64":
		return floats
	case "bool":
		return bools
	case "map[string]interface {}":
		return maps
	case "[]interface {}":
		return lists
	}
	all := append([]string{}, texts...)
	for _, more := range [][]string{small, floats, bools, lists, lists, maps, maps, others} {
		all = append(all, more...)
	}
	return all
}

// Whether the function takes a list where its type says anything.
func wantsList(name string) bool {
	plain := strings.TrimPrefix(strings.ToLower(name), "must")
	switch plain {
	case "first", "last", "rest", "initial", "append", "push", "prepend", "reverse", "uniq", "without", "slice", "compact", "chunk", "concat", "has", "sortalpha":
		return true
	}
	return false
}

// show prints the result with its type and as JSON, which tells nil from empty.
func show(function, call string) string {
	if wrap, ok := chance[function]; ok {
		return fmt.Sprintf("{{ %s | %s }}", call, wrap)
	}
	return fmt.Sprintf("{{ $r := %s }}{{ printf \"%%T %%v\" $r $r }} {{ toJson $r }}", call)
}

func generate(funcs template.FuncMap) []Case {
	var cases []Case
	add := func(function, text string) {
		for _, c := range cases {
			if len(cases) < 40 && c.Template == text {
				return
			}
		}
		cases = append(cases, Case{Function: function, Template: text})
	}
	names := make([]string, 0, len(funcs))
	for name := range funcs {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		random := rand.New(rand.NewSource(int64(len(name))*1000 + int64(name[0])))
		t := reflect.TypeOf(funcs[name])
		seen := map[string]bool{}
		wanted := perFunction
		if limit, ok := slow[name]; ok {
			wanted = limit
		}
		if t.NumIn() == 0 {
			wanted = 1
		}
		for tries := 0; len(seen) < wanted && tries < wanted*4; tries++ {
			args := arguments(random, name, t)
			call := strings.TrimSpace(name + " " + strings.Join(args, " "))
			if !seen[call] {
				seen[call] = true
				add(name, show(name, call))
			}
		}
		for _, bad := range misfits(random, name, t) {
			add(name, show(name, bad))
		}
	}
	for _, special := range specials() {
		add(special[0], special[1])
	}
	return cases
}

func arguments(random *rand.Rand, name string, t reflect.Type) []string {
	var args []string
	for i := range t.NumIn() {
		in, times := t.In(i), 1
		if t.IsVariadic() && i == t.NumIn()-1 {
			in, times = in.Elem(), random.Intn(4)
		}
		from := pool(in, name)
		if in.Kind() == reflect.Interface && wantsList(name) && random.Intn(3) > 0 {
			from = lists
		}
		for range times {
			args = append(args, from[random.Intn(len(from))])
		}
	}
	return args
}

// misfits are calls with too few, too many and wrong arguments.
func misfits(random *rand.Rand, name string, t reflect.Type) []string {
	var out []string
	args := arguments(random, name, t)
	if n := t.NumIn(); n > 0 && (!t.IsVariadic() || n > 1) {
		out = append(out, name)
	}
	if !t.IsVariadic() {
		out = append(out, strings.Join(append([]string{name}, append(args, `"more"`)...), " "))
	}
	wrong := map[string][]string{"string": {"5", "nil", ".Values.list", "true", ".Values.missing", ".Values.int"}, "int": {`"x"`, "1.5", "nil", ".Values.str", ".Values.float", "'c'"},
		"float64": {`"x"`, "nil", "true"}, "bool": {`"x"`, "1", ".Values.none", ".Values.str"}, "map[string]interface {}": {`"x"`, "5", ".Values.list", "nil", `(split "," "a")`}}
	for i := range t.NumIn() {
		in := t.In(i)
		if t.IsVariadic() && i == t.NumIn()-1 {
			in = in.Elem()
		}
		for _, bad := range wrong[in.String()] {
			changed := append([]string{}, arguments(random, name, t)...)
			for len(changed) <= i {
				changed = append(changed, bad)
			}
			changed[i] = bad
			out = append(out, strings.Join(append([]string{name}, changed...), " "))
		}
	}
	return out
}
