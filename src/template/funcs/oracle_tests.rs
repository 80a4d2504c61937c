//! What sprig itself gives: `tests/cases/functions/*.jsonl`, made by `tests/oracle/sprig` (sprig v3.3.0, Go 1.26).

use super::{GoType, Host, Val, lookup};
use crate::value::Value;
use serde_json::Value as Json;
use std::cell::Cell;

/// A host whose randomness is a plain counter hash: enough for keys in tests.
struct TestHost(Cell<u64>);

impl Host for TestHost {
    fn now(&self) -> i128 {
        1_700_000_000_000_000_000
    }

    fn zone(&self) -> String {
        "UTC".into()
    }

    fn random(&self, buffer: &mut [u8]) {
        for byte in buffer {
            let mut state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.0.set(state);
            state = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            state = (state ^ state >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (state >> 24) as u8;
        }
    }

    fn lookup(&self, _: &str, _: &str, _: &str, _: &str) -> Result<Value, String> {
        Ok(Value::Map(Default::default()))
    }

    fn resolve(&self, _: &str) -> String {
        String::new()
    }
}

fn host() -> TestHost {
    TestHost(Cell::new(7))
}

/// An argument as the executor would pass it for this parameter.
fn argument(json: &Json, ty: GoType) -> Val {
    match (json, ty) {
        (Json::String(text), _) => Val::str(text.as_str()),
        (Json::Bool(flag), _) => Val::Bool(*flag),
        (Json::Number(number), GoType::Uint32) => Val::Uint(number.as_u64().unwrap(), GoType::Uint32),
        (Json::Number(number), _) => Val::int(number.as_i64().unwrap()),
        (Json::Array(items), _) => Val::list(items.iter().map(|item| argument(item, GoType::Any)).collect()),
        other => panic!("no argument: {other:?}"),
    }
}

fn shown(value: &Val) -> Json {
    match value {
        Val::Str(text) => Json::String(text.to_text()),
        Val::Bool(flag) => Json::Bool(*flag),
        Val::Int(number, _) => Json::from(*number),
        Val::List(list) if list.is_nil() => Json::Null,
        Val::List(list) => Json::Array(list.items.iter().map(shown).collect()),
        Val::Object(object) => Json::String(object.display()),
        _ => Json::String("?".into()),
    }
}

fn run(pipe: &str, stages: &Json) -> Result<Json, String> {
    let host = host();
    let mut last = Val::Nil;
    for (name, args) in pipe.split('|').zip(stages.as_array().unwrap()) {
        let def = lookup(name).unwrap_or_else(|| panic!("no function {name}"));
        let types = def.params.iter().chain(def.params.last().into_iter().cycle());
        let pass = |(json, ty): (&Json, &GoType)| if json == "@" { last.clone() } else { argument(json, *ty) };
        let args: Vec<Val> = args.as_array().unwrap().iter().zip(types).map(pass).collect();
        last = (def.body)(&host, &args).map_err(|error| error.message)?;
    }
    Ok(shown(&last))
}

fn compare(cases: &str) {
    let (mut all, mut bad) = (0, Vec::new());
    for line in cases.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let pipe = case[0].as_str().unwrap();
        let want = match case.get(3) {
            Some(error) => Err(error.as_str().unwrap().to_owned()),
            None => Ok(case[2].clone()),
        };
        let got = run(pipe, &case[1]);
        all += 1;
        if got != want {
            bad.push(format!("{}\n    want {want:?}\n    got  {got:?}", &line[..line.len().min(300)]));
        }
    }
    assert!(all > 50, "the cases are there");
    assert!(bad.is_empty(), "{} of {all} differ:\n{}", bad.len(), bad.iter().take(60).cloned().collect::<Vec<_>>().join("\n"));
}

#[test]
fn regular_expressions_as_sprig() {
    compare(include_str!("../../../tests/cases/functions/regex.jsonl"));
}

#[test]
fn dates_as_sprig() {
    compare(include_str!("../../../tests/cases/functions/dates.jsonl"));
}

#[test]
fn passwords_and_hashes_as_sprig() {
    compare(include_str!("../../../tests/cases/functions/crypto.jsonl"));
}
