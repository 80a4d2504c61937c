//! Random templates: mostly well formed and well typed, often not, and sometimes with a few bytes wrong.

use super::{Case, data::Datum, random::Random};
use windlass::template::{GoType, MissingKey};

/// The case of a seed.
pub fn case(seed: u64) -> Case {
    let random = Random::new(seed);
    let mut generator = Generator { random, vars: vec!["$".into()], ranges: 0, blocks: 0, text: String::new() };
    generator.case()
}

struct Generator {
    random: Random,
    /// Variables in sight.
    vars: Vec<String>,
    ranges: usize,
    blocks: usize,
    text: String,
}

/// What an expression should be; nothing holds it to that.
#[derive(Clone, Copy, PartialEq)]
enum Want {
    Any,
    Int,
    /// A small number: a place in a list or text.
    Place,
    Text,
    List,
    Map,
    Flag,
}

const NAMES: &[&str] = &["a", "b", "a", "c/templates/_x.tpl", "ü", ""];

impl Generator {
    fn case(&mut self) -> Case {
        let mut files = Vec::new();
        for name in ["main", "other"] {
            self.text.clear();
            self.vars = vec!["$".into()];
            let items = 1 + self.random.below(6);
            self.list(0, items);
            if name == "main" || self.random.chance(20) {
                self.define();
            }
            let mut text = std::mem::take(&mut self.text).into_bytes();
            if self.random.chance(12) {
                self.spoil(&mut text);
            }
            files.push((name.to_owned(), text));
            if self.random.chance(60) {
                break;
            }
        }
        let missing_key = match self.random.below(5) {
            0 => MissingKey::Error,
            1 => MissingKey::Invalid,
            _ => MissingKey::Zero,
        };
        let data = self.data(&files);
        let execute = if self.random.chance(1) { "nobody" } else { "main" }.to_owned();
        Case { files, execute, missing_key, data }
    }

    /// Puts a few bytes wrong.
    fn spoil(&mut self, text: &mut Vec<u8>) {
        const BYTES: &[u8] = b"{}-|$.()\"`':=,@#0x1e+_ \n\t\\/*\xff\xc3";
        for _ in 0..1 + self.random.below(3) {
            let at = self.random.below(text.len() + 1);
            let byte = BYTES[self.random.below(BYTES.len())];
            match self.random.below(4) {
                0 => text.insert(at, byte),
                1 if at < text.len() => text[at] = byte,
                2 => {
                    let end = (at + 1 + self.random.below(4)).min(text.len());
                    text.drain(at.min(end)..end);
                }
                _ => text.truncate(at.max(1)),
            }
        }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn open(&mut self) {
        let mark = self.random.pick(&["{{", "{{", "{{ ", "{{ ", "{{- ", "{{-\n", "{{\n\t"]).to_owned();
        self.push(&mark);
    }

    fn close(&mut self) {
        let mark = self.random.pick(&["}}", "}}", " }}", " }}", " -}}", "\n -}}", "  -}}"]).to_owned();
        self.push(&mark);
    }

    fn list(&mut self, depth: usize, items: usize) {
        let mark = self.vars.len();
        for _ in 0..items {
            self.item(depth);
        }
        self.vars.truncate(mark);
    }

    fn item(&mut self, depth: usize) {
        match self.random.below(if depth > 3 { 8 } else { 16 }) {
            0 | 1 => {
                let text = self.random.pick(&["x", " \n", "k: v\n", "<&>", "\t  ", "é", "}}", "} { "]).to_owned();
                self.push(&text);
            }
            2..=5 => {
                self.open();
                self.pipeline(Want::Any, 2);
                self.close();
            }
            6 => self.declare(),
            7 if self.ranges > 0 && self.random.chance(50) => {
                self.open();
                let word = self.random.pick(&["break", "continue"]).to_owned();
                self.push(&word);
                self.close();
            }
            7 => {
                let comment = self.random.pick(&["{{/* c */}}", "{{- /* c\n */ -}}", "{{/*c*/ -}}"]).to_owned();
                self.push(&comment);
            }
            8..=10 => self.branch("if", depth),
            11 | 12 => self.branch("with", depth),
            13 | 14 => self.range(depth),
            _ => self.template(depth),
        }
    }

    fn declare(&mut self) {
        self.open();
        let name = if self.random.chance(30) && self.vars.len() > 1 {
            self.vars[self.random.below(self.vars.len())].clone()
        } else {
            self.random.pick(&["$x", "$y", "$z1", "$ö", "$x"]).to_owned()
        };
        let known = self.vars.contains(&name);
        let assign = if known && self.random.chance(50) || self.random.chance(3) { " = " } else { " := " };
        self.push(&name);
        self.push(assign);
        self.pipeline(Want::Any, 2);
        self.close();
        self.vars.push(name);
    }

    fn branch(&mut self, word: &str, depth: usize) {
        self.open();
        self.push(word);
        self.push(" ");
        let mark = self.vars.len();
        if self.random.chance(20) {
            self.push("$b := ");
            self.pipeline(Want::Any, 2);
            self.vars.push("$b".into());
        } else {
            let want = if word == "if" { Want::Flag } else { Want::Any };
            self.pipeline(want, 2);
        }
        self.close();
        let items = 1 + self.random.below(3);
        self.list(depth + 1, items);
        if self.random.chance(15) {
            self.open();
            self.push("else ");
            self.push(word);
            self.push(" ");
            self.pipeline(Want::Any, 1);
            self.close();
            self.list(depth + 1, 1);
        }
        self.finish(depth);
        self.vars.truncate(mark);
    }

    fn finish(&mut self, depth: usize) {
        if self.random.chance(40) {
            self.open();
            self.push("else");
            self.close();
            self.list(depth + 1, 1);
        }
        self.open();
        self.push("end");
        self.close();
    }

    fn range(&mut self, depth: usize) {
        self.open();
        self.push("range ");
        let mark = self.vars.len();
        match self.random.below(4) {
            0 => {
                self.push("$i, $e := ");
                self.vars.extend(["$i".into(), "$e".into()]);
            }
            1 => {
                self.push("$e := ");
                self.vars.push("$e".into());
            }
            2 if self.vars.len() > 1 && self.random.chance(40) => {
                let name = self.vars[self.random.below(self.vars.len())].clone();
                self.push(&name);
                if self.random.chance(50) {
                    let other = self.vars[self.random.below(self.vars.len())].clone();
                    self.push(", ");
                    self.push(&other);
                }
                self.push(" = ");
            }
            _ => {}
        }
        match self.random.below(24) {
            0 | 1 => self.push("$.st.Chan"),
            22 => {
                let methods = ["Seq", "Seq2", "NoSeq", "NoSeq2", "Seq2", "NoChan", "Closed", "Send", "Func", "Pointer.A", "Pointer.Nope"];
                let method = self.random.pick(&methods);
                self.push(&format!("$.st.{method}"));
            }
            23 => self.push("$.st.hidden"),
            2 | 3 => self.pipeline(Want::Any, 2),
            4 | 5 => self.pipeline(Want::Int, 2),
            6..=11 => self.pipeline(Want::Map, 2),
            _ => self.pipeline(Want::List, 2),
        }
        self.close();
        self.ranges += 1;
        let items = 1 + self.random.below(3);
        self.list(depth + 1, items);
        self.ranges -= 1;
        self.finish(depth);
        self.vars.truncate(mark);
    }

    fn name(&mut self) -> String {
        let name = self.random.pick(NAMES);
        if self.random.chance(10) { format!("`{name}`") } else { format!("\"{name}\"") }
    }

    fn template(&mut self, depth: usize) {
        let name = self.name();
        self.open();
        if self.random.chance(30) && self.blocks < 2 {
            self.blocks += 1;
            self.push("block ");
            let name = if self.random.chance(85) { format!("\"block{}\"", self.blocks) } else { name };
            self.push(&name);
            let dot = if self.random.chance(80) { " $" } else { " (len .)" };
            self.push(dot);
            self.close();
            let (vars, ranges) = (std::mem::replace(&mut self.vars, vec!["$".into()]), std::mem::take(&mut self.ranges));
            self.list(depth + 1, 1);
            (self.vars, self.ranges) = (vars, ranges);
            self.open();
            self.push("end");
        } else {
            self.push("template ");
            let name = if self.random.chance(85) { "\"a\"".to_owned() } else { name };
            self.push(&name);
            if self.random.chance(70) {
                let dot = if self.random.chance(80) { " $" } else { " (print .)" };
                self.push(dot);
            }
        }
        self.close();
    }

    fn define(&mut self) {
        self.open();
        // None of those that the body of a definition may call, or it would call itself for ever.
        let name = self.random.pick(&["\"a\"", "\"a\"", "`a`"]).to_owned();
        self.push("define ");
        self.push(&name);
        self.close();
        self.vars = vec!["$".into()];
        for _ in 0..1 + self.random.below(3) {
            match self.random.below(3) {
                0 => self.push("text "),
                1 => {
                    self.open();
                    self.pipeline(Want::Any, 2);
                    self.close();
                }
                _ => self.push("{{ if . }}{{ . }}{{ end }}"),
            }
        }
        self.open();
        self.push("end");
        self.close();
    }

    fn pipeline(&mut self, want: Want, depth: usize) {
        if depth > 0 && self.random.chance(25) {
            self.command(Want::Any, depth - 1);
            let bar = self.random.pick(&[" | ", "|", " |", " |\n"]).to_owned();
            self.push(&bar);
            self.function(want, depth - 1, true);
        } else {
            self.command(want, depth);
        }
    }

    fn command(&mut self, want: Want, depth: usize) {
        if depth > 0 && self.random.chance(50) {
            self.function(want, depth, false);
        } else if self.random.chance(6) {
            self.method(depth);
        } else {
            self.operand(want, depth);
        }
    }

    /// A method of `.st`, with arguments that often fit.
    fn method(&mut self, depth: usize) {
        const CALLS: &[(&str, &[Want])] = &[
            ("Name", &[]),
            ("Add", &[Want::Int, Want::Int]),
            ("Join", &[Want::Text, Want::Text, Want::Text]),
            ("Any", &[Want::Any]),
            ("Nothing", &[]),
            ("Flag", &[Want::Flag]),
            ("Float", &[Want::Int]),
            ("Byte", &[Want::Int]),
            ("Small", &[Want::Int]),
            ("Map", &[Want::Map]),
            ("List", &[Want::List]),
            ("Strings", &[Want::List]),
            ("Complex", &[Want::Any]),
            ("Wait", &[Want::Any]),
            ("Fail", &[Want::Text]),
            ("A", &[]),
            ("D.x", &[]),
            ("C.x", &[]),
            ("Zilch", &[]),
        ];
        let (name, wants) = CALLS[self.random.below(CALLS.len())];
        let receiver = self.random.pick(&["$.st.", "$.st.", "$.st.", "($.st).", "$.sr."]).to_owned();
        self.push(&receiver);
        self.push(name);
        self.args(wants, depth, false);
    }

    fn function(&mut self, want: Want, depth: usize, piped: bool) {
        let (name, wants): (&str, &[Want]) = match want {
            Want::Place => ("len", &[Want::Flag]),
            Want::Int => [("len", &[Want::List] as &[Want]), ("len", &[Want::Text]), ("index", &[Want::List, Want::Place])]
                [self.random.below(3)],
            Want::Flag => match self.random.below(9) {
                0 => ("not", &[Want::Any]),
                1 => ("and", &[Want::Any, Want::Any]),
                2 => ("or", &[Want::Any, Want::Any, Want::Any]),
                3 => (self.random.pick(&["eq", "ne"]), &[Want::Text, Want::Text]),
                4 => ("eq", &[Want::Int, Want::Int, Want::Int]),
                5 => ("eq", &[Want::Any, Want::Any]),
                6 => (self.random.pick(&["lt", "le", "gt", "ge"]), &[Want::Int, Want::Int]),
                7 => (self.random.pick(&["lt", "le", "gt", "ge"]), &[Want::Text, Want::Text]),
                _ => (self.random.pick(&["lt", "le", "gt", "ge"]), &[Want::Any, Want::Any]),
            },
            Want::List => [("slice", &[Want::List, Want::Place] as &[Want]), ("or", &[Want::List, Want::List])]
                [self.random.below(2)],
            Want::Map => [("index", &[Want::Map, Want::Text] as &[Want]), ("or", &[Want::Map])][self.random.below(2)],
            Want::Text => match self.random.below(7) {
                0 => return self.printf(depth, piped),
                1 => (self.random.pick(&["html", "js", "urlquery"]), &[Want::Text]),
                2 => (self.random.pick(&["html", "js", "urlquery"]), &[Want::Any, Want::Any]),
                3 => ("println", &[Want::Any, Want::Any]),
                4 => ("slice", &[Want::Text, Want::Place, Want::Int]),
                5 => ("call $.st.Func", &[Want::Int, Want::Text]),
                _ => ("print", &[Want::Any, Want::Any]),
            },
            Want::Any => {
                let want = [Want::Int, Want::Flag, Want::List, Want::Map, Want::Text, Want::Text][self.random.below(6)];
                match self.random.below(20) {
                    0 => ("call $.st.Variadic", &[Want::Text, Want::Any, Want::Any]),
                    1 => ("call", &[Want::Any]),
                    2 => ("slice", &[Want::List, Want::Place, Want::Place, Want::Int]),
                    3 => ("index", &[Want::Any, Want::Any]),
                    4 if self.random.chance(3) => ("nosuch", &[]),
                    _ => return self.function(want, depth, piped),
                }
            }
        };
        self.push(name);
        self.args(wants, depth, piped);
    }

    fn args(&mut self, wants: &[Want], depth: usize, piped: bool) {
        let mut count = wants.len().saturating_sub(usize::from(piped));
        match self.random.below(30) {
            0 if self.random.chance(30) => count = count.saturating_sub(1),
            1 if self.random.chance(30) => count += 1,
            _ => {}
        }
        for place in 0..count {
            self.push(" ");
            let want = wants.get(place).copied().unwrap_or(Want::Any);
            let want = if self.random.chance(2) { Want::Any } else { want };
            self.operand(want, depth.saturating_sub(1));
        }
    }

    fn operand(&mut self, want: Want, depth: usize) {
        if self.random.chance(1) && self.random.chance(15) {
            return self.bad_operand();
        }
        if depth > 0 && want != Want::Place && self.random.chance(35) {
            self.push("(");
            self.pipeline(want, depth - 1);
            self.push(")");
            if self.random.chance(if want == Want::Map { 30 } else { 2 }) {
                self.push(".k");
            }
            return;
        }
        if want == Want::Any && self.random.chance(20) {
            let name = self.vars[self.random.below(self.vars.len())].clone();
            self.push(&name);
            if name == "$" || self.random.chance(2) {
                self.push(".m.k");
            }
            return;
        }
        let text = match want {
            Want::Int if self.random.chance(60) => self.random.pick(&["0", "1", "$.u8", "2"]),
            Want::Place => self.random.pick(&["0", "0", "1", "1", "2", "'\\x00'"]),
            Want::Any if self.random.chance(70) => {
                let want = [Want::Int, Want::Text, Want::List, Want::Map, Want::Flag][self.random.below(5)];
                return self.operand(want, 0);
            }
            Want::Any => self.random.pick(&[
                ".", "nil", ".nothing", ".nope", ".c", ".du", ".m.none.deeper", ".st", ".sr", "$.st.Err", "1i", "1.5", "1e3", ".f",
                ".f32", ".by", ".nm", ".ns", "$.m", ".m.k.z", ".st.E", ".st.D.k", "2+3i", 
                "len .l", ".st.Nothing",
            ]),
            Want::Int => self.random.pick(&[
                "0", "1", "2", "3", "-1", "+4", "0x1F", "0b101", "0o17", "017", "1_000", "'a'", "'\\n'", "'\\u00e9'", "1e2",
                "0x1p4", "-0", ".i", ".i8", ".i64",
                ".u", ".u8", ".st.A", "1.0",
            ]),
            Want::Text => self.random.pick(&[
                "\"\"", "\"a b\"", "`raw\\n`", "\"q\\\"\\t\\x41\\u00e9\"", ".s", ".t", ".m.k", ".st.B", "\"<a href='x'>&\\\\\"", "\"k\"",
                ".b", ".ms.x", "\"日本\"", "$.s",
            ]),
            Want::List => self.random.pick(&[".l", ".ls", ".li", ".by", ".empty", ".ns", "$.l", ".st.E", ".m.list"]),
            Want::Map => self.random.pick(&[".m", ".ms", ".m.inner", ".nm", ".st.D", "$.m", "$"]),
            Want::Flag => self.random.pick(&["true", "false", ".yes", ".no", ".s", ".empty", ".m", "0", ".nothing"]),
        };
        // Most fields of the root: dot is something else in many places.
        let rooted = text.strip_prefix('.').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
        let root = if rooted && self.random.chance(85) { "$" } else { "" };
        let text = format!("{root}{text}");
        self.push(&text);
    }

    /// Something that seldom parses or never fits.
    fn bad_operand(&mut self) {
        let text = self.random.pick(&[
            ".m.", "nil.x", "true.x", "'ab'", "'\\400'", "1__0", "08", "0x_1", "1e500", "9223372036854775808", "18446744073709551616",
            "9223372036854775807", "-9223372036854775808",
            "\"\\q\"", "\"\\400\"", "nosuch", "$nosuch", "()", "1.x", "\"s\".x", "..", ".a..b", "0x1.8", "1+2", "1i.x", "''",
        ]);
        let text = text.to_owned();
        self.push(&text);
    }

    fn printf(&mut self, depth: usize, piped: bool) {
        let mut format = String::new();
        let verbs = 1 + self.random.below(3);
        for _ in 0..verbs {
            self.directive(&mut format);
        }
        self.push("printf ");
        let literal = format!("{format:?}").replace("\\'", "'");
        self.push(&literal);
        let wants = [Want::Any; 4];
        self.args(&wants[..(verbs + usize::from(piped)).min(4)], depth, piped);
    }

    fn directive(&mut self, format: &mut String) {
        format.push_str(self.random.pick(&["", "x", " ", "|", "é"]));
        format.push('%');
        for _ in 0..self.random.below(3) {
            format.push_str(self.random.pick(&["+", "-", "#", " ", "0"]));
        }
        if self.random.chance(8) {
            format.push_str(self.random.pick(&["[1]", "[2]", "[3]", "[x]", "[", "[0]"]));
        }
        if self.random.chance(35) {
            format.push_str(self.random.pick(&["5", "12", "1", "*", "20"]));
        }
        if self.random.chance(30) {
            format.push_str(self.random.pick(&[".", ".0", ".2", ".7", ".*", ".25"]));
        }
        format.push_str(self.random.pick(&[
            "v", "v", "s", "d", "d", "q", "x", "X", "T", "t", "c", "U", "e", "E", "f", "F", "g", "G", "b", "o", "O", "%", "z", "!",
            "w", "é", "",
        ]));
    }

    /// The data: the same keys always, their values at random.
    fn data(&mut self, files: &[(String, Vec<u8>)]) -> Datum {
        // Go would range over a large number for ever.
        let ranges = files.iter().any(|(_, text)| bstr::ByteSlice::find(&**text, "range").is_some());
        let int = self.random.pick(&[&0i64, &1, &2, &3, &-4, &65, &255, &1_000_000, &i64::MAX, &i64::MIN]).to_owned();
        let int = if ranges { int.rem_euclid(256) } else { int };
        let float = [0.0, 1.0, 2.5, -0.125, 1e6, 1e21, 1e-7, 123_456_789.125, 0.1, 2.0f64.powi(60), 5e-324, f64::MAX, -0.0]
            [self.random.below(13)];
        let float = match self.random.below(25) {
            0 => f64::INFINITY,
            1 => f64::NAN,
            2 => f64::NEG_INFINITY,
            _ => float,
        };
        let text = |text: &str| Datum::Str(text.as_bytes().to_vec());
        let string = match self.random.below(8) {
            0 => Datum::Str(b"\xff\x00bad\xc3".to_vec()),
            1 => text(""),
            2 => text("日本語 \u{ad}\u{7f}\u{2028}"),
            3 => text("a\\b\"c'd`e<f>&=\n"),
            _ => text("hello"),
        };
        let key = |key: &str, datum: Datum| (key.to_owned(), datum);
        let inner = vec![key("k", text("deep")), key("", Datum::Int(0, GoType::Int)), key("z", Datum::Nil)];
        let list = vec![Datum::Int(int, GoType::Int), text("two"), Datum::Nil, Datum::Float(float, GoType::Float64)];
        let map = vec![
            key("k", string.clone()),
            key("inner", Datum::Map(GoType::MapAny, inner)),
            key("list", Datum::List(GoType::ListAny, list.clone())),
            key("n", Datum::Nil),
            key("é", Datum::Bool(true)),
        ];
        let entries = vec![
            key("i", Datum::Int(int, GoType::Int)),
            key("i8", Datum::Int(i64::from(int as i8), GoType::Int8)),
            key("i64", Datum::Int(int, GoType::Int64)),
            key("u", Datum::Uint(int as u64, GoType::Uint64)),
            key("u8", Datum::Uint(u64::from(int as u8), GoType::Uint8)),
            key("f", Datum::Float(float, GoType::Float64)),
            key("f32", Datum::Float(float, GoType::Float32)),
            key("c", Datum::Complex(float)),
            key("du", Datum::Int(int, GoType::Duration)),
            key("s", string.clone()),
            key("t", text("tee")),
            key("b", Datum::Bytes(b"by\xfftes".to_vec())),
            key("by", Datum::Bytes(vec![1, 2, 255])),
            key("yes", Datum::Bool(true)),
            key("no", Datum::Bool(false)),
            key("nothing", Datum::Nil),
            key("empty", Datum::List(GoType::ListAny, Vec::new())),
            key("l", Datum::List(GoType::ListAny, list)),
            key("ls", Datum::List(GoType::ListString, vec![text("p"), string.clone()])),
            key("li", Datum::List(GoType::ListInt, vec![Datum::Int(5, GoType::Int), Datum::Int(6, GoType::Int)])),
            key("ns", Datum::NilStrings),
            key("m", Datum::Map(GoType::MapAny, map.clone())),
            key("ms", Datum::Map(GoType::MapString, vec![key("x", string), key("y", text("why"))])),
            key("nm", Datum::NilMap),
            key("st", Datum::Thing(map)),
            key("sr", Datum::Stringer),
        ];
        Datum::Map(GoType::MapAny, entries)
    }
}
