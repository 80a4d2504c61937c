//! What random cases are made of: expressions by Go type, and texts that some function cares about.

/// `string` expressions.
pub const TEXTS: &[&str] = &[
    r#""""#, r#""a""#, r#""hello world foo""#, r#""äöü ß 日本""#, r#""😀 x""#, r#""\xff\xfea""#, r#""one\ntwo\n""#, r#""  pad\t ""#, r#""1.2.3""#, r#""123""#,
    r#""-5""#, r#""0x1F""#, r#""1_000""#, r#""a,b,,c""#, r#""FooBarBaz""#, r#""some_words-and more""#, r#""/a/b/../c.txt""#, r#""true""#, r#""3.14""#,
    r#""1e3""#, r#""it's \"q\" \\ <b>&""#, r#""aGVsbG8=""#, ".Values.str", ".Values.empty", ".Values.multi", ".Values.uni", ".Chart.Name", ".Chart.Version",
    r"`raw\n`", r#""2024-02-29""#, r#""1h30m""#, r#""a: 1\nb: [2, x]""#, r#""{\"a\": [1, null]}""#, r#""\u2028\u0000\u00ad""#, r#""é""#, r#""ǅ ŉ ﬁ İı""#,
    r#""\t\r\n\v""#, r#""null""#, r#""~""#, r#""0""#, r#""00""#, r#""08""#, r#""0b1""#, r#""+1""#, r#"".5""#, r#""1.""#, r#""1e400""#, r#""NaN""#, r#""Inf""#, r#""-inf""#,
    r#""t""#, r#""TRUE""#, r#""no""#, r#""f""#, r#""9223372036854775808""#, r#""-9223372036854775809""#, r#""$1 ${x} \\1""#, r#""%d %s %%""#, r#""{{ .x }}""#,
    r#""HTTPServer ID2go""#, r#""__a__b""#, r#""a.b.c""#, r#""\\\"'""#, r#""k=v,l=w""#, ".Release.Name", ".Release.Service", ".Template.Name", ".Template.BasePath",
    r#"(repeat 30 "ab ")"#, r#"(toString nil)"#, r#"(printf "%c" 0x1F600)"#, r#""\U0001F468\u200d\U0001F469""#, r#""a\u0301e\u0300""#,
];

pub const SMALL: &[&str] = &["0", "1", "-1", "2", "3", "4", "5", "7", "10", "-3", "20", ".Values.int", "(int .Values.int)", "(len .Values.list)", "64"];

pub const INTS: &[&str] = &[
    "9223372036854775807", "-9223372036854775808", "100", "0x10", "1_000", "0", "1", "-1", "2", "3", "5", "-3", "'a'", "0b11", "0o17", "017", "1e2", "4294967296",
    "2147483648", "-2147483649", "(int .Values.neg)", "(int64 7)", "255", "256", "-128", "(atoi \"12\")", "(add 1 2)",
];

pub const FLOATS: &[&str] = &[
    "0.0", "1.5", "-2.5", "1e21", "1e-7", "0.1", "3.0", "123456789.125", "0.5", "2", ".Values.float", ".Values.int", ".Values.tiny", ".Values.big", "1e308", "5e-324",
    "-0.0", "0x1p-2", "2.675", "1e20", "123456789012345678", "(divf 1 0)", "(divf 0 0)", "99.995", "1e6", "1e-5", "16777217.0",
];

pub const FLAGS: &[&str] = &["true", "false", ".Values.yes", ".Values.no", "(not 1)", "(empty 0)"];

pub const LISTS: &[&str] = &[
    "(list)", "(list 1 2 3)", r#"(list "b" "a" nil "a")"#, "(list (list 1) (list) (list 1))", ".Values.list", ".Values.emptylist", ".Values.mixed", ".Values.names",
    "(until 3)", r#"(splitList "," "b,a,,b")"#, r#"(list 0 "" false nil 1.0 1)"#, ".Capabilities.APIVersions", "(concat)", "(chunk 2 (list 1 2 3))", "(untilStep 3 -4 -2)",
    r#"(list (dict "a" 1) (dict "b" nil))"#, r#"(tuple 1 "x")"#, "(list nil)", r#"(list "10" "9" "a" "B")"#, "(list 1 1.0 (int64 1))", r#"(list "é" "\xff")"#,
    "(list true false)", "(concat (until 2) .Values.list)", r#"(regexFindAll "." "abc" -1)"#, "(fromYamlArray \"- 1\\n- x\")", r#"(list 2.5 "2.5" .Values.float)"#,
];

pub const MAPS: &[&str] = &[
    "(dict)", r#"(dict "a" 1)"#, r#"(dict "a" (dict "b" 2 "c" nil))"#, r#"(dict "x" "y" "a" "")"#, ".Values.map", ".Values.emptymap", ".Values.nested", ".Values.missing",
    r#"(fromJson "null")"#, r#"(dict "a" (list 1 2))"#, r#"(dict "a" nil "b" false "c" 0)"#, r#"(fromYaml "a: {b: 1}\nc: [x]")"#, r#"(split "," "a,b")"#,
    r#"(dict 1 2 "k")"#, r#"(fromYaml "- 1")"#, r#"(dict "a" (dict "b" (dict "c" 1)))"#, r#"(urlParse "http://u:p@h:80/p?q#f")"#, r#"(dict "é" 1 "\xff" 2)"#, ".Values",
    r#"(fromJson "{\"n\": 12345678901234567890, \"f\": 1.0}")"#,
];

pub const OTHERS: &[&str] = &[
    "nil", ".Values.none", ".Values.missing", r#"(semver "1.2.3")"#, ".Release", ".Files", "1i", "'x'", "(int64 5)", "(float64 2.5)", ".Values.bigint", ".Chart",
    r#"(mustToDuration "90s")"#, r#"(.Files.GetBytes "files/a.txt")"#, ".", "$", ".Capabilities", ".Capabilities.KubeVersion", ".Subcharts", ".Template", ".Values.date",
    ".Values.octal", "(len \"abc\")", "(index .Values.mixed 3)", "(dict \"a\" 1).a", ".Chart.Maintainers", ".Chart.Annotations", ".Release.IsInstall", "2+3i", "(lookup \"v1\" \"Pod\" \"\" \"\")",
];

/// `time.Time`, without the present.
pub const DATES: &[&str] = &[
    r#"(toDate "2006-01-02" "2024-02-29")"#, r#"(toDate "2006-01-02T15:04:05Z07:00" "2024-02-29T13:14:15+02:00")"#, r#"(toDate "2006-01-02 15:04:05.000" "1999-12-31 23:59:59.987")"#,
    r#"(toDate "x" "y")"#, r#"(toDate "2006-01-02" "0001-01-01")"#, r#"(mustToDate "Jan _2 06 3:04PM" "Mar  4 70 11:30AM")"#, r#"(dateModify "-1h30m" (toDate "2006-01-02" "2024-03-01"))"#,
];

pub const LAYOUTS: &[&str] = &[
    "2006-01-02", "Mon Jan _2 15:04:05 MST 2006", "02/01/06 03:04 PM", "2006-01-02T15:04:05.000Z07:00", "January Monday 002", "x", "", "2006-01-02T15:04:05Z07:00", "3:04PM", "Jan 2",
    "2006-01-02 15:04:05.999999999 -0700 MST", "06 1 2 3 4 5", "pm PM", "__2", "_2006", "Z0700 Z07 -07 -07:00:00", ".00 ,000", "15h04m", "20060102", "2006年1月2日",
];

pub const PATTERNS: &[&str] = &[
    "a+", "(a)(b)?", "^x", "[", "(?i)FOO", r"\\d+", "", ".", "a|b", "(?P<n>o+)", "ä", r"\\bfoo\\b", "a{2,3}", "(", r"\\x", "(?s).*", "[[:alpha:]]+", r"\\pL+", r"\\p{Greek}", "a*?", "(?m)^.$", "[^a-c]",
    "(?U)a+", "a{1001}", "x**", r"\\Qa.b\\E", "(?<n>a)", "(?P<n>a)(?P<n>b)", "[z-a]", r"\\C", "(|a)*", r"[\\d\\-x]", "$", "^", r"\\z", r"\\Z", r"\\1", "a**", "(?z)", "[a", r"\\", "é?", "[äöü]+",
];

pub const VERSIONS: &[&str] = &[
    "1.2.3", "v1.2.3", "1.2", "1", "0.0.0", "0.0.1", "0.2.3", "1.2.3-alpha", "1.2.3-alpha.1", "1.2.3-1", "1.2.3-01", "1.2.3+b", "1.2.3-rc.1+b.2", "2.0.0", "1.34.0-gke.1", "01.2.3", "1.2.3.4", "1.x", "",
    " 1.2.3", "1.2.3-", "1.2.3-a..b", "99999999999999999999.0.0", "V1.2.3", "1.2.3--",
];

pub const RANGES: &[&str] = &[
    "1.2.3", "!=1.2.3", ">1.2", "<1", ">=1.2.3", "=>1.2", "<=1.x", "~1.2", "~>1.2", "~0", "^1.2.3", "^0.2", "^0.0.1", "*", "x", "1.x", "", "bad", ">=1.2-0", ">=1.2.3-alpha <2", "1 - 2", "1.2.3 - 1.4",
    "<1 || >1.2", "||", ">=1.2, <1.4", ">=1.2 <1.4", ">=1.2,,<1.4", "v1.2", ">1.2.3.4", "1.2.3+b", "^1.2.3-beta", "!=1.x", "> 1.2 , < 2", ">=1.20.0-0", "^*", "~1.2.3-alpha", "=1", "<= 1.2",
];

pub const URLS: &[&str] = &[
    "", "a", "/a b", "http://h", "HTTP://H.Example:80/p", "http://u@h", "http://u:p@h:1/x?y=z#f", "//h/p", "a:b", "a:?q", "?q", "#f", "/%41", "/%zz", "http://[::1]:80/", "http://[::1", "http://h:x", "mailto:a@b.c",
    "http://hä/", "http://a b/", "data:,x%20y", "http://h/a%2Fb", "1http://x", ":x", "oci://r.example/x:1@sha256:ab",
];

/// Words that YAML reads as something else than a string, or that must be quoted.
pub const SCALARS: &[&str] = &[
    "", "~", "null", "Null", "true", "yes", "No", "on", "Off", "y", "N", "1", "-1", "+1", "007", "0o7", "08", "0x1F", "0b11", "1_000", "1.5", ".5", "1.", "1e3", "1E+3", "-.inf", ".NaN", ".nan", "1:20", "190:20:30",
    "2024-01-01", "2024-01-01T00:00:00Z", "2024-1-1 1:2:3", "=", "<<", "-", "- a", "a: b", "a:b", ":a", "a #b", "#a", "@a", "`a", "%a", "!a", "&a", "*a", "[a", "a]", "{a", "a}", ",a", "'a'", "\"a\"", "a'b", "a\"b", "|", ">", "|-",
    "?", "? a", " a", "a ", "a\nb", "a\n", "\na", "a\n\nb\n", "a\tb", "\ta", "é", "日本", "😀", "a\\b", "---", "--- a", "...", "0xg", "1e", "1.2.3", "12e03", "0.1e-5", "9007199254740993", "18446744073709551615", "18446744073709551616",
    "-9223372036854775808", "123456789012345678901234567890", "1e1000", "a: ", "!!str", "\u{85}", "\u{2028}", "\u{feff}x", "\u{7f}", "\u{1}", "a long text of many words that goes on and on over more than eighty columns of width, as folding would",
    "a\n  b\n", "  a\nb", "x: |\n  y", "a\r\nb", "0_1", "_1", "1_", "0.0", "-0", "-0.0", "1e-7", "1e21", "123456789.125", "null ", "{{ x }}", "TRUE", "tRue", "NULL", ".Inf", "+.inf", "0777", "-0x1", "0o8", "1__0", "infinity", "nan",
];
