//! YAML, JSON and TOML against what Go's libraries answered (`tests/cases/yaml/README.md`), and that nothing panics.

use base64::Engine as _;
use proptest::prelude::*;
use windlass::value::{Map, Value};
use windlass::yaml;

/// The string as key and value in nested data, as the oracle's `key` builds it.
fn nested(text: &[u8]) -> Value {
    let string = || Value::String(text.into());
    let list = Value::List(vec![string(), Value::List(vec![string()])]);
    let inner = Value::Map(Map::from([(text.into(), list)]));
    let item = Value::Map(Map::from([(text.into(), string())]));
    // In this order: a later key may be the text itself.
    Value::Map(Map::from([(text.into(), inner), ("b".into(), string()), ("l".into(), Value::List(vec![item]))]))
}

fn json(value: &Value, escape_html: bool, pretty: bool) -> Result<String, yaml::Error> {
    yaml::marshal_json(value, yaml::JsonForm { escape_html, pretty })
}

/// What our codec makes of a text, by the operations of the oracle.
pub fn answer(op: &str, text: &[u8]) -> Result<String, String> {
    let done = match op {
        "y" => yaml::from_yaml(text).and_then(|value| json(&value, true, false)),
        "s" => yaml::from_yaml_strict(text).and_then(|value| json(&value, true, false)),
        "m" => yaml::from_yaml_map(text).and_then(|map| json(&Value::Map(map), true, false)),
        "r" => yaml::from_yaml(text).and_then(|value| yaml::marshal(&value)),
        "p" => yaml::from_yaml(text).and_then(|value| yaml::marshal_pretty(&value)),
        "t" => yaml::marshal(&Value::String(text.into())),
        "u" => yaml::marshal_pretty(&Value::String(text.into())),
        "k" => yaml::marshal(&nested(text)),
        "l" => yaml::marshal_pretty(&nested(text)),
        "j" => yaml::from_json(text).and_then(|value| json(&value, false, false)),
        "i" => yaml::from_json(text).and_then(|value| json(&value, true, true)),
        "T" => yaml::from_toml(text).and_then(|map| json(&Value::Map(map), true, false)),
        "e" => yaml::from_json(text)
            .and_then(|value| yaml::marshal_toml(&value))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        other => panic!("no such op: {other}"),
    };
    done.map_err(|error| error.message)
}

#[test]
fn answers_as_gos_libraries() {
    let cases = include_str!("../cases/yaml/cases.jsonl");
    let (mut count, mut wrong) = (0, Vec::new());
    for line in cases.lines() {
        let case: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| case[name].as_str();
        let text = match field("base64") {
            Some(text) => base64::engine::general_purpose::STANDARD.decode(text).unwrap(),
            None => field("text").unwrap_or_default().as_bytes().to_vec(),
        };
        let want = match field("error") {
            Some(error) => Err(error.to_owned()),
            None => Ok(field("want").unwrap_or_default().to_owned()),
        };
        let got = answer(field("op").unwrap(), &text);
        count += 1;
        if got != want {
            wrong.push(format!("{line}\n  got {got:?}"));
        }
    }
    assert!(count > 8_000, "only {count} cases were read");
    assert!(wrong.is_empty(), "{} of {count} differ:\n{}", wrong.len(), wrong[..wrong.len().min(10)].join("\n"));
}

/// Bytes that YAML, JSON and TOML care about, more often than others.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::sample::select(vec![
            ": ", "- ", "\n", "\n  ", "? ", "{", "}", "[", "]", ",", "\"", "'", "|", ">", "|-\n ", "#", "&a ", "*a", "<<: ", "!!int ",
            "!", "%TAG ", "---\n", "...\n", "\t", "\r", "\u{85}", "\u{2028}", "\u{feff}", "\\u", "\\ud800", "\\", "1", "0x", "1e9",
            "2001-01-01", ".inf", "= ", "[[", "]]", "\"\"\"", "a.b", "e", "_", "true",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 1..4),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn hostile_text_is_refused_or_read_but_never_panics(text in hostile()) {
        for op in ["y", "s", "m", "r", "p", "t", "u", "k", "l", "j", "i", "T", "e"] {
            let _ = answer(op, &text);
        }
    }
}
