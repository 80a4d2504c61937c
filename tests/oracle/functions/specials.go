package main

import (
	"fmt"
	"math/rand"
	"strconv"
	"strings"
)

// specials are cases that chance would not find: edges known from the sources, and random texts for functions that
// read texts closely. Each is a function's name and a template.
func specials() [][2]string {
	var out [][2]string
	call := func(function, args string) { out = append(out, [2]string{function, show(function, function+" "+args)}) }
	plain := func(function, text string) { out = append(out, [2]string{function, text}) }
	random := rand.New(rand.NewSource(4))

	pieces := []string{"a", "B", "c9", "XYZ", "1", "22", "_", "__", "-", " ", ".", ",", "!", "é", "É", "ß", "日本", "ǅ", "ǆ", "Ω", "ა", "ŉ", "İ", "ı", "\t", "\n", "\u00a0",
		"\u2003", "\xff", "\xe6\x97", "\U0001F600", "²", "Ⅷ", "'", "\"", "\\", "word", "Word", "HTTP", "%", "/", "ﬁ", "\u0345", "ᾳ"}
	piece := func(n int) string {
		var text strings.Builder
		for range random.Intn(n) + 1 {
			text.WriteString(pieces[random.Intn(len(pieces))])
		}
		return strconv.Quote(text.String())
	}
	for _, function := range []string{"snakecase", "camelcase", "kebabcase", "swapcase", "title", "untitle", "upper", "lower", "initials", "nospace", "trim", "quote", "squote",
		"toString", "b64enc", "b32enc", "base", "dir", "clean", "ext", "regexQuoteMeta", "sha256sum", "adler32sum"} {
		n := 24
		if function == "snakecase" || function == "camelcase" || function == "kebabcase" {
			n = 150
		}
		for range n {
			call(function, piece(8))
		}
	}
	for range 60 {
		call("wrap", fmt.Sprint(random.Intn(12)-1, " ", piece(14)))
		call("wrapWith", fmt.Sprint(random.Intn(12)-1, " ", piece(2), " ", piece(14)))
		call("abbrev", fmt.Sprint(random.Intn(14)-1, " ", piece(14)))
		call("abbrevboth", fmt.Sprint(random.Intn(14)-1, " ", random.Intn(16)-1, " ", piece(14)))
		call("substr", fmt.Sprint(random.Intn(14)-3, " ", random.Intn(14)-3, " ", piece(5)))
		call("trunc", fmt.Sprint(random.Intn(20)-10, " ", piece(8)))
		call("split", piece(1)+" "+piece(8))
		call("splitn", piece(1)+" "+fmt.Sprint(random.Intn(6)-1)+" "+piece(8))
		call("splitList", piece(1)+" "+piece(8))
		call("replace", piece(1)+" "+piece(2)+" "+piece(10))
		call("trimAll", piece(3)+" "+piece(6))
		call("trimPrefix", piece(1)+" "+piece(6))
		call("trimSuffix", piece(1)+" "+piece(6))
		call("contains", piece(1)+" "+piece(6))
		call("indent", fmt.Sprint(random.Intn(6), " ", piece(10)))
	}

	paths := []string{"a", "..", ".", "/", "//", "b.c", ".x", "x.", "", "...", "d e"}
	for range 60 {
		var text strings.Builder
		for range random.Intn(7) {
			text.WriteString(paths[random.Intn(len(paths))])
			if random.Intn(2) == 0 {
				text.WriteString("/")
			}
		}
		for _, function := range []string{"base", "dir", "clean", "ext", "isAbs", "osBase", "osDir", "osClean", "osExt"} {
			call(function, strconv.Quote(text.String()))
		}
	}

	numbers := []string{`"1"`, `"-1"`, `"+7"`, `"007"`, `"0o17"`, `"0b101"`, `"0xfF"`, `"0X1p4"`, `"0x1.8p1"`, `"0x.8p-2"`, `"0x1p-1074"`, `"0x1p-1075"`, `"0x1.8p-1075"`,
		`"0x1.fffffffffffff8p0"`, `"0x1p1024"`, `"1e400"`, `"1e-400"`, `"4.9e-324"`, `"2.4e-324"`, `"1.7976931348623159e308"`, `"inf"`, `"-Inf"`, `"+infinity"`, `"NaN"`, `"-nan"`, `"infi"`,
		`"1_000"`, `"1__0"`, `"_1"`, `"1_"`, `"0_7"`, `"0x_f"`, `"1_0.5_0"`, `"1._5"`, `".5"`, `"5."`, `"."`, `"1e"`, `"1e+"`, `"1e+5"`, `"e5"`, `" 1"`, `"1 "`, `"3.0"`, `"3.00"`, `"3.10"`, `".0"`, `"0.0"`, `"00"`,
		`"08"`, `"9223372036854775807"`, `"9223372036854775808"`, `"-9223372036854775808"`, `"-9223372036854775809"`, `"18446744073709551616"`, `"0x8000000000000000"`, `"٣"`, `""`,
		`9223372036854775807`, `1e300`, `-1e300`, `9.3e18`, `(int64 7)`, `(mustToDuration "5s")`, `(semver "3").Major`, `.Values.big`, `'a'`, `(toDate "2006-01-02" "2024-02-29").Month`, `1i`, `(list 1)`}
	for _, number := range numbers {
		for _, function := range []string{"int", "int64", "float64", "toDecimal", "add1", "add1f", "ceil", "floor", "toString", "typeOf", "kindOf", "empty"} {
			call(function, number)
		}
		if strings.HasPrefix(number, `"`) {
			call("atoi", number)
		}
	}
	arithmetic := []string{"0", "1", "-1", "2", "3", "7", "0.1", "0.2", "0.3", "-0.7", "1e15", "1e-15", "1e308", "1e-300", "123456789.987654321", `"2.5"`, `"x"`, "nil", "9223372036854775807",
		"-9223372036854775808", "1000000", "0.5", "1e21", "3.333333333333333", `"NaN"`, `"inf"`}
	pick := func(from []string) string { return from[random.Intn(len(from))] }
	for range 70 {
		for _, function := range []string{"add", "sub", "mul", "div", "mod", "max", "min", "addf", "subf", "mulf", "divf", "maxf", "minf"} {
			args := pick(arithmetic) + " " + pick(arithmetic)
			if function != "sub" && function != "div" && function != "mod" && random.Intn(3) == 0 {
				args += " " + pick(arithmetic)
			}
			call(function, args)
		}
		call("round", pick(arithmetic)+" "+pick([]string{"0", "1", "2", "3", "-1", "-3", "15", "20", "300", "309", "400", "-400"})+pick([]string{"", "", " 0.3", " 0.7", " 1"}))
		call("seq", strings.Join([]string{pick(small), pick(small), pick(small), pick(small)}[:random.Intn(5)], " "))
		call("untilStep", pick(small)+" "+pick(small)+" "+pick(small))
	}

	trees := []string{`(dict)`, `(dict "a" 1)`, `(dict "a" 0 "b" "")`, `(dict "a" nil)`, `(dict "a" (dict))`, `(dict "a" (dict "x" 1))`, `(dict "a" (dict "x" nil "y" 2))`, `(dict "a" (list))`,
		`(dict "a" (list 1 2))`, `(dict "a" "s" "b" (dict "c" (dict "d" 1)))`, `(dict "b" (dict "c" (dict "d" 2 "e" (list))))`, `(dict "b" (dict "c" nil))`, `(dict "b" (dict "c" (list 1)))`,
		`(dict "a" false "b" true)`, `(dict "a" (split "," "p,q"))`, `(dict "a" (dict "_0" 5 "_9" "n"))`, `(dict "a" (until 2))`, `(dict "a" (semver "1.2.3"))`, `(dict "a" 1i)`, `(dict "a" (concat))`,
		`(dict "a" (fromJson "null"))`, `(fromJson "null")`, `(deepCopy .Values.nested)`, `(deepCopy .Values)`}
	for range 260 {
		args := pick(trees) + " " + pick(trees)
		if random.Intn(3) == 0 {
			args += " " + pick(trees)
		}
		for _, function := range []string{"merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite"} {
			call(function, args)
		}
		plain("merge", fmt.Sprintf("{{ $a := %s }}{{ $b := %s }}{{ $c := %s }}{{ $_ := %s $a $b $c }}{{ toJson (list $a $b $c) }}", pick(trees), pick(trees), pick(trees), pick([]string{"merge", "mergeOverwrite"})))
		call("deepEqual", pick(trees)+" "+pick(trees))
	}
	things := append(append(append([]string{}, lists...), maps...), others...)
	for _, a := range things {
		for _, function := range []string{"typeOf", "kindOf", "empty", "deepCopy", "mustDeepCopy", "toString", "toStrings", "quote", "squote", "cat", "sortAlpha", "coalesce", "first", "rest", "initial",
			"uniq", "compact", "reverse", "toJson", "toYaml", "all", "any", "list", "default 1"} {
			name, _, _ := strings.Cut(function, " ")
			out = append(out, [2]string{name, show(name, function+" "+a)})
		}
		call("typeIs", `"[]interface {}" `+a)
		call("typeIsLike", `"semver.Version" `+a)
		call("kindIs", `"map" `+a)
		call("join", `"-" `+a)
		call("concat", a+` (list 1)`)
		call("has", `1 `+a)
		call("deepEqual", a+" "+a)
	}
	for _, list := range lists {
		for _, bounds := range []string{"", " 0", " 1", " 0 1", " 1 1", " 2 1", " -1", " 0 9", ` "1"`, " 1.9", " 99"} {
			call("slice", list+bounds)
		}
		for _, size := range []string{"0", "1", "2", "3", "-1", "-2", "100"} {
			call("chunk", size+" "+list)
		}
	}
	for _, args := range []string{`"a" "b" "d" .Values.nested`, `"a" "b" "c" "d" .Values.nested`, `"a" "b" "c" "x" "d" .Values.nested`, `"a" "x" "y" 0 .Values.nested`, `"a" nil .Values`, `"a" 0 .Values.missing`,
		`nil 0 (dict)`, `1 0 (dict)`, `"a" 0`, `"a"`, ``, `"a" 0 "s"`, `"a" "b" 0 (dict "a" nil)`, `"a" "b" 0 (dict "a" (list 1))`, `"a" 0 (split "," "x")`, `"str" "x" 0 .Values.map`, `"a" 0 (dict "a" nil)`} {
		call("dig", args)
	}
	for _, args := range []string{`.Values.missing "a" 1`, `(dict) "a" (dict "b" 1)`, `(fromYaml "") "a" 1`, `(fromJson "null") "a" 1`, `(split "," "a") "a" 1`, `.Values "new" 1`} {
		call("set", args)
		call("hasKey", strings.Join(strings.Fields(args)[:1], " ")+` "a"`)
	}
	plain("set", `{{ $d := dict "a" 1 }}{{ $e := $d }}{{ $_ := set $e "b" $d.a }}{{ $_ = unset $d "a" }}{{ toJson $d }}{{ toJson $e }}`)
	plain("set", `{{ $_ := set .Values "zz" 1 }}{{ .Values.zz }}{{ typeOf .Values }}`)
	plain("unset", `{{ toJson (unset (fromJson "null") "a") }}{{ toJson (pick (fromJson "null") "a") }}{{ toJson (omit (fromJson "null") "a") }}{{ get (fromJson "null") "a" }}{{ hasKey (fromJson "null") "a" }}`)
	plain("append", `{{ $l := list 1 }}{{ $m := append $l 2 }}{{ $n := append $l 3 }}{{ toJson $l }}{{ toJson $m }}{{ toJson $n }}`)
	plain("keys", `{{ keys (dict "b" 1 "a" 2) (dict "c" 3 "a" 4) (fromJson "null") | sortAlpha | join "," }}`)
	plain("values", `{{ values (dict "b" (list 1)) | toJson }}{{ values (fromJson "null") | toJson }}`)

	versions := []string{"1.2.3", "v1.2.3", "1.2", "1", "0.0.0", "0.0.1", "0.1.0", "0.2.3", "1.2.3-alpha", "1.2.3-alpha.1", "1.2.3-alpha.beta", "1.2.3-1", "1.2.3-01", "1.2.3+b", "1.2.3-rc.1+b.2", "2.0.0", "1.3.0", "1.34.0-gke.1",
		"01.2.3", "1.02.3", "1.2.3.4", "1.x", "", " 1.2.3", "1.2.3 ", "1.2.3-", "1.2.3+", "1.2.3-a..b", "1.2.3-é", "99999999999999999999.0.0", "1.99999999999999999999", "18446744073709551615.0.0", "V1.2.3", "1.2.3-0", "1.2.3--", "1.2.3-00",
		strings.Repeat("1", 257), "1.2.3-" + strings.Repeat("a", 250)}
	constraints := []string{"1.2.3", "=1.2.3", "==1.2.3", "!=1.2.3", "!=1.2", "!=1", "!=1.2.x", "!=1.2-alpha", ">1.2.3", ">1.2", ">1", "<1.2.3", "<1.2", "<1", ">=1.2.3", "=>1.2", "<=1.2.3", "=<1.2", "<=1", "<=1.x", "~1.2.3", "~1.2", "~1", "~>1.2",
		"~0.0.0", "~0", "~*", "^1.2.3", "^1.2", "^1", "^0.2.3", "^0.2", "^0", "^0.0.1", "^0.0", "^0.0.0", "^*", "*", "x", "X", "1.x", "1.*.3", "x.2.3", "", " ", "bad", ">=", ">= 1.2.3", "> =1", ">=1.2-0", ">=1.2.3-alpha <2", ">=1.2.3-0, <2.0.0-0", ">1.2.3-alpha",
		"~1.2.3-alpha", "^1.2.3-alpha.1", "1.2.3-alpha", "1 - 2", "1.2.3 - 1.4", "1.2-0 - 2", "1-2", "1 -2", "<1 || >1.2", "<1||>2", "||", "1 ||", ">=1.2, <1.4 || 2.x", ">=1.2 <1.4", ">=1.2,<1.4", ">=1.2 , <1.4", ">=1.2,,<1.4", "1.2.3 1.2.4", "v1.2", ">=v1.2.0",
		"1|2", ">1.2.3.4", "1.2.3+b", ">=1.2.3+b", "99999999999999999999", ">=1.a", "\t>=1\n", strings.Repeat("1 || ", 33) + "1", strings.Repeat(">=1 ", 130), "1.2.3-01", ">=1.2.3-00", "é"}
	for _, version := range versions {
		call("semver", strconv.Quote(version))
		for _, constraint := range constraints {
			if random.Intn(3) == 0 || len(version) < 6 {
				call("semverCompare", strconv.Quote(constraint)+" "+strconv.Quote(version))
			}
		}
		plain("semver", fmt.Sprintf(`{{ $v := semver %q }}{{ $v.Major }} {{ $v.Minor }} {{ $v.Patch }} {{ $v.Prerelease }} {{ $v.Metadata }} {{ $v.Original }} {{ $v.String }} {{ $v.IncMajor }} {{ $v.IncMinor }} {{ $v.IncPatch }} {{ toJson $v }} {{ printf "%%s %%v %%T" $v $v $v.IncPatch }}`, version))
	}
	for range 80 {
		a, b := versions[random.Intn(18)], versions[random.Intn(18)]
		plain("semver", fmt.Sprintf(`{{ $a := semver %q }}{{ $b := semver %q }}{{ $a.Compare $b }} {{ $a.Equal $b }} {{ $a.LessThan $b }} {{ $a.LessThanEqual $b }} {{ $a.GreaterThan $b }} {{ $a.GreaterThanEqual $b }} {{ deepEqual $a $b }}`, a, b))
	}
	for _, expression := range []string{`(semver "1.2.3").SetPrerelease "rc.1"`, `(semver "v1.2.3").SetPrerelease "é"`, `(semver "1.2.3").SetPrerelease "01"`, `(semver "1.2.3").SetMetadata "b.1"`, `(semver "1.2.3").SetMetadata "a..b"`,
		`(semver "1.2.3").Compare "1.2.3"`, `(semver "1.2.3").Compare (semver "1.2.3").IncPatch`, `(semver "1.2.3").Compare nil`, `(semver "1.2.3").Equal nil`, `(semver "1.2.3").LessThan .Values.missing`, `(semver "1.2.3").Nope`,
		`((semver "1.2.3").IncPatch).Original`, `((semver "1.2.3").IncPatch).Major`, `((semver "1.2.3").IncPatch).LessThan (semver "1")`, `(semver "1.2.3").Major 1`, `(semver "18446744073709551615.0.0").IncMajor`,
		`typeOf (semver "1.2.3").IncMajor`, `kindOf (semver "1.2.3").IncMajor`, `typeIsLike "semver.Version" (semver "1.2.3")`, `(semver "1.2.3").MarshalText | toString`, `(semver "1.2.3").Value`, `(semver "1.2.3").major`, `(semver "1.2.3").Minor | add 1`} {
		plain("semver", "{{ "+expression+" }}")
	}

	urls := []string{"", "a", "/a b", "http://h", "HTTP://H.Example:80/p", "http://u@h", "http://u:p@h", "http://u:@h/", "http://:p@h/", "http://u%20x:p%40@h", "http://u:p@h@i/", "//h/p", "///p", "//", "a:b", "a:/b", "a://", "a:///p", "a:?q", "a:#f", "?q", "#f", "#%zz", "#a%20b",
		"?a=b&c#d", "/p?", "/p?#", "/p#", "/%41", "/%zz", "/%4", "/%", "h:80", "1http://x", ":x", "a/b:c", "./a:b", "*", "http://[::1]", "http://[::1]:80/", "http://[::1]:x/", "http://[::1]x", "http://[::1", "http://x[::1]", "http://[fe80::1%25eth0]:1/", "http://[fe80::1%25e%20h]/",
		"http://[fe80::1%]/", "http://[1.2.3.4]/", "http://[::1.2.3.4]", "http://[1::2::3]", "http://[12345::]", "http://[::g]", "http://[1:2]", "http://[]", "http://[:]", "http://[1:2:3:4:5:6:7:8:9]", "http://[1:2:3:4:5:6:7::8]", "http://[::1.2.3]", "http://[::01.2.3.4]", "http://[::256.1.1.1]", "http://[x]",
		"http://h:80:90", "pg://h:80,i:90/db", "http://h:", "http://h:x", "http://h%41", "http://h%C3%A4", "http://h%zz", "http://hä/", "http://a b/", "http://a\\b/", "http://a|b", "http://{x}", "mailto:a@b.c", "urn:x:y", "data:,x%20y", "http://h/ä?ä#ä", "http://h/\x01", "http://h/\x7f", "http://h/a%2Fb",
		"http://us er@h", "http://u\"@h", "http://h/p?a b", "http://h?x#y?z", "javascript:alert(1)", "http://h/[x]", "http://h/!$&'()*+,;=:@", "file:///etc/x", "file://h/etc", "http:p", "http:/p", "a+b-c.d://h", "é://h"}
	for _, url := range urls {
		call("urlParse", strconv.Quote(url))
		plain("urlJoin", fmt.Sprintf("{{ urlJoin (urlParse %s) }}", strconv.Quote(url)))
	}
	parts := []string{"", "a", "/p", "a b", "h:80", "[::1]", "ä", "a:b", "x/y", "*", "q=1&r", "a:b/c", "u:p", "u@v", "u/v", "u%40", "%zz", "<>", "./x", "//y"}
	for range 120 {
		var args []string
		for _, key := range []string{"scheme", "host", "path", "query", "opaque", "fragment", "userinfo"} {
			if chance := 3; random.Intn(chance) > 0 && !(key == "opaque" && random.Intn(3) > 0) {
				args = append(args, strconv.Quote(key), strconv.Quote(parts[random.Intn(len(parts))]))
			}
		}
		call("urlJoin", "(dict "+strings.Join(args, " ")+")")
	}
	for _, args := range []string{`(dict "host" 1)`, `(dict "host" nil)`, `(dict "userinfo" (list))`, `(dict "path" .Values.map)`} {
		call("urlJoin", args)
	}

	base64 := []string{"", "a", "aa", "aaa", "aaaa", "aGk=", "aGk", "aGk==", "aA==", "aA=", "aA=a", "aA==a", "aA==\n", "a\nA=\r\n=", "aGVs\nbG8=", "=", "==", "a=", "a===", "aaaa=", "aaaaaaaa!", "aaa!aaaa", "aaaaaaaaa", "YQ==YQ==", "-_-_", "//8=", "aGkä", "aGVsbG8gd29ybGQ=", "aGVsbG8gd29ybGQ", "aB==", " aGk="}
	base32 := []string{"", "A", "AA", "MY======", "MZXQ====", "MZXW6===", "MZXW6YQ=", "MZXW6YTB", "MY=====", "MY", "MZXQ===", "MZXQ==A=", "MZX=====", "M=======", "MZXW6YTBOI======", "MY======A", "my======", "MY\n======", "M1======", "MZXW6YTB=", "=MZXW6YT", "MZXW6Y==", "MZXW6Y=A", "MZXW6YTBMY", "MY=====A", "MY===A=="}
	for _, text := range base64 {
		call("b64dec", strconv.Quote(text))
	}
	for _, text := range base32 {
		call("b32dec", strconv.Quote(text))
	}

	dates := []string{`(toDate "2006-01-02" "2024-02-29")`, `(toDate "2006-01-02T15:04:05Z07:00" "2024-02-29T13:14:15+02:00")`, `0`, `(int64 1700000000)`, `(int64 -5)`}
	layouts := []string{"2006-01-02", "Mon Jan _2 15:04:05 MST 2006", "02/01/06 03:04 PM", "2006-01-02T15:04:05.000Z07:00", "January Monday 002", "x", ""}
	for _, date := range dates {
		for _, layout := range layouts {
			plain("date", fmt.Sprintf(`{{ dateInZone %q %s "UTC" }}|{{ date_in_zone %q %s "Europe/Berlin" }}|{{ date %q %s }}`, layout, date, layout, date, layout, date))
		}
		plain("date", fmt.Sprintf(`{{ htmlDateInZone %s "UTC" }}|{{ dateModify "-1h30m" (toDate "2006-01-02" "2024-03-01") | date "2006-01-02 15:04" }}|{{ mustDateModify "bad" (toDate "2006-01-02" "2024-03-01") }}`, date))
	}
	for _, args := range []string{`"bad" (toDate "2006-01-02" "2024-03-01") | date "2006"`, `"+24h" (toDate "2006-01-02" "2024-03-01") | unixEpoch`} {
		plain("dateModify", "{{ dateModify "+args+" }}")
		plain("mustDateModify", "{{ mustDateModify "+args+" }}")
	}
	expressions := []string{"a+", "(a)(b)?", "^x", "[", "(?i)FOO", `\d+`, "", ".", "a|b", "(?P<n>o+)", "ä", `\bfoo\b`, "a{2,3}", "(", `\x`, "(?s).*"}
	for _, expression := range expressions {
		for _, text := range []string{"", "aaa foo b", "FOO 12 oo", "äöü\nx"} {
			quoted, subject := strconv.Quote(expression), strconv.Quote(text)
			for _, must := range []string{"", "must"} {
				name := func(base string) string {
					if must == "" {
						return base
					}
					return must + strings.ToUpper(base[:1]) + base[1:]
				}
				call(name("regexMatch"), quoted+" "+subject)
				call(name("regexFind"), quoted+" "+subject)
				call(name("regexFindAll"), quoted+" "+subject+" "+pick([]string{"-1", "0", "1", "2"}))
				call(name("regexSplit"), quoted+" "+subject+" "+pick([]string{"-1", "0", "1", "2"}))
				call(name("regexReplaceAll"), quoted+" "+subject+` "<${1}$n$0>"`)
				call(name("regexReplaceAllLiteral"), quoted+" "+subject+` "<$1>"`)
			}
		}
	}
	plain("uuidv4", `{{ regexMatch "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$" uuidv4 }}`)
	plain("randAlpha", `{{ regexMatch "^[a-zA-Z]{40}$" (randAlpha 40) }}{{ regexMatch "^[0-9]{40}$" (randNumeric 40) }}{{ regexMatch "^[a-zA-Z0-9]{40}$" (randAlphaNum 40) }}{{ regexMatch "^[ -~]{40}$" (randAscii 40) }}{{ len (b64dec (randBytes 40)) }}`)
	plain("randInt", `{{ $n := randInt 3 5 }}{{ and (ge $n 3) (lt $n 5) }}`)
	plain("randInt", `{{ randInt 5 5 }}`)
	plain("shuffle", `{{ $s := shuffle "aabbcc" }}{{ len $s }}{{ regexMatch "^[abc]+$" $s }}`)
	plain("derivePassword", `{{ derivePassword 1 "long" "password" "user" "example.com" }}{{ derivePassword 2 "pin" "password" "user" "example.com" }}{{ derivePassword 1 "nope" "p" "u" "s" }}`)
	plain("encryptAES", `{{ decryptAES "key" (encryptAES "key" "plain") }}{{ decryptAES "key" "x" }}`)
	plain("bcrypt", `{{ regexMatch "^[$]2a[$]10[$].{53}$" (bcrypt "x") }}{{ regexMatch "^u:[$]2a[$]10[$].{53}$" (htpasswd "u" "p") }}{{ htpasswd "u:v" "p" }}`)
	plain("htpasswd", `{{ htpasswd "u:v" "p" }}`)
	return out
}
