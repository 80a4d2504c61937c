//! Random calls of every function: mostly of the right types, often not, sometimes too many or too few arguments.

use super::{Case, Random, words::*};
use windlass::template::funcs::{self, FuncDef};

/// Functions whose result depends on chance, time or the network, or that take long.
const OTHERWISE_TESTED: &[&str] = &[
    "ago", "bcrypt", "buildCustomCert", "derivePassword", "encryptAES", "genCA", "genCAWithKey", "genPrivateKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert",
    "genSignedCertWithKey", "getHostByName", "htmlDate", "htpasswd", "now", "randAlpha", "randAlphaNum", "randAscii", "randBytes", "randInt", "randNumeric", "shuffle", "uuidv4",
];

/// Functions that would build something huge of a big number.
const SIZED: &[&str] = &["repeat", "indent", "nindent", "until", "untilStep", "seq", "chunk", "mustChunk", "wrap", "wrapWith", "trunc", "substr", "abbrev", "abbrevboth"];

/// Go's own, and Helm's late ones: name, parameters (`…` repeats the last).
const OWN: &[(&str, &[&str])] = &[
    ("and", &["any", "any", "…"]), ("or", &["any", "any", "…"]), ("not", &["any"]), ("len", &["any"]), ("index", &["any", "any", "…"]), ("html", &["any", "…"]), ("js", &["any", "…"]),
    ("urlquery", &["any", "…"]), ("print", &["any", "any", "…"]), ("println", &["any", "any", "…"]), ("eq", &["any", "any", "…"]), ("ne", &["any", "any"]), ("lt", &["any", "any"]), ("le", &["any", "any"]),
    ("gt", &["any", "any"]), ("ge", &["any", "any"]), ("call", &["any", "…"]), ("include", &["template", "any"]), ("tpl", &["text", "any"]), ("required", &["string", "any"]), ("fail", &["string"]),
    ("slice", &["any", "any", "…"]),
];

/// A random expression maker over the values of the little chart.
pub struct Maker<'r> {
    pub random: &'r mut Random,
    /// Variables in sight.
    pub vars: Vec<String>,
}

fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if (c as u32) < 32 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c == '\u{feff}' || c == '\u{2028}' || c == '\u{85}' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A Go string literal.
pub fn quoted(text: &str) -> String {
    literal(text)
}

impl<'r> Maker<'r> {
    pub fn new(random: &'r mut Random) -> Self {
        Maker { random, vars: Vec::new() }
    }

    fn pick(&mut self, from: &[&str]) -> String {
        self.random.pick(from).to_owned()
    }

    /// A piece of text that something cares about, as a literal.
    pub fn text(&mut self) -> String {
        match self.random.below(20) {
            0..=11 => self.pick(TEXTS),
            12..=15 => literal(self.random.pick(SCALARS)),
            16 => literal(self.random.pick(URLS)),
            17 => literal(self.random.pick(VERSIONS)),
            18 => {
                let parts: Vec<&str> = (0..self.random.below(4)).map(|_| self.random.pick(SCALARS)).collect();
                let joint = self.random.pick(&["", " ", "-", "\n", ",", "_", ".", "/"]);
                literal(&parts.join(joint))
            }
            _ => literal(&super::documents::document(self.random)),
        }
    }

    /// An expression for a parameter of this type of the function.
    fn argument(&mut self, function: &str, at: usize, ty: &str, depth: usize) -> String {
        if self.random.chance(4) {
            return self.any(depth);
        }
        if let Some(special) = self.special(function, at, ty) {
            return special;
        }
        if depth > 0 && self.random.chance(35) {
            return self.of_type(ty, depth);
        }
        match ty {
            "string" => self.text(),
            "int" | "int64" | "uint32" if SIZED.contains(&function) => self.pick(SMALL),
            "int" | "int64" | "uint32" => self.pick(INTS),
            "float64" => self.pick(FLOATS),
            "bool" => self.pick(FLAGS),
            "map[string]interface {}" => self.pick(MAPS),
            "[]interface {}" => self.pick(LISTS),
            "time.Time" => self.pick(DATES),
            "template" => self.pick(&["\"name\"", "\"dot\"", "\"json\"", "\"fails\"", "\"bad\"", "\"nested\"", "\"none\"", "\"with space\"", "\"c/templates/_h.tpl\"", "\"\"", "\"loop\""]),
            _ => self.any(depth),
        }
    }

    /// Where only certain texts lead anywhere.
    fn special(&mut self, function: &str, at: usize, ty: &str) -> Option<String> {
        let plain = function.trim_start_matches("must").trim_start_matches('_').to_lowercase();
        let chance = self.random.chance(80);
        Some(match (plain.as_str(), at, ty) {
            _ if !chance => return None,
            ("semver", 0, _) | ("semvercompare", 1, _) => literal(self.random.pick(VERSIONS)),
            ("semvercompare", 0, _) => literal(self.random.pick(RANGES)),
            ("urlparse", 0, _) => literal(self.random.pick(URLS)),
            ("fromyaml" | "fromyamlarray", 0, _) => literal(&super::documents::document(self.random)),
            ("fromjson" | "fromjsonarray", 0, _) => literal(&super::documents::json_text(self.random)),
            ("fromtoml", 0, _) => literal(&super::documents::toml_text(self.random)),
            ("date" | "dateinzone" | "date_in_zone" | "todate", 0, _) => literal(self.random.pick(LAYOUTS)),
            ("todate", 1, _) => literal(self.random.pick(&["2024-02-29", "2024-02-30", "13:14", "Mon Jan 2 15:04:05 UTC 2006", "1 2 3", "20240229", "2024-02-29T13:14:15+02:00", ""])),
            ("date", 1, _) | ("dateinzone" | "date_in_zone", 1, _) | ("htmldateinzone", 0, _) => self.pick(&[DATES[0], DATES[1], DATES[2], "0", "(int64 1700000000)", "(int64 -5)", DATES[6]]),
            ("dateinzone" | "date_in_zone", 2, _) | ("htmldateinzone", 1, _) => literal(self.random.pick(&["UTC", "Europe/Berlin", "", "Local", "America/New_York", "nope", "Asia/Kolkata"])),
            ("datemodify" | "date_modify" | "toduration" | "duration" | "durationround", 0, _) => literal(self.random.pick(&["1h", "-1h30m", "+24h", "bad", "1.5s", "100ms", "", "5", "1d", "9223372036854775807ns", "1µs"])),
            (name, 0, _) if name.starts_with("regex") => format!("\"{}\"", self.random.pick(PATTERNS)),
            ("dig", at, _) if at < 2 => self.pick(&[r#""a""#, r#""b""#, r#""x""#, r#""c""#]),
            ("get" | "haskey" | "unset", 1, _) | ("set", 1, _) | ("pluck", 0, _) => self.pick(&[r#""a""#, r#""b""#, r#""é""#, r#""x""#, r#""""#]),
            ("pick" | "omit", _, "string") => self.pick(&[r#""a""#, r#""b""#, r#""x""#, r#""k""#]),
            ("kindis", 0, _) => literal(self.random.pick(&["map", "slice", "string", "float64", "int", "invalid", "bool", "ptr", "struct"])),
            ("typeis" | "typeislike", 0, _) => literal(self.random.pick(&["string", "float64", "int", "[]interface {}", "map[string]interface {}", "*semver.Version", "semver.Version", "chart.Metadata"])),
            ("round", 1, _) => self.pick(SMALL),
            ("tpl", 0, _) => self.pick(&[
                ".Values.tpl", ".Values.badtpl", ".Values.failtpl", "\"{{ . }}\"", "\"{{ .a }}\\n{{ .b.c }}\"", "\"{{ define \\\"name\\\" }}x{{ end }}{{ include \\\"name\\\" . }}\"",
                "\"{{ template \\\"name\\\" $ }}\"", "\"{{ include \\\"bad\\\" . }}\"", "\"{{\"", "\"{{ nope }}\"", "\"{{ tpl \\\"{{ .x.y }}\\\" . }}\"", "\"{{ .Template.Name }}\"", "\"{{ $x := 1 }}{{ $x }}\"",
                "\"{{ $y }}\"", "\"{{ break }}\"", "\"a\\n\\n{{ fail \\\"deep\\\" }}\"", "\"{{ required \\\"m\\\" nil }}\"", "\"{{ include \\\"nested\\\" . }}\"", "\"{{ include \\\"name\\\" . }}\"",
            ]),
            ("append" | "push" | "prepend" | "first" | "last" | "rest" | "initial" | "uniq" | "without" | "reverse" | "compact" | "sortalpha" | "slice", 0, _)
            | ("has" | "chunk" | "join", 1, _)
            | ("concat", _, _) => self.pick(LISTS),
            ("urljoin", 0, _) => {
                let mut made = String::from("(dict");
                for key in ["scheme", "host", "path", "query", "opaque", "fragment", "userinfo"] {
                    if self.random.chance(35) {
                        made += &format!(" \"{key}\" {}", self.pick(&[r#""a""#, r#""/p""#, r#""a b""#, r#""h:80""#, r#""""#, r#""u:p""#, r#""x/y""#, r#""ä""#, "1"]));
                    }
                }
                made + ")"
            }
            _ => return None,
        })
    }

    /// Any expression.
    pub fn any(&mut self, depth: usize) -> String {
        if depth > 0 && self.random.chance(30) {
            return format!("({})", self.call(depth - 1));
        }
        if !self.vars.is_empty() && self.random.chance(25) {
            return self.vars[self.random.below(self.vars.len())].clone();
        }
        match self.random.below(9) {
            0 | 1 => self.text(),
            2 => self.pick(INTS),
            3 => self.pick(FLOATS),
            4 => self.pick(FLAGS),
            5 => self.pick(LISTS),
            6 => self.pick(MAPS),
            7 => self.pick(SMALL),
            _ => self.pick(OTHERS),
        }
    }

    /// A call whose result has the type.
    fn of_type(&mut self, ty: &str, depth: usize) -> String {
        let fitting: Vec<&FuncDef> = tested().filter(|def| def.result.name() == ty).collect();
        if fitting.is_empty() {
            return self.any(depth);
        }
        let def = fitting[self.random.below(fitting.len())];
        format!("({})", self.call_of(def, depth - 1))
    }

    /// A call of any function.
    pub fn call(&mut self, depth: usize) -> String {
        if self.random.chance(18) {
            let (name, params) = OWN[self.random.below(OWN.len())];
            return self.call_with(name, params, depth);
        }
        let all: Vec<&FuncDef> = tested().collect();
        let def = all[self.random.below(all.len())];
        self.call_of(def, depth)
    }

    fn call_of(&mut self, def: &FuncDef, depth: usize) -> String {
        let mut params: Vec<&str> = def.params.iter().map(|ty| ty.name()).collect();
        if def.variadic {
            params.push("…");
        }
        self.call_with(def.name, &params, depth)
    }

    fn call_with(&mut self, name: &str, params: &[&str], depth: usize) -> String {
        let mut fixed: Vec<&str> = params.to_vec();
        if fixed.last() == Some(&"…") {
            fixed.pop();
            let last = fixed.pop().unwrap_or("any");
            for _ in 0..self.random.below(4) {
                fixed.push(last);
            }
        }
        match self.random.below(40) {
            0 => drop(fixed.pop()),
            1 => fixed.push("any"),
            _ => {}
        }
        let args: Vec<String> = (0..fixed.len()).map(|at| self.argument(name, at, fixed[at], depth)).collect();
        match args.split_last() {
            Some((last, rest)) if self.random.chance(25) => {
                let rest: String = rest.iter().map(|arg| format!(" {arg}")).collect();
                format!("{last} | {name}{rest}")
            }
            _ => args.iter().fold(name.to_owned(), |text, arg| format!("{text} {arg}")),
        }
    }
}

fn tested() -> impl Iterator<Item = &'static FuncDef> {
    funcs::all().iter().copied().filter(|def| !OTHERWISE_TESTED.contains(&def.name))
}

/// Shows a call's result: with its type, or as JSON, which tells nil from empty.
fn shown(random: &mut Random, call: &str) -> String {
    let form = random.below(6);
    // `keys` and `values` are in Go's random order.
    if call.contains("keys ") || call.contains("| keys") {
        return format!("v: {{{{ ({call}) | sortAlpha }}}}");
    }
    if call.contains("values ") || call.contains("| values") {
        return format!("v: {{{{ len ({call}) }}}}");
    }
    match form {
        0 | 1 => format!("v: {{{{ printf \"%v %T\" ({call}) ({call}) | quote }}}}"),
        2 => format!("v: {{{{ {call} | toJson | squote }}}}"),
        3 => format!("v:\n  {{{{- {call} | toYaml | nindent 2 }}}}"),
        4 => format!("v: {{{{ printf \"%#v\" ({call}) | quote }}}}"),
        _ => format!("v: {{{{ {call} }}}}"),
    }
}

/// One function with plain arguments.
pub fn function(random: &mut Random) -> Case {
    let call = Maker::new(random).call(0);
    Case::snippet(shown(random, &call), Vec::new())
}

/// Functions of functions.
pub fn nested(random: &mut Random) -> Case {
    let call = Maker::new(random).call(2);
    Case::snippet(shown(random, &call), Vec::new())
}

/// Fields and methods of what Helm gives to templates.
pub fn method(random: &mut Random) -> Case {
    let path = random.pick(&[
        ".Files.Get", ".Files.Glob", ".Files.Lines", ".Files.GetBytes", "(.Files.Glob \"files/**\").AsConfig", "(.Files.Glob \"files/*.txt\").AsSecrets", ".Files.AsConfig", "(.Files.Glob \"**.yaml\").Get",
        ".Capabilities.APIVersions.Has", ".Capabilities.KubeVersion.Version", ".Capabilities.KubeVersion.Major", ".Capabilities.KubeVersion.Minor", ".Capabilities.KubeVersion.GitVersion",
        ".Capabilities.KubeVersion", ".Capabilities.HelmVersion.Version", ".Capabilities.HelmVersion", ".Capabilities.KubeVersion.String", ".Chart.Maintainers", ".Chart.Validate", ".Chart.name", ".Chart.Nope", ".Chart.IsRoot", ".Chart.Type",
        ".Chart.Dependencies", ".Chart.Sources", ".Chart.Deprecated", ".Chart.Keywords", ".Chart.Annotations.x", ".Chart.Icon", ".Release.Nope", ".Release.IsUpgrade", ".Release.Revision", ".Template.Nope", ".Subcharts.x", ".Values.AsMap",
        ".Values.Table", ".Values.PathValue", ".Values.YAML", ".Values.Encode", "(semver \"1.2.3-a+b\").Major", "(semver \"1.2.3\").Compare", "(semver \"1.2.3\").IncMinor", "(semver \"1.2.3\").Prerelease",
        "(toDate \"2006-01-02\" \"2024-02-29\").Year", "(toDate \"2006-01-02\" \"2024-02-29\").Format", "(toDate \"2006-01-02\" \"2024-02-29\").AddDate", "(toDate \"2006-01-02\" \"2024-02-29\").Weekday", "(toDate \"2006-01-02\" \"2024-02-29\").Unix",
        "(toDate \"2006-01-02\" \"2024-02-29\").YearDay", "(toDate \"2006-01-02\" \"2024-02-29\").IsZero", "(toDate \"2006-01-02\" \"2024-02-29\").Month", "(mustToDuration \"90m\").Hours", "(mustToDuration \"90m\").String", "(mustToDuration \"90m\").Round",
        ".Values.map.a.b", ".Values.list.x", ".Values.str.x", ".Values.int.x", ".Values.none.x", ".Values.missing.x.y", ".Values.nested.a.b.c", "$.Values.map", ".Nope", ".Values.map.key", "(index .Chart.Maintainers 0).Name", ".Files.Nope", ".Values.mixed",
        ".Chart.APIVersion", ".Chart.AppVersion", ".Chart.KubeVersion", ".Chart.Home", ".Chart.Condition", ".Chart.Tags", ".Release.Namespace", ".Template.Name", ".Template.BasePath", ".Chart.Metadata", ".Chart.Version.Major",
    ]);
    let mut call = path.to_owned();
    let mut maker = Maker::new(random);
    for _ in 0..[0, 0, 1, 1, 2][maker.random.below(5)] {
        let arg = match maker.random.below(4) {
            0 => maker.any(1),
            1 => maker.random.pick(&["\"files/a.txt\"", "\"files/**\"", "\"nope\"", "\"*\"", "\"[\"", "\"{files/a,x}.txt\""]).to_owned(),
            2 => maker.random.pick(&["\"v1\"", "\"apps/v1\"", "\"apps/v1/Deployment\"", "\"x/v1\"", "\"1.2.3\""]).to_owned(),
            _ => maker.text(),
        };
        call = format!("{call} {arg}");
    }
    Case::snippet(shown(random, &call), Vec::new())
}

/// `printf` with every verb and flag for every type.
pub fn printf(random: &mut Random) -> Case {
    let mut format = String::new();
    for _ in 0..1 + random.below(2) {
        format.push_str(random.pick(&["", "x", " "]));
        format.push('%');
        for _ in 0..random.below(3) {
            format.push_str(random.pick(&["+", "-", "#", " ", "0"]));
        }
        if random.chance(8) {
            format.push_str(random.pick(&["[1]", "[2]", "[3]", "[x]", "[", "[0]", "[-1]"]));
        }
        if random.chance(35) {
            format.push_str(random.pick(&["5", "12", "1", "*", "20", "03"]));
        }
        if random.chance(30) {
            format.push_str(random.pick(&[".", ".0", ".2", ".7", ".*", ".25"]));
        }
        format.push_str(random.pick(&["v", "v", "s", "d", "q", "x", "X", "T", "t", "c", "U", "e", "E", "f", "F", "g", "G", "b", "o", "O", "%", "z", "!", "w", "é", "", "p", "k"]));
    }
    let mut maker = Maker::new(random);
    let args: String = (0..maker.random.below(4)).map(|_| format!(" {}", maker.any(1))).collect();
    Case::snippet(format!("v: {{{{ printf {}{args} | quote }}}}", literal(&format)), Vec::new())
}

/// Regular expressions on texts.
pub fn regex(random: &mut Random) -> Case {
    let pattern = super::regexes::pattern(random, 3);
    let text = super::regexes::subject(random);
    let (pattern, text) = (literal(&pattern), literal(&text));
    let must = if random.chance(50) { "mustRegex" } else { "regex" };
    let count = random.pick(&["-1", "-1", "0", "1", "2"]);
    let call = match random.below(6) {
        0 => format!("{must}Match {pattern} {text}"),
        1 => format!("{must}Find {pattern} {text}"),
        2 => format!("{must}FindAll {pattern} {text} {count}"),
        3 => format!("{must}ReplaceAll {pattern} {text} {}", random.pick(&["\"<$0>\"", "\"${1}$n\"", "\"$1x ${2} $$\"", "\"\"", "\"$\"", "\"${\"", "\"$é\""])),
        4 => format!("{must}ReplaceAllLiteral {pattern} {text} \"<$1>\""),
        _ => format!("{must}Split {pattern} {text} {count}"),
    };
    Case::snippet(format!("v: {{{{ {call} | toJson | squote }}}}"), Vec::new())
}
