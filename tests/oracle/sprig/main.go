// Asks sprig itself (v3.3.0, the version in helm v4.3.1) what its regular expressions, dates, checksums and passwords give.
//
//	go run . regex > ../../cases/functions/regex.jsonl
//	go run . dates > ../../cases/functions/dates.jsonl
//	go run . crypto > ../../cases/functions/crypto.jsonl
//
// A line: [function, [arguments], result] or [function, [arguments], null, error]. A function `a|b` passes what a gives
// to b, in the place where b's arguments have "@".
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

var out = json.NewEncoder(os.Stdout)

func call(pipe string, stages ...[]any) {
	names := strings.Split(pipe, "|")
	funcs := sprig.TxtFuncMap()
	funcs["json"] = func(v any) (string, error) {
		if t, ok := v.(time.Time); ok {
			v = t.String()
		}
		b, err := json.Marshal(v)
		return string(b), err
	}
	text := ""
	data := map[string]any{}
	for i, name := range names {
		call := name
		for j, arg := range stages[i] {
			if arg == "@" {
				call += " (" + text + ")"
				continue
			}
			key := fmt.Sprintf("A%d_%d", i, j)
			data[key] = arg
			call += " ." + key
		}
		text = call
	}
	var b strings.Builder
	err := template.Must(template.New("t").Funcs(funcs).Parse("{{ json ("+text+") }}")).Execute(&b, data)
	if err != nil {
		message := err.Error()
		if i := strings.Index(message, "error calling "); i >= 0 {
			message = message[i+len("error calling "):]
			message = message[strings.Index(message, ": ")+2:]
		}
		out.Encode([]any{pipe, stages, nil, message})
		return
	}
	out.Encode([]any{pipe, stages, json.RawMessage(b.String())})
}

func regex() {
	patterns := []string{"", "a", "a*", "a*?", "(a*)+", "(a*)*", "(|a)*", "(|a)+", "x*", "^", "$", "^$", "\\b", "\\B", "(?m)^", "(?m)$", "(?m)^.*$", "(?s).", ".", "[^a]", "[a-c]+",
		"(?i)straße", "(?i)k", "(?i)[k-l]", "(?i)\\w+", "\\pL+", "\\p{Greek}", "\\p{greek}", "\\P{L}", "\\p{^L}", "\\p{Old_Italic}", "\\p{Lowercase_Letter}", "\\p{lc}", "\\p{Any}", "\\p{Nope}", "\\p", "\\pé", "\\p{", "[\\p{Lu}x]", "[[:alpha:]]+", "[[:^alpha:]]+", "[[:nope:]]", "[[:alpha:", "[:alpha:]",
		"\\d+", "\\D+", "\\s+", "\\S", "\\w", "\\W", "[\\d-]+", "[\\W]", "\\Qa.b\\E+", "\\Qa.b", "\\E", "\\A", "\\z", "\\Z", "\\C", "\\G", "\\a\\f\\n\\r\\t\\v", "\\x41", "\\x{1F600}", "\\x{110000}", "\\x{}", "\\x", "\\x4", "\\x{D800}", "\\101", "\\0", "\\8", "\\1", "\\_", "\\é", "\\",
		"(", ")", "(a", "a)", "(?:a|b)|c", "(?P<n>a)(?P<m>b)?", "(?<n>a)", "(?P<n>a)(?P<n>b)", "(?P<>a)", "(?P<1>a)", "(?P<a-b>a)", "(?P<n", "(?P=n)", "(?=x)", "(?!x)", "(?<=x)", "(?<!x)", "(?i)a(?-i)b", "(?i:a)b", "(?U)a+", "(?U)a+?", "(?im-s:a)", "(?-)", "(?i-)", "(?", "(?i", "(?z)", "(?#c)",
		"[", "[a", "[a-", "[]", "[]a]", "[^]a]", "[a-z-9]", "[z-a]", "[\\", "[a\\]]", "[-a]", "[a-\\d]",
		"*", "+a", "a**", "a*+", "a+?*", "a{2}", "a{2,}", "a{2,3}", "a{,3}", "a{1001}", "a{2,1}", "a{1000}", "(a{100}){11}", "(a{10}){10}", "a{0}", "a{01}", "a{", "{", "a{2}{3}", "a{2}?", "x{2147483648}", "(?:a{2}){501}", "|", "a|", "|*", "(*)", "(|*)", "^*", "$+", "(?i)*", "a(?i)*", "()|a", "(a|ab)(c|bcd)(d*)", "(a+)(b+)?", "é+", "日", "\xff", "a\xffb", "(?P<\xff>a)", "[\xff]", "😀", "(?i)ſ", "[[:word:]]+", "a.b", "^a", "a$", "(?m)a$", "\\.", "\\$", "[.]", "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)",
		strings.Repeat("(", 999) + strings.Repeat(")", 999), strings.Repeat("(", 1001) + strings.Repeat(")", 1001), strings.Repeat("(?:", 1200) + strings.Repeat(")", 1200), "(\\pL{10}){10}", "((a{100}){10}){10}"}
	texts := []string{"", "a", "aaa", "abcabc", "foo bar\nbaz a\n", "Straße STRASSE k\u212a", "a,b,,c", "日本語 héllo 😀 Ωω", "x\xffy\xfe", "a1 b22 c333", "\ufffd"}
	ints := []int{-1, 0, 1, 2}
	replacements := []string{"", "X", "$1", "${1}x", "$1x", "$$", "$", "${", "${n}-$m", "[$0]", "\\1", "$é", "$01", "${10}$10"}
	for i, p := range patterns {
		for j, s := range texts {
			if !valid(p) || !valid(s) {
				if !valid(p) {
					continue
				}
			}
			if !valid(s) {
				continue
			}
			if (i+j)%3 == 0 {
				call("regexMatch", []any{p, s})
				call("mustRegexMatch", []any{p, s})
			}
			call("regexFindAll", []any{p, s, ints[(i*7+j)%4]})
			if (i+j)%2 == 0 {
				call("regexSplit", []any{p, s, ints[(i*5+j)%4]})
				call("mustRegexFind", []any{p, s})
			}
			call("regexReplaceAll", []any{p, s, replacements[(i*3+j)%len(replacements)]})
			if (i+j)%4 == 0 {
				call("regexReplaceAllLiteral", []any{p, s, replacements[(i+j)%len(replacements)]})
				call("regexQuoteMeta", []any{p})
			}
		}
	}
	// Text with invalid bytes cannot stand in JSON: it is made on both sides.
	for _, p := range []string{".", "[^a]", "\\x{FFFD}", "x.y", "\\pL+", "", "y*", "\\B"} {
		for _, s := range []string{"eP95/g==", "//8=", "4pg="} {
			call("b64dec|regexFindAll|join|b64enc", []any{s}, []any{p, "@", -1}, []any{"|", "@"}, []any{"@"})
			call("b64dec|regexReplaceAll|b64enc", []any{s}, []any{p, "@", "<$0>"}, []any{"@"})
			call("b64dec|regexSplit|join|b64enc", []any{s}, []any{p, "@", -1}, []any{"|", "@"}, []any{"@"})
		}
	}
}

func valid(s string) bool { return strings.ToValidUTF8(s, "") == s }

func dates() {
	layouts := []string{"2006-01-02", "2006-01-02 15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05.999999999Z07:00", "Mon Jan _2 15:04:05 MST 2006", "Monday, 02-Jan-06 15:04:05 MST", "Mon, 02 Jan 2006 15:04:05 -0700", "3:04PM", "3:04pm 1/2/06", "Jan _2 15:04:05.000000", "__2 2006", "002 2006", "2006-002", "15h04m05.999999s -0700 -07 Z0700", "-07:00:00 Z07:00:00 -070000 Z070000 Z07", "January 2 2006, 03:4:5 PM", "_2006 _2", "06 1 2 3 4 5", "05,000", "05.00 .99", "", "unix", "Januaryx Janx Mondays Monx MSTx", "2006年01月02日", "2006-01-02 -0700", "2006-01-02 MST", "  2006   01", "2006-01-02 002", "05.9999"}
	values := []string{"2024-02-29", "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "2024-12-31 23:59:58", "2024-12-31 24:00:00", "2024-12-31 23:60:00", "2024-12-31 23:59:60", "2024-07-04T10:20:30Z", "2024-07-04T10:20:30+02:00", "2024-07-04T10:20:30.123456789-05:30", "2024-07-04T10:20:30,5Z", "2024-07-04T10:20:30+24:00", "2024-07-04T10:20:30+25:00", "2024-07-04T10:20:30+02:61", "2024-07-04T10:20:30+0a:00", "2024-07-04t10:20:30z", "Tue Feb  9 13:14:15 CET 2021", "Tue feb 9 13:14:15 UTC 2021", "Tue Feb 9 13:14:15 GMT+3 2021", "Tue Feb 9 13:14:15 GMT+24 2021", "Tue Feb 9 13:14:15 +05 2021", "Monday, 02-Jan-06 15:04:05 WITA", "Monday, 02-Jan-69 15:04:05 ChST", "Mon, 02 Jan 2006 15:04:05 -0700", "Mon, 02 Jan 2006 15:04:05 +0000", "3:04PM", "12:00AM", "12:30PM", "13:00PM", "11:59pm 1/2/06", "12:01am 12/31/99", "Jan  3 01:02:03.004005", "366 2024", "366 2023", " 60 2024", "  1 2024", "060 2024", "2024-060", "2024-366", "2023-366", "January 2 2006, 03:4:5 PM", "_2006 12", "24 1 2 3 4 5", "59,123", "59.12 .5", "unix", "2006年01月02日", "2024-01-01 +0530", "2024-01-01 -0000", "2024-01-01 EST", "2024-02-29 060", "2024-02-28 060", "x", "", "05.1234567890123", "0000-01-01", "9999-12-31"}
	format := "Mon Jan _2 15:04:05.999999999 2006 MST -07:00 002"
	for _, layout := range layouts {
		for _, value := range values {
			call("mustToDate", []any{layout, value})
		}
		for _, at := range []string{"2024-02-29T00:00:00Z", "1969-07-20T20:17:40.5Z", "0001-01-01T12:00:00Z", "2024-12-31T23:59:59.000000001Z", "2024-07-04T13:05:09Z", "1883-11-18T12:00:00Z"} {
			for _, zone := range []string{"UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin", "america/new_york", "Nowhere/X", "", "EST", "Etc/GMT+5", "Asia/Kathmandu", "America"} {
				if zone == "EST" && at < "19" {
					continue // what held there depends on the TZ database's version
				}
				call("toDate|dateInZone", []any{"2006-01-02T15:04:05.999999999Z07:00", at}, []any{layout, "@", zone})
			}
		}
	}
	durations := []string{"1h", "-1.5h", "1h2m3s4ms5us6ns", "1µs", "1μs", "0", "-0", "", "x", "1", "1x", ".5s", "5.s", ".s", "1h30", "9223372036854775807ns", "9223372036854775808ns", "-9223372036854775808ns", "2562047h47m16.854775807s", "2562048h", "1e3s", "+5m", "--1s", "1 h", "3.1415926535897932384626433s", "0.0000000001s", "99999999999999999999s", "1h1h", "1d", "\"q\""}
	for _, d := range durations {
		call("toDate|mustDateModify|date", []any{"2006-01-02", "2024-03-01"}, []any{d, "@"}, []any{format, "@"})
		call("toDate|dateModify|unixEpoch", []any{"2006-01-02", "2024-03-01"}, []any{d, "@"}, []any{"@"})
		call("durationRound", []any{d})
		call("duration", []any{d})
	}
	for _, n := range []int64{0, 1, 59, 60, 61, 3600, 86399, 90061, -5, 1 << 40, 9223372036854775807} {
		call("duration", []any{fmt.Sprint(n)})
		call("int64|duration", []any{fmt.Sprint(n)}, []any{"@"})
		call("int64|durationRound", []any{fmt.Sprint(n)}, []any{"@"})
		call("int64|mul|durationRound", []any{fmt.Sprint(n)}, []any{"@", 1000000000}, []any{"@"})
		if n < 1<<41 {
			call("int64|htmlDateInZone", []any{fmt.Sprint(n)}, []any{"@", "Pacific/Auckland"})
			call("int64|dateInZone", []any{fmt.Sprint(n)}, []any{format, "@", "Australia/Lord_Howe"})
		}
	}
}

func crypto() {
	texts := []string{"", "a", "Hello World", "äöü ß", strings.Repeat("x", 6000), strings.Repeat("long", 30)}
	for _, s := range texts {
		for _, f := range []string{"sha1sum", "sha256sum", "sha512sum", "adler32sum"} {
			call(f, []any{s})
		}
		call("encryptAES|decryptAES", []any{"key", s}, []any{"key", "@"})
		for _, kind := range []string{"maximum", "long", "medium", "short", "basic", "pin", "nope"} {
			if len(s) < 200 {
				call("derivePassword", []any{uint32(len(s)), kind, s, "user", "example.com"})
			}
		}
	}
	call("derivePassword", []any{uint32(4294967295), "long", "p", "", ""})
	call("bcrypt", []any{strings.Repeat("p", 73)})
	call("htpasswd", []any{"a:b", "p"})
	call("genPrivateKey", []any{"nope"})
	for _, e := range []string{"", "x", "eA==", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "DgWhVtWI32A7zK5eF0W4Jr4mT9JWf8GZn0bdVVSSQxo="} {
		call("decryptAES", []any{"key", e})
	}
	call("randBytes", []any{-1})
	call("randInt", []any{5, 5})
	call("randAlpha", []any{-1})
	call("buildCustomCert", []any{"!", "!"})
	call("buildCustomCert", []any{"eA==", "!"})
	call("buildCustomCert", []any{"eA==", "eA=="})
	call("genCAWithKey", []any{"ca", 1, ""})
	call("genCAWithKey", []any{"ca", 1, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"})
	call("genCAWithKey", []any{"ca", 1, "-----BEGIN FOO PRIVATE KEY-----\nAAAA\n-----END FOO PRIVATE KEY-----\n"})
	var dsa strings.Builder
	template.Must(template.New("t").Funcs(sprig.TxtFuncMap()).Parse(`{{ genPrivateKey "dsa" }}`)).Execute(&dsa, nil)
	call("genCAWithKey", []any{"ca", 1, dsa.String()})
	call("genPrivateKey|genSelfSignedCertWithKey", []any{"ecdsa"}, []any{"cn", []any{"1.2.3"}, []any{}, 1, "@"})
	call("genPrivateKey|genSelfSignedCertWithKey", []any{"ecdsa"}, []any{"cn", []any{7}, []any{}, 1, "@"})
	call("genPrivateKey|genSelfSignedCertWithKey", []any{"ecdsa"}, []any{"cn", []any{}, []any{true}, 1, "@"})
	call("genPrivateKey|genSelfSignedCertWithKey", []any{"ecdsa"}, []any{"cn", []any{}, []any{"ü.example"}, 1, "@"})
}

func main() {
	time.Local = time.UTC
	out.SetEscapeHTML(false)
	map[string]func(){"regex": regex, "dates": dates, "crypto": crypto}[os.Args[1]]()
}
