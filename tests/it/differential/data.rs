//! Typed data for both sides: as JSON for the oracle, as values for our engine.

use serde_json::{Value as Json, json};
use std::{any::Any, rc::Rc};
use windlass::{
    template::{GoType, List, MapRef, Object, Printing, Signature, Val, fmt},
    value::{GoStr, Value},
};

/// A datum of a Go type.
#[derive(Clone)]
pub enum Datum {
    Nil,
    Bool(bool),
    Int(i64, GoType),
    Uint(u64, GoType),
    Float(f64, GoType),
    Complex(f64),
    Str(Vec<u8>),
    Bytes(Vec<u8>),
    List(GoType, Vec<Datum>),
    NilStrings,
    Map(GoType, Vec<(String, Datum)>),
    NilMap,
    Thing(Vec<(String, Datum)>),
    Stringer,
}

impl Datum {
    /// The tagged JSON that the oracle decodes.
    pub fn json(&self) -> Json {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
        let entries = |map: &[(String, Datum)]| {
            Json::Object(map.iter().map(|(key, datum)| (key.clone(), datum.json())).collect())
        };
        let tagged = |tag: &str, v: Json| json!({"t": tag, "v": v});
        match self {
            Datum::Nil => tagged("nil", Json::Null),
            Datum::Bool(flag) => tagged("bool", json!(flag.to_string())),
            Datum::Int(number, GoType::Duration) => tagged("duration", json!(number.to_string())),
            Datum::Int(number, ty) => tagged(ty.name(), json!(number.to_string())),
            Datum::Uint(number, ty) => tagged(ty.name(), json!(number.to_string())),
            Datum::Float(number, ty) => tagged(ty.name(), json!(number.to_string())),
            Datum::Complex(real) => tagged("complex", json!(real.to_string())),
            Datum::Str(bytes) => tagged("string", json!(encode(bytes))),
            Datum::Bytes(bytes) => tagged("bytes", json!(encode(bytes))),
            Datum::List(ty, items) => {
                let tag = match ty {
                    GoType::ListString => "strings",
                    GoType::ListInt => "ints",
                    _ => "list",
                };
                tagged(tag, Json::Array(items.iter().map(Datum::json).collect()))
            }
            Datum::NilStrings => tagged("nilstrings", Json::Null),
            Datum::Map(GoType::MapString, map) => tagged("mapstring", entries(map)),
            Datum::Map(_, map) => tagged("map", entries(map)),
            Datum::NilMap => tagged("nilmap", Json::Null),
            Datum::Thing(map) => tagged("struct", entries(map)),
            Datum::Stringer => tagged("stringer", Json::Null),
        }
    }

    /// The value for our engine.
    pub fn val(&self) -> Val {
        let entries = |ty: GoType, map: &[(String, Datum)]| {
            let Val::Map(made) = Val::map(map.iter().map(|(k, v)| (GoStr::from(&**k), v.val())).collect()) else {
                unreachable!("it is a map")
            };
            Val::Map(MapRef { ty, entries: made.entries.clone() })
        };
        match self {
            Datum::Nil => Val::Nil,
            Datum::Bool(flag) => Val::Bool(*flag),
            Datum::Int(number, ty) => Val::Int(*number, *ty),
            Datum::Uint(number, ty) => Val::Uint(*number, *ty),
            Datum::Float(number, GoType::Float32) => Val::Float(f64::from(*number as f32), GoType::Float32),
            Datum::Float(number, ty) => Val::Float(*number, *ty),
            Datum::Complex(real) => Val::Complex(*real, -1.5),
            Datum::Str(bytes) => Val::Str(GoStr::from_bytes(bytes)),
            Datum::Bytes(bytes) => Val::Bytes(bytes.as_slice().into()),
            Datum::List(ty, items) => {
                Val::List(List { ty: *ty, items: Rc::new(items.iter().map(Datum::val).collect()) })
            }
            Datum::NilStrings => Val::List(List::nil(GoType::ListString)),
            Datum::Map(ty, map) => entries(*ty, map),
            Datum::NilMap => Val::Map(MapRef::nil(GoType::MapAny)),
            Datum::Thing(map) => Val::Object(Rc::new(Thing(entries(GoType::MapAny, map)))),
            Datum::Stringer => Val::Object(Rc::new(Stringer)),
        }
    }
}

fn text(out: Vec<u8>) -> Val {
    Val::Str(out.into())
}

fn printed(args: &[Val]) -> Vec<u8> {
    let mut out = Vec::new();
    fmt::append_print(&mut out, args).expect("it is short");
    out
}

/// The oracle's `Thing`; holds its `D`.
struct Thing(Val);

impl Thing {
    fn entry(&self, name: &str) -> Val {
        match &self.0 {
            Val::Map(map) => map.entries.borrow().get(name.as_bytes()).cloned().unwrap_or(Val::Nil),
            _ => Val::Nil,
        }
    }
}

impl Object for Thing {
    fn type_name(&self) -> &'static str {
        "main.Thing"
    }
    fn kind(&self) -> &'static str {
        "struct"
    }
    fn printing(&self) -> Printing {
        Printing::Parts
    }
    fn display(&self) -> String {
        String::new()
    }
    fn field(&self, name: &str) -> Option<Val> {
        self.fields().into_iter().find(|(other, _)| *other == name && *other != "hidden").map(|(_, val)| val)
    }
    fn fields(&self) -> Vec<(&'static str, Val)> {
        vec![
            ("A", Val::int(7)),
            ("B", Val::str("bee")),
            ("C", self.entry("C")),
            ("D", self.0.clone()),
            ("E", Val::strings(vec![Val::str("x"), Val::str("y")])),
            ("hidden", Val::int(1)),
        ]
    }
    fn refusal(&self, name: &str) -> Option<String> {
        (name == "hidden").then(|| "hidden is an unexported field of struct type interface {}".into())
    }
    fn signature(&self, name: &str) -> Option<Signature> {
        use GoType::*;
        let (params, variadic, result): (&'static [GoType], bool, GoType) = match name {
            "Name" => (&[], false, String),
            "Add" => (&[Int, Int], false, Int),
            "Join" => (&[String, String], true, String),
            "Any" => (&[Any], false, Any),
            "Nothing" | "Err" => (&[], false, Any),
            "Flag" => (&[Bool], false, Bool),
            "Float" => (&[Float64], false, Float64),
            "Byte" => (&[Uint8], false, Uint8),
            "Small" => (&[Int8], false, Int8),
            "Map" => (&[MapAny], false, Int),
            "List" => (&[ListAny], false, Int),
            "Strings" => (&[ListString], false, Int),
            "Complex" => (&[Complex128], false, Complex128),
            "Wait" => (&[Duration], false, String),
            "Fail" => (&[String], false, String),
            "Func" => (&[], false, Named("func(int, string) string")),
            "Variadic" => (&[], false, Named("func(string, ...interface {}) (string, error)")),
            "Chan" => (&[], false, Named("chan int")),
            "NoChan" | "Closed" => (&[], false, Named("chan int")),
            "Send" => (&[], false, Named("chan<- int")),
            "Pointer" => (&[], false, Named("*main.Thing")),
            "Seq" | "NoSeq" => (&[], false, Named("func(func(int) bool)")),
            "Seq2" | "NoSeq2" => (&[], false, Named("func(func(string, int) bool)")),
            _ => return None,
        };
        Some(Signature { params, variadic, result })
    }
    fn call(&self, name: &str, args: &[Val]) -> Option<Result<Val, String>> {
        Some(Ok(match (name, args) {
            ("Name", _) => Val::str("name:bee"),
            ("Add", [Val::Int(a, _), Val::Int(b, _)]) => Val::int(a.wrapping_add(*b)),
            ("Join", [Val::Str(separator), parts @ ..]) => {
                let parts: Vec<&[u8]> =
                    parts.iter().map(|part| if let Val::Str(text) = part { &text[..] } else { b"" }).collect();
                text(parts.join(&separator[..]))
            }
            ("Any" | "Byte" | "Small" | "Complex", [arg]) => arg.clone(),
            ("Nothing", _) => Val::Nil,
            ("Err", _) => Val::Object(Rc::new(Failure)),
            ("Func", _) => Val::Object(Rc::new(Func(false))),
            ("Variadic", _) => Val::Object(Rc::new(Func(true))),
            ("Chan", _) => Val::Object(Rc::new(Chan(Some(3)))),
            ("NoChan" | "Closed", _) => Val::Object(Rc::new(Chan(Some(0)))),
            ("Send", _) => Val::Object(Rc::new(Chan(None))),
            ("Pointer", _) => Val::Object(Rc::new(Pointer)),
            ("Seq" | "NoSeq" | "Seq2" | "NoSeq2", _) => {
                let length = if name.starts_with("No") { 0 } else { 3 };
                Val::Object(Rc::new(Iterator { pairs: name.ends_with('2'), length }))
            }
            ("Flag", [Val::Bool(flag)]) => Val::Bool(!flag),
            ("Float", [Val::Float(number, _)]) => Val::float(number * 2.0),
            ("Map", [Val::Map(map)]) => Val::int(map.entries.borrow().len() as i64),
            ("List" | "Strings", [Val::List(list)]) => Val::int(list.items.len() as i64),
            ("Wait", [duration]) => text(printed(std::slice::from_ref(duration))),
            ("Fail", [Val::Str(message)]) if *message == "panic" => return Some(Err("it panicked".into())),
            ("Fail", [Val::Str(message)]) => return Some(Err(message.to_text())),
            _ => return None,
        }))
    }
    fn to_value(&self) -> Value {
        Value::Null
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The oracle's `Stringer`.
struct Stringer;

impl Object for Stringer {
    fn type_name(&self) -> &'static str {
        "main.Stringer"
    }
    fn kind(&self) -> &'static str {
        "struct"
    }
    fn display(&self) -> String {
        "S<3>".into()
    }
    fn field(&self, name: &str) -> Option<Val> {
        (name == "X").then(|| Val::int(3))
    }
    fn fields(&self) -> Vec<(&'static str, Val)> {
        vec![("X", Val::int(3))]
    }
    fn signature(&self, name: &str) -> Option<Signature> {
        (name == "String").then_some(Signature { params: &[], variadic: false, result: GoType::String })
    }
    fn call(&self, name: &str, _: &[Val]) -> Option<Result<Val, String>> {
        (name == "String").then(|| Ok(Val::str("S<3>")))
    }
    fn to_value(&self) -> Value {
        Value::Null
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// An `errors.New`.
struct Failure;

impl Object for Failure {
    fn type_name(&self) -> &'static str {
        "*errors.errorString"
    }
    fn kind(&self) -> &'static str {
        "ptr"
    }
    fn display(&self) -> String {
        "an error".into()
    }
    fn field(&self, _: &str) -> Option<Val> {
        None
    }
    fn fields(&self) -> Vec<(&'static str, Val)> {
        vec![("s", Val::str("an error"))]
    }
    fn refusal(&self, name: &str) -> Option<String> {
        (name == "s").then(|| "s is an unexported field of struct type *errors.errorString".into())
    }
    fn signature(&self, name: &str) -> Option<Signature> {
        (name == "Error").then_some(Signature { params: &[], variadic: false, result: GoType::String })
    }
    fn call(&self, name: &str, _: &[Val]) -> Option<Result<Val, String>> {
        (name == "Error").then(|| Ok(Val::str("an error")))
    }
    fn to_value(&self) -> Value {
        Value::Null
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The oracle's functions: `func(int, string) string` and `func(string, ...interface {}) (string, error)`.
struct Func(bool);

impl Object for Func {
    fn type_name(&self) -> &'static str {
        if self.0 { "func(string, ...interface {}) (string, error)" } else { "func(int, string) string" }
    }
    fn kind(&self) -> &'static str {
        "func"
    }
    fn printing(&self) -> Printing {
        Printing::Parts
    }
    fn display(&self) -> String {
        String::new()
    }
    fn field(&self, _: &str) -> Option<Val> {
        None
    }
    fn signature(&self, name: &str) -> Option<Signature> {
        let params: &'static [GoType] =
            if self.0 { &[GoType::String, GoType::Any] } else { &[GoType::Int, GoType::String] };
        name.is_empty().then_some(Signature { params, variadic: self.0, result: GoType::String })
    }
    fn call(&self, name: &str, args: &[Val]) -> Option<Result<Val, String>> {
        Some(match (name, self.0, args) {
            ("", true, [Val::Str(separator), ..]) if separator.is_empty() => Err("no separator".into()),
            ("", true, [Val::Str(separator), parts @ ..]) => {
                let mut out = Vec::new();
                fmt::append_println(&mut out, parts).expect("it is short");
                out.pop();
                out.extend_from_slice(separator);
                Ok(text(out))
            }
            ("", false, args) => Ok(text(printed(args))),
            _ => return None,
        })
    }
    fn to_value(&self) -> Value {
        Value::Null
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The oracle's functions that `range` takes: of numbers, and of names with numbers.
struct Iterator {
    pairs: bool,
    length: i64,
}

impl Object for Iterator {
    fn type_name(&self) -> &'static str {
        if self.pairs { "func(func(string, int) bool)" } else { "func(func(int) bool)" }
    }
    fn kind(&self) -> &'static str {
        "func"
    }
    fn printing(&self) -> Printing {
        Printing::Parts
    }
    fn display(&self) -> String {
        String::new()
    }
    fn field(&self, _: &str) -> Option<Val> {
        None
    }
    fn items(&self) -> Option<Vec<Val>> {
        (!self.pairs).then(|| (0..self.length).map(|number| Val::int(number * 10)).collect())
    }
    fn entries(&self) -> Option<Vec<(GoStr, Val)>> {
        let names = ["one", "two"].into_iter().take(self.length as usize).enumerate();
        self.pairs.then(|| names.map(|(number, name)| (GoStr::from(name), Val::int(number as i64))).collect())
    }
    fn to_value(&self) -> Value {
        Value::Null
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The oracle's nil `*Thing`, of which nothing but fields is asked.
struct Pointer;

impl Object for Pointer {
    fn type_name(&self) -> &'static str {
        "*main.Thing"
    }
    fn kind(&self) -> &'static str {
        "ptr"
    }
    fn display(&self) -> String {
        "<nil>".into()
    }
    fn field(&self, _: &str) -> Option<Val> {
        None
    }
    fn refusal(&self, name: &str) -> Option<String> {
        Some(match name {
            "A" => "nil pointer evaluating *main.Thing.A".into(),
            name => format!("can't evaluate field {name} in type *main.Thing"),
        })
    }
    fn to_value(&self) -> Value {
        Value::Null
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A closed channel with so many numbers; `None` for one that only takes them.
struct Chan(Option<i64>);

impl Object for Chan {
    fn type_name(&self) -> &'static str {
        if self.0.is_some() { "chan int" } else { "chan<- int" }
    }
    fn kind(&self) -> &'static str {
        "chan"
    }
    fn printing(&self) -> Printing {
        Printing::Parts
    }
    fn display(&self) -> String {
        String::new()
    }
    fn field(&self, _: &str) -> Option<Val> {
        None
    }
    fn items(&self) -> Option<Vec<Val>> {
        Some((0..self.0?).map(|number| Val::int(number * 10)).collect())
    }
    fn to_value(&self) -> Value {
        Value::Null
    }
    fn as_any(&self) -> &dyn Any {
        self
    }
}
