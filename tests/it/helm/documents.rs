//! Random YAML, JSON and TOML, values files and `--set` texts.

use super::{Case, Random, expressions::quoted, words::SCALARS};

/// A random YAML document, often a good one.
pub fn document(random: &mut Random) -> String {
    let mut out = String::new();
    if random.chance(6) {
        out.push_str(random.pick(&["---\n", "%YAML 1.1\n---\n", "# c\n", "%TAG ! !x\n---\n", "\u{feff}", "--- ", "...\n", "\n\n"]));
    }
    node(random, 0, 0, &mut out);
    if random.chance(6) {
        out.push_str(random.pick(&["\n...\n", "\n---\na: 1\n", "\n# end", "\n  ", "\n...\nx"]));
    }
    if random.chance(12) {
        spoil(random, &mut out);
    }
    out
}

fn spoil(random: &mut Random, text: &mut String) {
    const BYTES: &[&str] = &[":", "- ", "\n", "  ", "\t", "\"", "'", "{", "}", "[", "]", ",", "#", "&", "*", "!", "|", ">", "%", "@", "`", "?", "\\", "\u{0}", "\u{85}", "é"];
    for _ in 0..1 + random.below(2) {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let at = places[random.below(places.len())];
        if random.chance(30) && at < text.len() {
            text.remove(at);
        } else {
            text.insert_str(at, random.pick(BYTES));
        }
    }
}

fn node(random: &mut Random, depth: usize, indent: usize, out: &mut String) {
    if random.chance(8) {
        out.push_str(random.pick(&["&a ", "!!str ", "!!int ", "!!map ", "!!binary ", "!x ", "!!float ", "!!bool ", "!!null ", "!!timestamp ", "! ", "!!set ", "&b !!seq ", "!<tag:yaml.org,2002:int> "]));
    }
    match random.below(if depth > 3 { 4 } else { 10 }) {
        0..=3 => scalar(random, indent, out),
        4..=6 => {
            let pad = " ".repeat(indent);
            for at in 0..1 + random.below(4) {
                out.push_str(if at == 0 && depth == 0 { "" } else { "\n" });
                out.push_str(if at == 0 && depth == 0 { "" } else { &pad });
                key(random, out);
                out.push_str(random.pick(&[":", ":", ":", ": ", " : "]));
                out.push(' ');
                let deeper = indent + 1 + random.below(3);
                node(random, depth + 1, deeper, out);
                if random.chance(5) {
                    out.push_str(random.pick(&[" # c", "#c", "\n\n", " \t", "\n# c"]));
                }
            }
        }
        7 | 8 => {
            let pad = " ".repeat(indent);
            for at in 0..1 + random.below(4) {
                out.push_str(if at == 0 && depth == 0 { "" } else { "\n" });
                out.push_str(if at == 0 && depth == 0 { "" } else { &pad });
                out.push_str(random.pick(&["- ", "- ", "- ", "-   ", "-"]));
                let deeper = indent + 2;
                if random.chance(20) {
                    // A compact map in a list.
                    for at in 0..1 + random.below(2) {
                        out.push_str(&if at == 0 { String::new() } else { format!("\n{}", " ".repeat(indent + 2)) });
                        key(random, out);
                        out.push_str(": ");
                        scalar(random, deeper + 2, out);
                    }
                } else {
                    node(random, depth + 1, deeper, out);
                }
            }
        }
        _ => flow(random, 0, out),
    }
}

fn key(random: &mut Random, out: &mut String) {
    match random.below(12) {
        0..=6 => out.push_str(random.pick(&["a", "b", "c", "k", "x-y", "name", "a"])),
        7 => out.push_str(random.pick(&["1", "true", "null", "~", "1.5", "<<", "\"q\"", "'s'", "0x1", "1e3", ".nan", "2024-01-01", "=", "no", "010"])),
        8 => out.push_str(random.pick(&["? a\n", "[a]", "{a: b}", "*a", "&k a", "!!str 1", "? ", "- a"])),
        9 => out.push_str("<<"),
        _ => out.push_str(random.pick(SCALARS)),
    }
}

fn scalar(random: &mut Random, indent: usize, out: &mut String) {
    match random.below(12) {
        0..=4 => out.push_str(random.pick(SCALARS)),
        5 | 6 => out.push_str(random.pick(&["1", "x", "true", "null", "a b", "1.5", "''", "\"\"", "[]", "{}", "*a", "*b", ""])),
        7 => {
            out.push('"');
            for _ in 0..random.below(5) {
                out.push_str(random.pick(&["a", " ", "\\n", "\\t", "\\\"", "\\x41", "\\u00e9", "\\U0001F600", "\\/", "\\0", "\\e", "\\N", "\\_", "\\L", "\\P", "\\\n  ", "\n ", "\n\n", "é", "#", ": ", "\\q", "\\ud83d\\ude00", "\\ud800", "  ", "\\ "]));
            }
            out.push('"');
        }
        8 => {
            out.push('\'');
            for _ in 0..random.below(5) {
                out.push_str(random.pick(&["a", " ", "''", "\\n", "\n ", "\n\n", "é", "#", ": ", "\"", "  "]));
            }
            out.push('\'');
        }
        9 | 10 => {
            out.push_str(random.pick(&["|", ">", "|-", ">-", "|+", ">+", "|2", ">1-", "|0", "|-2", "| # c", ">\t", "|x", "|10"]));
            for _ in 0..random.below(5) {
                out.push('\n');
                let deeper = (indent + 1 + random.below(3)).saturating_sub(usize::from(random.chance(5)));
                out.push_str(&" ".repeat(deeper));
                out.push_str(random.pick(&["a", "b c", "", "# no comment", "- x", "k: v", "\t", "é  ", " more", "", "a long text of many words that goes on and on over more than eighty columns of width, as folding does"]));
            }
            out.push_str(random.pick(&["", "\n", "\n\n", "\n \n"]));
        }
        _ => {
            for _ in 0..1 + random.below(3) {
                out.push_str(random.pick(&["a", "b c", "1", "#x", "a #x", ":", "a:", "-", "é", "\\n"]));
                out.push_str(&random.pick(&[" ", "\n", "\n\n", "  "]).replace('\n', &format!("\n{}", " ".repeat(indent + 1))));
            }
        }
    }
}

fn flow(random: &mut Random, depth: usize, out: &mut String) {
    if depth > 2 || random.chance(40) {
        out.push_str(random.pick(&["1", "a", "\"q\"", "'s'", "null", "true", "", "a b", "*a", "&a x", "!!str 1", "1.5", "~", "-1", "a:b", "\"a\":1", "- a", "http://x", "a#b", "a #b"]));
        return;
    }
    let map = random.chance(50);
    out.push(if map { '{' } else { '[' });
    for at in 0..random.below(4) {
        out.push_str(if at > 0 { random.pick(&[", ", ",", ",\n  ", " , "]) } else { "" });
        if map || random.chance(10) {
            out.push_str(random.pick(&["a", "b", "\"c\"", "1", "? a", "", "<<", "[x]", "*a"]));
            out.push_str(random.pick(&[": ", ": ", ":", " : ", ""]));
        }
        flow(random, depth + 1, out);
    }
    out.push_str(random.pick(&["", "", "", ",", " ", "\n "]));
    let close = if random.chance(3) { "" } else if map { "}" } else { "]" };
    out.push_str(close);
}

/// A random JSON text, often a good one.
pub fn json_text(random: &mut Random) -> String {
    let mut out = String::new();
    json_node(random, 0, &mut out);
    if random.chance(15) {
        spoil(random, &mut out);
    }
    out
}

fn json_node(random: &mut Random, depth: usize, out: &mut String) {
    out.push_str(random.pick(&["", "", "", " ", "\n", "\t"]));
    match random.below(if depth > 3 { 5 } else { 9 }) {
        0 => out.push_str(random.pick(&["null", "true", "false", "nul", "True", "NaN", ""])),
        1 | 2 => out.push_str(random.pick(&["0", "1", "-1", "1.5", "1e3", "1E-7", "-0", "0.1e+2", "12345678901234567890", "9007199254740993", "1e400", "01", "+1", "1.", ".5", "0x1", "1e", "-", "123456789.125", "1.0", "1e21"])),
        3 | 4 => string(random, out),
        5 | 6 => {
            out.push('{');
            for at in 0..random.below(4) {
                out.push_str(if at > 0 { "," } else { "" });
                string(random, out);
                out.push_str(random.pick(&[":", ": ", " :", ":"]));
                json_node(random, depth + 1, out);
            }
            out.push_str(random.pick(&["}", "}", "}", "}", ",}", ""]));
        }
        _ => {
            out.push('[');
            for at in 0..random.below(4) {
                out.push_str(if at > 0 { "," } else { "" });
                json_node(random, depth + 1, out);
            }
            out.push_str(random.pick(&["]", "]", "]", "]", ",]", ""]));
        }
    }
    out.push_str(random.pick(&["", "", "", " ", "\n"]));
}

fn string(random: &mut Random, out: &mut String) {
    out.push('"');
    for _ in 0..random.below(4) {
        out.push_str(random.pick(&["a", "b", "k", " ", "\\n", "\\\"", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "\\/", "\\x", "é", "<&>", "\\u2028", "\u{2028}", "\n", "\\b\\f", "\u{7f}", "\t"]));
    }
    out.push('"');
}

/// A random TOML text, often a good one.
pub fn toml_text(random: &mut Random) -> String {
    let mut out = String::new();
    for _ in 0..1 + random.below(4) {
        match random.below(6) {
            0 => out.push_str(random.pick(&["[t]\n", "[t.u]\n", "[[l]]\n", "[ t . \"u v\" ]\n", "[[t]]\n", "[]\n", "[t\n", "[[l.m]]\n", "# c\n", "[a]\n"])),
            _ => {
                out.push_str(random.pick(&["a", "b", "c.d", "\"q k\"", "'s'", "1", "a-b", "a_b", "é", "", "a.b.c", "a . b", "\"\""]));
                out.push_str(random.pick(&[" = ", "=", " =", " "]));
                toml_value(random, 0, &mut out);
                out.push_str(random.pick(&["\n", "\n", " # c\n", "", "\r\n"]));
            }
        }
    }
    if random.chance(8) {
        spoil(random, &mut out);
    }
    out
}

fn toml_value(random: &mut Random, depth: usize, out: &mut String) {
    match random.below(if depth > 2 { 6 } else { 8 }) {
        0 | 1 => out.push_str(random.pick(&["1", "+1", "-0", "0x1F", "0o17", "0b11", "1_000", "01", "1__0", "9223372036854775808", "_1", "0X1", "1e3", "1.5", "1.", ".5", "-1.5e-7", "inf", "-nan", "+inf", "1e1_0", "1_e1", "true", "false", "True"])),
        2 | 3 => out.push_str(random.pick(&["\"\"", "\"a\\nb\"", "'a\\n'", "\"\"\"\na\n\"\"\"", "'''\na'b'''", "\"\\u00e9\\U0001F600\"", "\"\\q\"", "\"a", "\"\"\"a\\\n  b\"\"\"", "\"\\x41\"", "\"\\e\"", "'é'", "\"\"\"a\"\"\"\"", "\"\t\""])),
        4 | 5 => out.push_str(random.pick(&["2024-02-29", "2024-02-29T13:14:15Z", "2024-02-29 13:14:15.123+02:00", "13:14:15", "2024-02-29T13:14", "2024-02-30", "13:14", "2024-02-29t13:14:15z", "2024-2-9", "25:00:00"])),
        6 => {
            out.push('[');
            for at in 0..random.below(4) {
                out.push_str(if at > 0 { random.pick(&[", ", ",", ",\n", " , # c\n"]) } else { "" });
                toml_value(random, depth + 1, out);
            }
            out.push_str(random.pick(&["]", "]", ",]", "\n]", ""]));
        }
        _ => {
            out.push('{');
            for at in 0..random.below(3) {
                out.push_str(if at > 0 { ", " } else { "" });
                out.push_str(random.pick(&["a", "b", "c.d", "\"q\"", "a.b"]));
                out.push_str(" = ");
                toml_value(random, depth + 1, out);
            }
            out.push_str(random.pick(&["}", "}", "}", ", }", "\n}", ""]));
        }
    }
}

fn shown(random: &mut Random, call: &str) -> String {
    match random.below(5) {
        0 => format!("v: {{{{ {call} | toJson | squote }}}}"),
        1 => format!("v:\n  {{{{- {call} | toYaml | nindent 2 }}}}"),
        2 => format!("v: {{{{ {call} | toYamlPretty | quote }}}}"),
        3 => format!("v: {{{{ printf \"%v %T\" ({call}) ({call}) | quote }}}}"),
        _ => format!("v: {{{{ {call} | toToml | quote }}}}"),
    }
}

/// YAML texts in templates.
pub fn yaml(random: &mut Random) -> Case {
    let text = quoted(&document(random));
    let function = random.pick(&["fromYaml", "fromYaml", "fromYamlArray"]);
    let template = shown(random, &format!("{function} {text}"));
    Case::snippet(template, Vec::new())
}

/// JSON texts in templates.
pub fn json(random: &mut Random) -> Case {
    let text = quoted(&json_text(random));
    let function = random.pick(&["fromJson", "fromJsonArray", "mustFromJson", "mustFromJson"]);
    let template = shown(random, &format!("{function} {text}"));
    Case::snippet(template, Vec::new())
}

/// TOML texts in templates.
pub fn toml(random: &mut Random) -> Case {
    let text = quoted(&toml_text(random));
    let template = shown(random, &format!("fromToml {text}"));
    Case::snippet(template, Vec::new())
}

/// A values file.
pub fn values(random: &mut Random) -> Case {
    let mut case = Case::snippet("v: {{ omit .Values \"tpl\" | toJson | quote }}\n# {{ range $k, $v := .Values }}{{ printf \"%q %T \" $k $v }}{{ end }}".to_owned(), Vec::new());
    for name in ["one.yaml", "two.yaml"] {
        let text = match random.below(10) {
            0..=6 => {
                let mut text = String::new();
                for _ in 0..1 + random.below(3) {
                    text.push_str(random.pick(&["z", "int", "map", "nested", "list", "none", "a", "global"]));
                    text.push_str(": ");
                    node(random, 1, 2, &mut text);
                    text.push('\n');
                }
                text
            }
            7 => json_text(random),
            _ => document(random),
        };
        case.files.push((name.to_owned(), text.into_bytes()));
        case.args.extend(["-f".to_owned(), name.to_owned()]);
        if random.chance(60) {
            break;
        }
    }
    case
}

fn set_key(random: &mut Random, out: &mut String) {
    for at in 0..1 + random.below(3) {
        out.push_str(if at > 0 { random.pick(&[".", ".", ".", "..", "\\."]) } else { "" });
        out.push_str(random.pick(&["a", "b", "map", "nested", "list", "mixed", "int", "x y", "é", "", "a-b", "none", "str", "\\,", "a\\=b"]));
        while random.chance(18) {
            out.push_str(random.pick(&["[0]", "[1]", "[3]", "[-1]", "[x]", "[", "[]", "[0", "[65537]", "[0][1]", "]", "[ 1 ]", "[+1]"]));
        }
    }
}

fn set_value(random: &mut Random, out: &mut String) {
    if random.chance(20) {
        out.push('{');
        for at in 0..random.below(4) {
            out.push_str(if at > 0 { "," } else { "" });
            out.push_str(random.pick(SCALARS));
        }
        out.push_str(random.pick(&["}", "}", "}", "", "}x", "},"]));
    } else {
        out.push_str(random.pick(SCALARS));
        if random.chance(15) {
            out.push_str(random.pick(&["\\,x", ",", "\\", "\\\\", "=y", "[0]", ".z", "\\n", "{", "}"]));
        }
    }
}

/// `--set` and its kin.
pub fn set(random: &mut Random) -> Case {
    let mut args = Vec::new();
    let mut files = Vec::new();
    for _ in 0..1 + random.below(3) {
        let flag = random.pick(&["--set", "--set", "--set", "--set-string", "--set-json", "--set-literal", "--set-file"]);
        let mut text = String::new();
        for at in 0..1 + random.below(2) {
            text.push_str(if at > 0 { random.pick(&[",", ",", ", ", ",,"]) } else { "" });
            set_key(random, &mut text);
            text.push_str(random.pick(&["=", "=", "=", "=", "=", "", "==", " = "]));
            match flag {
                "--set-json" => json_node(random, 1, &mut text),
                "--set-file" => text.push_str(random.pick(&["one.txt", "nope.txt", "", "one.txt,", ".", "{one.txt,two.txt}"])),
                _ => set_value(random, &mut text),
            }
        }
        if flag == "--set-json" && random.chance(20) {
            text = json_text(random);
        }
        if text.contains('\0') {
            text = text.replace('\0', "0");
        }
        if flag == "--set-file" {
            files.push(("one.txt".to_owned(), b"text\nof file\n".to_vec()));
        }
        args.extend([flag.to_owned(), text]);
    }
    let mut case = Case::snippet("v: {{ omit .Values \"tpl\" \"uni\" | toJson | quote }}\n# {{ range $k, $v := .Values }}{{ printf \"%q %T \" $k $v }}{{ end }}".to_owned(), args);
    case.files.extend(files);
    case
}

/// Values printed by every encoder.
pub fn emit(random: &mut Random) -> Case {
    let mut made = String::new();
    datum(random, 0, &mut made);
    let call = random.pick(&["toYaml", "toYamlPretty", "toJson", "toPrettyJson", "toRawJson", "toToml", "quote", "squote", "toString", "print", "printf \"%#v\"", "printf \"%+v\"", "printf \"%q\""]);
    let wrap = random.pick(&["quote", "squote", "nindent 2", "toString"]);
    Case::snippet(format!("v: {{{{ {made} | {call} | {wrap} }}}}"), Vec::new())
}

fn datum(random: &mut Random, depth: usize, out: &mut String) {
    match random.below(if depth > 3 { 5 } else { 9 }) {
        0 | 1 => out.push_str(&quoted(random.pick(SCALARS))),
        2 => {
            let text: String = (0..1 + random.below(6)).map(|_| random.pick(&["a", " ", "\n", ":", "#", "'", "\"", "-", "é", "\t", "word ", "\\", "long words of text ", "😀", "\u{a0}", "{", "&", "<", "\u{e000}", "\u{fffd}"])).collect();
            out.push_str(&quoted(&text));
        }
        3 => out.push_str(random.pick(super::words::FLOATS)),
        4 => out.push_str(random.pick(&["nil", "true", "false", "1", "-5", ".Values.bigint", "\"\\xff\"", "(int64 7)", "1e21", ".Values.none", ".Values.missing", "9223372036854775807"])),
        5..=6 => {
            out.push_str("(list");
            for _ in 0..random.below(4) {
                out.push(' ');
                datum(random, depth + 1, out);
            }
            out.push(')');
        }
        _ => {
            out.push_str("(dict");
            for _ in 0..random.below(4) {
                out.push(' ');
                out.push_str(&quoted(random.pick(SCALARS)));
                out.push(' ');
                datum(random, depth + 1, out);
            }
            out.push(')');
        }
    }
}
