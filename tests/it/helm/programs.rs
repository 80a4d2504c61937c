//! Random templates of several actions, whole and broken.

use super::{Case, Random, expressions::Maker};

/// A template of nested actions.
pub fn program(random: &mut Random) -> Case {
    let mut maker = Maker::new(random);
    maker.vars.push("$".to_owned());
    let mut text = String::new();
    if maker.random.chance(20) {
        text.push_str("{{- define \"own\" }}[");
        block(&mut maker, &mut text, 2, false);
        text.push_str("]{{ end }}\n");
    }
    block(&mut maker, &mut text, 0, false);
    Case::snippet(text, Vec::new())
}

/// The same with a few bytes wrong: mostly errors of the parser.
pub fn broken(random: &mut Random) -> Case {
    let mut case = program(random);
    let (_, text) = case.files.last_mut().expect("the template is the last");
    const WRONG: &[&str] = &[
        "{{", "}}", "-", "|", "$", ".", "(", ")", "\"", "`", "'", ":", "=", ":=", ",", "{{ end }}", "{{ else }}", "{{ break }}", "{{ continue }}", "{{ else if }}", "{{ define \"x\" }}", "{{/*", "*/}}", "{{ template }}",
        "{{ template \"name\" 1 2 }}", "{{ block \"x\" }}", "{{ range }}", "{{ if }}", "{{ with }}", "{{ nope }}", "{{ $nope }}", "{{ 1 | 2 }}", "{{ .a.b | }}", "{{ \"a }}", "{{- 1-}}", "{{ 0x }}", "{{ 1.2.3 }}", "{{ 'ab' }}", "{{ nil }}",
        "{{ range $a, $b, $c := . }}", "{{ $a, $b := . }}", "{{ if $x := 1, 2 }}", "{{ ( }}", "{{ ) }}", "{{ . . }}", "{{ .(x) }}", "{{ define x }}", "{{ end end }}", "{{ else with . }}", "{{ \u{e9} }}", "{{ # }}", "\u{0}", "{{ $x = 1 }}", "{{ template x }}",
        "{{ define \"y\" . }}", "{{ \"\\q\" }}", "{{ '' }}", "{{\n\n", "{{ _x }}", "{{ true.x }}", "{{ nil | quote }}", "{{ (1).x }}", "{{ .x.1 }}", "{{ 1e }}", "{{ break 1 }}",
    ];
    let mut made = String::from_utf8(std::mem::take(text)).expect("it is text");
    for _ in 0..1 + random.below(2) {
        let places: Vec<usize> = made.char_indices().map(|(at, _)| at).chain([made.len()]).collect();
        let at = places[random.below(places.len())];
        match random.below(3) {
            0 => {
                let end = places[random.below(places.len())];
                let end = if end > at && end - at < 12 { end } else { at };
                made.replace_range(at..end, "");
            }
            1 => made.truncate(at.max(3)),
            _ => made.insert_str(at, random.pick(WRONG)),
        }
    }
    *text = made.into_bytes();
    case
}

fn open(maker: &mut Maker<'_>) -> &'static str {
    maker.random.pick(&["{{", "{{ ", "{{- ", "{{- ", "{{-\n  "])
}

fn close(maker: &mut Maker<'_>) -> &'static str {
    maker.random.pick(&["}}", " }}", " }}", " -}}", "\n}}"])
}

fn action(maker: &mut Maker<'_>, text: &mut String, inner: &str) {
    text.push_str(open(maker));
    text.push_str(inner);
    text.push_str(close(maker));
}

fn value(maker: &mut Maker<'_>) -> String {
    // `keys` and `values` come in Go's random order.
    loop {
        let made = if maker.random.chance(50) { maker.call(1) } else { maker.any(1) };
        if !made.contains("keys") && !made.contains("values ") && !made.contains("| values") {
            return made;
        }
    }
}

fn block(maker: &mut Maker<'_>, text: &mut String, depth: usize, looping: bool) {
    let mark = maker.vars.len();
    for _ in 0..1 + maker.random.below(4) {
        item(maker, text, depth, looping);
    }
    maker.vars.truncate(mark);
}

fn item(maker: &mut Maker<'_>, text: &mut String, depth: usize, looping: bool) {
    match maker.random.below(if depth > 2 { 7 } else { 14 }) {
        0 => text.push_str(maker.random.pick(&["x: 1\n", "\n", "  ", "k:\n", "# c\n", "}}\n"])),
        1..=3 => {
            text.push_str(maker.random.pick(&["\nk: ", "\n- ", "\n  ", "\nv"]));
            let made = value(maker);
            let wrapped = match maker.random.below(4) {
                0 => made,
                1 => format!("({made}) | toString | quote"),
                2 => format!("{made} | toJson"),
                _ => format!("({made}) | toYaml | nindent 2"),
            };
            action(maker, text, &wrapped);
        }
        4 => {
            let name = maker.random.pick(&["$a", "$b", "$c"]).to_owned();
            let made = value(maker);
            let sign = if maker.vars.contains(&name) && maker.random.chance(60) { "=" } else { ":=" };
            action(maker, text, &format!("{name} {sign} {made}"));
            maker.vars.push(name);
        }
        5 => text.push_str(maker.random.pick(&["{{/* c */}}", "{{- /* c\n*/ -}}", "{{- /* }} */}}"])),
        6 if looping => {
            let word = maker.random.pick(&["break", "continue"]);
            action(maker, text, word);
        }
        6 => {
            let name = maker.random.pick(&["name", "dot", "json", "own", "fails", "bad", "nope", "with space"]);
            let arg = if maker.random.chance(80) { maker.any(0) } else { String::new() };
            let call = if maker.random.chance(60) && !arg.is_empty() { format!("include \"{name}\" {arg}") } else { format!("template \"{name}\" {arg}") };
            action(maker, text, &call);
        }
        7..=9 => branch(maker, text, depth, looping),
        10..=12 => range(maker, text, depth),
        _ => {
            let made = value(maker);
            action(maker, text, &format!("with $w := {made}"));
            maker.vars.push("$w".to_owned());
            block(maker, text, depth + 1, looping);
            maker.vars.pop();
            action(maker, text, "end");
        }
    }
}

fn branch(maker: &mut Maker<'_>, text: &mut String, depth: usize, looping: bool) {
    let word = maker.random.pick(&["if", "if", "with"]);
    let made = value(maker);
    action(maker, text, &format!("{word} {made}"));
    block(maker, text, depth + 1, looping);
    if maker.random.chance(30) {
        let made = value(maker);
        action(maker, text, &format!("else {word} {made}"));
        block(maker, text, depth + 1, looping);
    }
    if maker.random.chance(50) {
        action(maker, text, "else");
        block(maker, text, depth + 1, looping);
    }
    action(maker, text, "end");
}

fn range(maker: &mut Maker<'_>, text: &mut String, depth: usize) {
    use super::words::{LISTS, MAPS, SMALL};
    let over = match maker.random.below(8) {
        0..=2 => maker.random.pick(LISTS).to_owned(),
        3 | 4 => maker.random.pick(MAPS).to_owned(),
        5 => maker.random.pick(SMALL).to_owned(),
        6 => maker.random.pick(&["nil", ".Values.none", "\"text\"", "1.5", "$", "(until 4)", ".Files", ".Capabilities.APIVersions", "(seq 3 | splitList \" \")"]).to_owned(),
        _ => format!("({})", value(maker)),
    };
    // What a range over a huge number makes of time is nobody's difference.
    let over = if ["9223", "4294", "21474", "1_000", "bigint", "atoi", "int"].iter().any(|huge| over.contains(huge)) { "(list 1 2)".to_owned() } else { over };
    let mark = maker.vars.len();
    let declared = match maker.random.below(4) {
        0 => {
            maker.vars.extend(["$i".to_owned(), "$e".to_owned()]);
            "$i, $e := "
        }
        1 => {
            maker.vars.push("$e".to_owned());
            "$e := "
        }
        _ => "",
    };
    action(maker, text, &format!("range {declared}{over}"));
    maker.vars.push(".".to_owned());
    block(maker, text, depth + 1, true);
    maker.vars.truncate(mark);
    if maker.random.chance(30) {
        action(maker, text, "else");
        block(maker, text, depth + 1, false);
    }
    action(maker, text, "end");
}
